"""Copies that an accelerator takes together keep sparse optimizers sparse, and a copy without steps as it is."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoint_jax.benchmarks.shapes import Shape, made_up
from autoint_jax.benchmarks.stepping import batches_in_order
from autoint_jax.config.configuration import Config, replace
from autoint_jax.training.copies import programs
from autoint_jax.training.step import placement, slices, steps
from autoint_jax.training.step.columns import whole_columns
from autoint_jax.training.step.state import initial_state, make_setup

SPARSE = ('deferred_adam', 'lazy_adam', 'rowwise_adagrad')


def together(tables, cardinality, counts):
    """The chunk of two copies that go together, its arguments, and the setup."""
    config = replace(
        Config(),
        {
            'training.batch_size': 6,
            'execution.slice_rows': 3,
            'model.num_layers': 1,
            'model.embedding_dim': 5,
            'execution.form': 'einsum',
            'optimizer.tables': tables,
            'execution.tables_form': 'xla',
        },
    )
    schema, columns = made_up(Shape((3, cardinality)), 24, seed=1)
    setup, mesh = make_setup(config, schema), programs.replica_mesh(2, jax.local_devices()[:1])
    cut = slices.cut(6, setup, mesh)
    order = jnp.asarray(batches_in_order(24, 6, cut.padded_batch))
    states = programs.stacked(
        [initial_state(make_setup(replace(config, {'seed': seed}), schema)) for seed in (0, 1)], mesh
    )
    chunk = programs.make_chunk(setup, mesh, cut, max_steps=4, together=True)
    varied, orders = {'seed': jnp.array([0, 1])}, jnp.stack([order, order[::-1]])
    return chunk, (states, varied, orders, jnp.array(counts), whole_columns(columns, mesh), 0), setup, cut


@pytest.mark.parametrize('tables', SPARSE)
def test_no_step_selects_a_whole_table(tables):
    rows = 1013
    chunk, arguments, _, _ = together(tables, rows - 3, [3, 3])
    program = chunk.lower(*arguments).as_text()
    # Operations with one result; loops and scatters, which hold other operations, are written in several lines.
    assert re.findall(rf'stablehlo\.(\w+)[^\n]* tensor<2x{rows}(?:x5)?x[fi]32>\n', program) == []
    assert re.search(rf'stablehlo.scatter.*\n(?:.*\n)*?.*-> tensor<2x{rows}x5xf32>', program)


def test_the_compiled_steps_hold_no_second_table():
    chunk, arguments, _, _ = together('deferred_adam', 100_000, [3, 3])
    table = arguments[0].tables['embedding']
    assert chunk.lower(*arguments).compile().memory_analysis().temp_size_in_bytes < 0.1 * table.nbytes


@pytest.mark.parametrize('tables', ['adam', 'lazy_adam'])
def test_a_copy_without_steps_stays_as_it_is(quick_compilation, tables):
    chunk, arguments, setup, cut = together(tables, 17, [0, 3])
    before = jax.tree.map(np.array, arguments[0])
    alone_on = placement.data_mesh(jax.local_devices()[:1])
    after, losses = chunk(*arguments)
    jax.tree.map(lambda old, new: np.testing.assert_array_equal(old[0], new[0]), before, after)
    np.testing.assert_array_equal(losses[0], 0)
    own = make_setup(replace(setup.config, {'seed': 1}), setup.schema)
    alone, loss = steps.make_chunk(own, alone_on, cut, max_steps=4)(
        initial_state(own), arguments[4], arguments[2][1], 0, 3
    )
    np.testing.assert_allclose(losses[1], loss, rtol=2e-4)
    jax.tree.map(lambda ours, single: np.testing.assert_allclose(ours[1], single, rtol=2e-4, atol=2e-6), after, alone)
