"""LayerNorms by XLA and by the compiled kernel: values and gradients against NumPy."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoint_jax.models.layers.dropout import Training, row_keys
from autoint_jax.models.layers.layer_norm import EPSILON, layer_norm

pytestmark = pytest.mark.usefixtures('quick_compilation')


class Normed(nn.Module):
    own: bool

    @nn.compact
    def __call__(self, x, dense_form):
        training = Training(row_keys(5, jnp.asarray(7), jnp.arange(len(x))), jnp.ones(len(x)), None, None, dense_form)
        return layer_norm('norm', x, training, own=self.own)


def case(shape, own):
    """Returns x, its parameters, and weights of the values in a loss. Rows are far from 0, so that means matter."""
    normal, features = np.random.default_rng(1).normal, shape[-2:] if own else shape[-1:]
    params = {'scale': normal(1, 1, features).astype(np.float32), 'bias': normal(size=features).astype(np.float32)}
    return normal(3, 2, shape).astype(np.float32), params, normal(size=shape).astype(np.float32)


# Widths below a vector, of whole vectors of 8 and of 16, and with a part of one; rows of one task, and of several.
@pytest.mark.parametrize('dense_form', ['xla', 'cpu_kernel'])
@pytest.mark.parametrize(
    'shape, own',
    [
        ((50, 7), False),
        ((37, 5, 8), False),
        ((9, 17), False),
        ((40, 3, 21), True),
        ((70, 2, 1000), True),
        ((64, 32), False),
    ],
)
def test_values_and_gradients_are_those_of_numpy(dense_form, shape, own):
    x, params, weights = case(shape, own)
    layer = Normed(own)

    def loss(params, x):
        y = layer.apply({'params': {'norm': params}}, x, dense_form)
        return jnp.sum(y * weights), y

    gradients, y = jax.grad(loss, (0, 1), has_aux=True)(params, x)

    centered = x - x.mean(-1, keepdims=True, dtype=np.float64)
    factor = 1 / np.sqrt((centered**2).mean(-1, keepdims=True) + EPSILON)
    normed, scaled = centered * factor, weights * params['scale'].astype(np.float64)
    of_x = factor * (scaled - scaled.mean(-1, keepdims=True) - normed * (scaled * normed).mean(-1, keepdims=True))
    rows = tuple(range(x.ndim - params['scale'].ndim))
    np.testing.assert_allclose(y, normed * params['scale'] + params['bias'], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(gradients[1], of_x, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(gradients[0]['scale'], (weights * normed).sum(rows), rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(gradients[0]['bias'], weights.sum(rows, dtype=np.float64), rtol=1e-5, atol=1e-4)


def test_the_same_row_has_the_same_bits_in_any_batch():
    x, params, _ = case((700, 40), own=False)
    values = lambda x: np.asarray(Normed(False).apply({'params': {'norm': params}}, x, 'cpu_kernel'))  # noqa: E731
    np.testing.assert_array_equal(values(x)[13:640], values(x[13:640]))


def test_a_row_with_nan_stays_alone():
    x, params, _ = case((20, 24), own=False)
    x[3, 5] = np.nan
    y = np.asarray(Normed(False).apply({'params': {'norm': params}}, x, 'cpu_kernel'))
    assert np.isnan(y[3]).all() and np.isfinite(np.delete(y, 3, 0)).all()


def test_copies_have_the_bits_of_runs_alone():
    x, params, weights = case((30, 4, 16), own=False)

    def gradients(params, x):
        loss = lambda params, x: jnp.sum(Normed(False).apply({'params': {'norm': params}}, x, 'cpu_kernel') * weights)  # noqa: E731
        return jax.grad(loss, (0, 1))(params, x)

    copies = jax.tree.map(lambda one: jnp.stack([one, one + 1]), (params, x))
    together = jax.vmap(gradients)(*copies)
    for copy in range(2):
        alone = gradients(*jax.tree.map(lambda one, copy=copy: one[copy], copies))
        jax.tree.map(lambda a, b, copy=copy: np.testing.assert_array_equal(a[copy], b), together, alone)
