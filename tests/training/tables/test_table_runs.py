"""Steps and runs with the optimizers of tables: padded batches, lengths of chunks, devices, and refused options."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_training import losses_of

from autoint_jax.config.configuration import Config, replace
from autoint_jax.config.optimizer_config import TABLE_OPTIMIZERS
from autoint_jax.data.store.columns import Columns
from autoint_jax.errors import UsageError
from autoint_jax.schema import CATEGORICAL, FieldSpec, Schema
from autoint_jax.training.step import placement, slices, steps
from autoint_jax.training.step.columns import resident_columns
from autoint_jax.training.step.layout import make_flush
from autoint_jax.training.step.state import initial_state, make_setup

pytestmark = pytest.mark.usefixtures('quick_compilation')


@pytest.mark.parametrize(
    'tables, form', [('adam', 'xla'), *itertools.product(TABLE_OPTIMIZERS[1:], ('xla', 'cpu_kernel'))]
)
def test_rows_that_pad_a_batch_touch_nothing(tables, form):
    """A batch of two rows padded to five: padding reads row 0 of the columns, whose ids no other row has."""
    schema, mesh = Schema((FieldSpec('a', CATEGORICAL, 4), FieldSpec('b', CATEGORICAL, 3))), placement.data_mesh()
    config = replace(
        Config(),
        {'optimizer.tables': tables, 'execution.tables_form': form, 'optimizer.l2_rows': 0.1, 'training.batch_size': 5},
    )
    setup = make_setup(config, schema)
    ids = np.array([[3, 2], [1, 0], [2, 0]], np.int32)
    columns = Columns(ids, np.zeros((3, 0), np.float32), np.ones(3, np.float32))
    cut = slices.cut(5, setup, mesh)
    ordered = np.full((1, cut.padded_batch), -1, np.int32)
    ordered[0, :2] = 1, 2
    before = np.asarray(initial_state(setup).tables['embedding'])
    state, _ = steps.make_chunk(setup, mesh, cut, max_steps=1)(
        initial_state(setup), resident_columns(columns, mesh), jnp.asarray(ordered), 0, 1
    )
    after = np.asarray(make_flush(setup, mesh)(state).tables['embedding'])
    assert (after != before).any(1).tolist() == [False, True, True, False, True, False, False]


@pytest.mark.parametrize('form', ['xla', 'cpu_kernel'])
@pytest.mark.parametrize('tables', ['deferred_adam', pytest.param('rowwise_adagrad', marks=pytest.mark.slow)])
def test_chunk_lengths_change_no_bit(optimized, data_dir, form, tables):
    """More than an epoch, its padded last batch among the steps."""
    whole, parts = (
        losses_of(data_dir, chunks, optimizer__tables=tables, execution__tables_form=form, model__num_layers=0)
        for chunks in ([42], [17, 1, 24])
    )
    for one, other in zip(jax.tree.leaves(whole), jax.tree.leaves(parts), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_two_devices_give_the_losses_of_one_and_deferred_adam_those_of_adam(data_dir, on_host_devices):
    losses = on_host_devices(
        2,
        'test_training',
        f't.losses_of(pathlib.Path({str(data_dir)!r}), [42], '
        'optimizer__tables="deferred_adam", model__num_layers=1)[0].tolist()',
        optimized=True,
    )
    np.testing.assert_allclose(losses, losses_of(data_dir, [42], model__num_layers=1)[0], rtol=0, atol=2e-5)


@pytest.mark.parametrize(
    'options, named',
    [
        (
            {'tables': 'sparse_adam'},
            "optimizer.tables' is 'sparse_adam', but must be one of 'adam', 'deferred_adam', 'lazy_adam'",
        ),
        ({'tables': 'deferred_adam', 'l2_tables': 1e-5}, 'optimizer.l2_tables.*use optimizer.l2_rows'),
        ({'tables': 'lazy_adam', 'l2_tables': 1e-5}, 'optimizer.l2_tables.*use optimizer.l2_rows'),
        ({'tables': 'rowwise_adagrad', 'l2_tables': 1e-5}, 'optimizer.l2_tables.*use optimizer.l2_rows'),
        ({'tables': 'deferred_adam', 'b1': 0.95, 'b2': 0.9}, 'optimizer.b1.*below optimizer.b2'),
        ({'l2_rows': -1.0}, 'optimizer.l2_rows'),
        ({'epsilon': 0.0}, 'optimizer.epsilon'),
    ],
)
def test_options_that_mean_nothing_are_refused(options, named):
    with pytest.raises(UsageError, match=named):
        replace(Config(), {f'optimizer.{name}': value for name, value in options.items()})
