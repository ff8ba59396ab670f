"""A deep network that takes more rows at a time than the rest of its model changes no gradient but for rounding."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoint_jax.benchmarks.shapes import Shape, made_up
from autoint_jax.config.configuration import Config, replace
from autoint_jax.config.rates import rates_of
from autoint_jax.models.interacting.slice_costs import best_slice_rows
from autoint_jax.models.layers.tables import lookup
from autoint_jax.training.step import placement, slices
from autoint_jax.training.step.loss import device_gradients
from autoint_jax.training.step.slices import Cut, kernel_stack
from autoint_jax.training.step.state import initial_state, make_setup
from autoint_jax.training.step.turns import cut_into, joined

SHAPE = Shape((5, 7, 3))
DROPOUT = {'model.attention_dropout': 0.1, 'model.embedding_dropout': 0.2, 'model.deep_dropout': 0.3}
PLUS = {'model.embedding_dim': 4, 'model.head_dim': 4, 'model.deep_hidden': (8, 6), **DROPOUT}


def gradients_of(options, cut):
    """The loss and the gradients of the first batch of 22 rows, of which two are padding."""
    schema, columns = made_up(SHAPE, 22, seed=1)
    setup = make_setup(replace(Config(), options), schema)
    state, batch = initial_state(setup), columns.batch(slice(22))
    batch = jax.tree.map(lambda x: jnp.concatenate([x, jnp.zeros((2, *x.shape[1:]), x.dtype)]), batch)
    gradients = jax.jit(device_gradients(setup, (), cut, rates_of(setup.config)))
    looked_up = lookup(state.tables, setup.table_specs, batch)
    return gradients(state.params, state.statistics, looked_up, batch, jnp.int32(3))[:3]


IN_HEADS = {**PLUS, 'execution.form': 'heads'}
WITH_ALL_PARTS = {**IN_HEADS, 'model.wide': True, 'model.head_hidden': (5,), 'model.variant': 'authors'}
NORM = {'model.deep_batch_norm': True}
XDEEPFM = {
    'model.name': 'xdeepfm',
    'model.embedding_dim': 4,
    'model.cin_widths': (5, 3),
    'model.deep_hidden': (8, 6),
    'model.embedding_dropout': 0.2,
    'model.deep_dropout': 0.3,
}


@pytest.mark.parametrize(
    'options', [*(pytest.param(one, marks=pytest.mark.slow) for one in (IN_HEADS, XDEEPFM)), WITH_ALL_PARTS]
)
def test_groups_have_the_gradients_of_the_whole_batch(options):
    whole = gradients_of(options, Cut(24, 24))
    for cut in (Cut(4, 24, 12), Cut(3, 24, 24), Cut(6, 24, 6)):
        found = gradients_of(options, cut)
        for ours, of_whole in zip(jax.tree.leaves(found), jax.tree.leaves(whole), strict=True):
            np.testing.assert_allclose(ours, of_whole, rtol=0, atol=2e-6 * max(1e-2, np.abs(of_whole).max()))
    assert all(np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(whole[1]['deep']))


def test_rows_of_a_table_that_no_field_looks_up_are_cut_and_joined():
    rows = jnp.zeros((8, 0, 4)), jnp.arange(8)
    found = joined(cut_into(4, rows))
    assert found[0].shape == (8, 0, 4) and found[1].tolist() == list(range(8))


@pytest.mark.parametrize(
    'options',
    [
        {'model.deep_hidden': ()},
        {'model.deep_output': 'concatenated'},
        {'model.deep_batch_norm': True},
        {'execution.slice_rows': 16},
        {'execution.slice_rows': 16, 'mesh.ordered_sums': True},
    ],
)
def test_no_group_is_made_where_the_deep_network_is_not_apart(options):
    schema, _ = made_up(SHAPE, 8, seed=0)
    setup = make_setup(replace(Config(), {**PLUS, **options}), schema)
    assert slices.cut(1024, setup, placement.data_mesh(jax.devices()[:1])).group_rows == 0


def test_the_deep_network_of_xdeepfm_takes_many_slices_of_its_pairs():
    schema, mesh = made_up(Shape((5,) * 39), 8, seed=0)[0], placement.data_mesh(jax.devices()[:1])
    options = {'model.name': 'xdeepfm', 'model.deep_hidden': (400, 400)}
    found = [slices.cut(1024, make_setup(replace(Config(), {**options, **more}), schema), mesh) for more in ({}, NORM)]
    assert found[0].slice_rows < 64 and found[0].group_rows == 1024
    assert found[1] == Cut(1024, 1024)  # batch normalisation sees the whole batch at once


def test_groups_are_equal_and_their_slices_are_those_of_attention_alone(monkeypatch):
    monkeypatch.setattr(slices, 'usable_cores', lambda: 2)
    monkeypatch.setattr(slices.slice_costs, 'last_level_cache', lambda: 1 << 24)
    schema, _ = made_up(Shape((5,) * 39), 8, seed=0)
    options = {'execution.form': 'cpu_kernel', 'model.deep_hidden': (400, 400)}
    setup, alone = (make_setup(replace(Config(), of), schema) for of in (options, {'execution.form': 'cpu_kernel'}))
    mesh = placement.data_mesh(jax.devices()[:1])
    assert kernel_stack(setup).dense_bytes == kernel_stack(alone).dense_bytes
    for rows in (1024, 5000, 8192):
        cut = slices.cut(rows, setup, mesh)
        assert cut.slice_rows == best_slice_rows(rows, kernel_stack(alone), 2, 1 << 24)
        assert cut.group_rows % cut.slice_rows == 0 and cut.padded_batch % cut.group_rows == 0
        assert 4 * cut.group_rows * 39 * 16 <= slices.HEADS_SLICE_BYTES
        assert cut.padded_batch < rows + cut.slice_rows * (1 + cut.padded_batch // cut.group_rows)
