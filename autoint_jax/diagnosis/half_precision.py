"""Compares the forms of the interacting layers in bfloat16 with einsum in float32, forward and backward."""

import functools
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.diagnosis.checks import BAD, NOTE, OK, Check
from autoint_jax.errors import UsageError
from autoint_jax.models.interacting.forms import FORMS, chosen_form, interacting_stack
from autoint_jax.models.interacting.stack import LayerWeights, StackSpec

B, F, D, N, A = 29, 39, 16, 2, 32  # the shape of Criteo
BOUND = 1e-2  # of the root mean square error, divided by the root mean square; bfloat16 has 8 bits


def checks() -> list[Check]:
    """Checks every form that computes in bfloat16 on the default device, in a few seconds."""
    return list(_checks())


def _checks() -> Iterator[Check]:
    with jax.default_matmul_precision('highest'):
        exact = _values_and_gradients('einsum', jnp.float32)
    for form in FORMS:
        try:
            chosen_form(form, ModelConfig(compute_dtype='bfloat16'), fields=F)
        except UsageError as error:
            yield Check(NOTE, f'form {form!r} does not run here in bfloat16: {error}')
            continue
        name = f'interacting layers and their gradients in bfloat16, form {form!r} against einsum in float32'
        try:
            yield judged(name, list(map(_error, _values_and_gradients(form, jnp.bfloat16), exact)))
        except Exception as problem:  # the check reports any error of a form
            reason = (str(problem).splitlines() or [''])[0][:200]
            yield Check(BAD, f'{name}: fails with {type(problem).__name__}: {reason}')


def judged(name: str, errors: list[float]) -> Check:
    """Returns a check that is BAD if an error is larger than BOUND, or NaN."""
    good = all(error <= BOUND for error in errors)
    text = f'{name}: largest error {max(errors):.1e}, bound {BOUND:.0e}'
    return Check(OK, text) if good else Check(BAD, f'{text}; this device computes wrong values with this jaxlib')


def _values_and_gradients(form: str, dtype: DTypeLike) -> list[jax.Array]:
    """Returns the output of one layer and its gradients in inputs and weights, all from values that are bfloat16.

    The bias of the residual makes all outputs positive: a ReLU that rounding flips would turn a whole gradient.
    """
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> jax.Array:
        return jnp.asarray(rng.normal(size=shape), jnp.bfloat16).astype(dtype)

    spec = StackSpec(N, A, True, projection_relu=False, scale=1.0)
    bias = jnp.zeros((4, N, A)).at[3].set(8.0)
    x, kernel, out = normal(B, F, D), normal(D, 4, N, A) / (D * A**0.5) ** 0.5, normal(B, F, N * A)

    @functools.partial(jax.value_and_grad, argnums=(0, 1), has_aux=True)
    def projected(x, kernel):
        y = interacting_stack(form, x, (LayerWeights(kernel, bias, None, None),), (None,), spec)
        return jnp.vdot(y.astype(jnp.float32), out.astype(jnp.float32)), y

    (_, y), gradients = jax.jit(projected)(x, kernel.astype(jnp.bfloat16).astype(dtype))
    return [y, *gradients]


def _error(one: jax.Array, other: jax.Array) -> float:
    """Returns the root mean square of a difference, divided by that of `other`."""
    ours, theirs = np.asarray(one, np.float64), np.asarray(other, np.float64)
    return float(np.sqrt(np.mean((ours - theirs) ** 2) / np.mean(theirs**2)))
