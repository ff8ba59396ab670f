"""What tests of the forms of the interacting layers share: drawn layers, and the function of each form."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from autoint_jax.models.interacting import forms
from autoint_jax.models.interacting.stack import LayerWeights, StackSpec
from autoint_jax.models.layers.dropout import Drawn

ON_GPU = jax.default_backend() == 'gpu'
FUXICTR = {'identity_residual': True, 'norm_first': True, 'norm_epsilon': 1e-5}


def drawn(sizes, *, authors, residual, dropout, dtype=jnp.float32, norm=None, **options):
    """x, layers, masks, spec; values N(0, 1) / sqrt(width), so that scores are of order one.

    The layers have biases with `authors`, a LayerNorm with `norm`, by default as `authors`; `options` are StackSpec's.
    """
    b, f, d, depth, n, a = sizes
    rng = np.random.default_rng(f)
    normal = lambda *shape: jnp.asarray(rng.normal(size=shape), jnp.float32)  # noqa: E731
    spec = StackSpec(n, a, residual, projection_relu=authors, scale=a**-0.5 if authors else 1.0)._replace(**options)
    layers, masks = [], []
    for layer in range(depth):
        inputs = d if layer == 0 else n * a
        p = spec.projections(inputs)
        kernel = (normal(inputs, p, n, a) / (inputs * a**0.5) ** 0.5).astype(dtype)
        bias = normal(p, n, a) / 3 if authors else None
        norms = (1 + normal(n * a) / 3, normal(n * a) / 3) if (authors if norm is None else norm) else (None, None)
        layers.append(LayerWeights(kernel, bias, *norms))
        words = jnp.asarray(rng.integers(0, 2**32, (b, n, 2)), jnp.uint32)
        masks.append(Drawn(words, jnp.float32(0.2)) if dropout else None)
    return normal(b, f, d).astype(dtype), tuple(layers), tuple(masks), spec


def stack_of(form):
    """The form's function; the GPU kernel is interpreted where there is no GPU."""
    return functools.partial(forms.FORMS[form], interpret=not ON_GPU) if form == 'gpu_kernel' else forms.FORMS[form]
