"""The softmax that all models share."""

import jax
import jax.numpy as jnp
import numpy as np

from autoint_jax.models.layers.softmax import softmax


def test_values_and_gradients_are_those_of_jax():
    scores = jnp.asarray(np.random.default_rng(0).normal(size=(3, 5)) * 30, jnp.float32)
    np.testing.assert_allclose(softmax(scores), jax.nn.softmax(scores), rtol=1e-6)
    ours, theirs = (jax.grad(lambda x, f=f: f(x)[:, 1].sum())(scores) for f in (softmax, jax.nn.softmax))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)


def test_an_empty_axis_has_no_weights():
    """An AFM of one field has no pair."""
    assert softmax(jnp.zeros((4, 0, 1)), axis=1).shape == (4, 0, 1)
    assert jax.grad(lambda x: softmax(x, axis=1).sum())(jnp.zeros((4, 0, 1))).shape == (4, 0, 1)
