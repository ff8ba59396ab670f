"""Rollout and gradient times attention equal loops and finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from model_cases import SCHEMA as KINDS_OF_FIELDS
from model_cases import SMALL

from autoint_jax.config.configuration import Config, replace
from autoint_jax.data.store.columns import Columns
from autoint_jax.errors import UsageError
from autoint_jax.explain import attention, evidence
from autoint_jax.models.layers.tables import lookup
from autoint_jax.training.step.state import initial_state, make_setup

B = 5
pytestmark = pytest.mark.usefixtures('quick_compilation')


def test_rollout_equals_loops():
    rng = np.random.default_rng(0)
    weights = rng.random((B, 3, 2, 4, 4)).astype(np.float32)  # as in DESTINE, rows do not sum to 1
    for residual in (False, True):
        found = np.asarray(evidence.rollout(weights, residual=residual))
        for row in range(B):
            total = np.eye(4)
            for layer in range(3):
                one = weights[row, layer].mean(0)
                one = one / one.sum(1, keepdims=True)
                total = ((one + np.eye(4)) / 2 if residual else one) @ total
            np.testing.assert_allclose(found[row], total, rtol=1e-5)


def run_of(name, form='einsum'):
    """A setup with drawn parameters, a state, and rows of every kind of field."""
    options = {'execution.form': form} if name == 'autoint' else {}
    setup = make_setup(replace(Config(model=SMALL[name]), options), KINDS_OF_FIELDS)
    rng = np.random.default_rng(1)
    ids = np.stack([rng.integers(0, most, B) for most in (5, 7, 7, 7, 11)], 1).astype(np.int32)
    rows = Columns(ids, rng.normal(size=(B, 2)).astype(np.float32), np.zeros(B, np.float32))
    return setup, initial_state(setup), rows


def gradients(setup, state, batch):
    """Gradient times attention, compiled."""
    compiled = jax.jit(lambda: evidence.gradient_times_attention(setup, state.variables, state.tables, batch))
    return compiled()


@pytest.mark.parametrize('name', ['autoint', 'destine', 'field_attention'])
def test_gradient_times_attention_equals_finite_differences(name):
    setup, state, rows = run_of(name)
    batch = rows.batch()
    found = np.asarray(gradients(setup, state, batch))
    looked_up = lookup(state.tables, setup.table_specs, batch)

    @jax.jit
    def logits(factors):
        given = {**state.variables, 'factors': {'attention': factors}}
        return setup.model.apply(given, looked_up, batch, training=None)

    ones = np.ones(found.shape, np.float32)
    plain = jax.jit(lambda rows: setup.model.apply(state.variables, rows, batch, training=None))(looked_up)
    np.testing.assert_allclose(logits(ones), plain, atol=1e-6)
    rng = np.random.default_rng(2)
    for _ in range(12):
        place = tuple(rng.integers(0, size) for size in found.shape[1:])
        step = np.zeros_like(ones)
        step[(slice(None), *place)] = 0.05
        slope = (np.asarray(logits(ones + step)) - np.asarray(logits(ones - step))) / 0.1
        np.testing.assert_allclose(found[(slice(None), *place)], slope, atol=1e-4)
    assert np.abs(found).max() > 1e-4


def test_the_attention_that_is_drawn_gives_the_logits_of_the_kernel():
    """A run that was trained by the kernel shows the weights of the einsum form."""
    setup, state, rows = run_of('autoint', 'cpu_kernel')

    @jax.jit
    def logits():
        kernel = attention.explained_batch(setup, state.variables, state.tables, rows.batch())
        looked_up = lookup(state.tables, setup.table_specs, rows.batch())
        drawn = []
        for factor in (1.0, 0.5):
            given = {**state.variables, 'factors': {'attention': jnp.full_like(kernel.attention, factor)}}
            drawn.append(setup.model.apply(given, looked_up, rows.batch(), training=None))
        return kernel.logits, *drawn

    kernel, drawn, halved = logits()
    assert setup.form == 'cpu_kernel' and np.abs(kernel - halved).max() > 1e-4
    np.testing.assert_allclose(drawn, kernel, atol=1e-5)


def test_maps_are_those_of_the_weights(monkeypatch):
    setup, state, rows = run_of('autoint')
    weights = attention.attention_of(setup, state, rows).weights
    monkeypatch.setattr(attention, 'BLOCK_ROWS', 2)
    (mean, rolled, gradient) = (
        np.concatenate(list(evidence.maps(setup, state, rows, kind))) for kind in evidence.KINDS
    )
    np.testing.assert_allclose(mean, weights.mean((1, 2)), atol=1e-6)
    np.testing.assert_allclose(rolled, evidence.rollout(weights, residual=True), atol=1e-6)
    whole = gradients(setup, state, rows.batch())
    np.testing.assert_allclose(gradient, np.abs(np.asarray(whole).mean((1, 2))), atol=1e-6)
    with pytest.raises(UsageError, match='has no attention over fields'):
        list(evidence.maps(*run_of('fm'), evidence.ATTENTION))


def test_attention_of_parts_is_summed_in_blocks(monkeypatch):
    """Rows of no part count in no sum, and the last block is filled up."""
    setup, state, rows = run_of('autoint')
    weights = attention.attention_of(setup, state, rows).weights
    monkeypatch.setattr(attention, 'BLOCK_ROWS', 2)
    parts = np.array([1, 0, 1, 2, 1])
    found = attention.summed(setup, state, rows, parts, 2)
    for part in range(2):
        np.testing.assert_allclose(found[part], weights[parts == part].sum(0), rtol=1e-5)
    np.testing.assert_allclose(attention.averaged(setup, state, rows), weights.mean(0), rtol=1e-5)
