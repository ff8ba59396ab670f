"""A step that is not finite is skipped: everything stays as it was, but for the step number and a count."""

import json

import jax
import numpy as np
import pytest
from run_cases import TINY, Told

from autoint_jax.config.configuration import Config, replace
from autoint_jax.data.store.columns import Columns
from autoint_jax.data.store.writing import write_prepared
from autoint_jax.schema import CATEGORICAL, NUMERIC, FieldSpec, Schema
from autoint_jax.training.loop import fit
from autoint_jax.training.step import order, placement, slices, steps
from autoint_jax.training.step.columns import resident_columns
from autoint_jax.training.step.layout import make_flush
from autoint_jax.training.step.state import initial_state, make_setup, updates_taken

ROWS, BATCH = 40, 8
SCHEMA = Schema((FieldSpec('a', CATEGORICAL, 11), FieldSpec('n', NUMERIC)))
SPARSE = 'deferred_adam', 'lazy_adam', 'rowwise_adagrad'
WAYS = [('adam', 'xla'), *((name, form) for name in SPARSE for form in ('xla', 'cpu_kernel'))]
FAST = ('adam', 'xla'), ('deferred_adam', 'cpu_kernel')


def columns(bad):
    """Columns whose rows in the batches `bad` have a number that makes their loss infinite or NaN."""
    rng = np.random.default_rng(0)
    numeric = rng.normal(size=(ROWS, 1)).astype(np.float32)
    for batch in bad:
        numeric[batch * BATCH + 3] = 3e38
    ids = rng.integers(0, 11, (ROWS, 1)).astype(np.int32)
    return Columns(ids, numeric, (np.arange(ROWS) % 3 == 0).astype(np.float32))


def trained(setup, mesh, data, *chosen):
    """For each list of batches: the state after their steps, its tables up to date, and their losses."""
    cut = slices.cut(BATCH, setup, mesh)
    rows = np.arange(ROWS, dtype=np.int32).reshape(-1, BATCH)
    ordered = np.full((ROWS // BATCH, cut.padded_batch), -1, np.int32)
    ordered[:, :BATCH] = rows
    chunk, flush = steps.make_chunk(setup, mesh, cut, max_steps=ROWS // BATCH), make_flush(setup, mesh)
    for batches in chosen:
        taken = ordered[[*batches, *batches][: ROWS // BATCH]]  # of one shape, so that one program takes all lists
        state, losses = chunk(
            placement.replicate(initial_state(setup), mesh), resident_columns(data, mesh),
            placement.replicate(taken, mesh), 0, len(batches),
        )  # fmt: skip
        yield jax.device_get(flush(state)), np.asarray(losses)[: len(batches)]


@pytest.mark.parametrize(
    'tables, form', [way if way in FAST else pytest.param(*way, marks=pytest.mark.slow) for way in WAYS]
)
def test_a_skipped_step_changes_nothing_but_the_counts(tables, form):
    config = replace(
        Config(),
        {
            'model.name': 'fm',
            'model.embedding_dim': 3,
            'optimizer.tables': tables,
            'optimizer.learning_rate': 0.1,
            'execution.tables_form': form,
            'execution.slice_rows': BATCH,
            'training.batch_size': BATCH,
            'training.not_finite': 'skip',
        },
    )
    setup, mesh = make_setup(config, SCHEMA), placement.data_mesh()
    data, good = columns([1, 3]), [0, 2, 4]
    (with_bad, losses), (without, good_losses) = trained(setup, mesh, data, [0, 1, 2, 3, 4], good)
    assert np.isnan(losses[[1, 3]]).all()
    np.testing.assert_array_equal(losses[[0, 2, 4]], good_losses)
    assert (int(with_bad.step), int(with_bad.optimizer.skipped), int(updates_taken(with_bad))) == (5, 2, 3)
    assert (int(without.step), int(without.optimizer.skipped)) == (3, 0)
    counted = with_bad._replace(step=without.step, optimizer=with_bad.optimizer._replace(skipped=np.int32(0)))
    for one, other in zip(jax.tree.leaves(counted), jax.tree.leaves(without), strict=True):
        np.testing.assert_array_equal(one, other)
    stopping = make_setup(replace(config, {'training.not_finite': 'stop'}), SCHEMA)
    ((plain, plain_losses),) = trained(stopping, mesh, data, good)
    np.testing.assert_array_equal(plain_losses, good_losses)
    assert jax.tree.structure(plain.optimizer) == jax.tree.structure(without.optimizer.inner)


@pytest.mark.parametrize('tables, most', [('adam', 1.1), ('deferred_adam', 0.1)])
def test_skipping_copies_no_table_but_one_of_dense_adam(tables, most):
    schema, sizes = Schema((FieldSpec('a', CATEGORICAL, 100_000),)), []
    for not_finite in ('stop', 'skip'):
        config = replace(
            Config(),
            {
                'model.name': 'fm',
                'model.embedding_dim': 8,
                'optimizer.tables': tables,
                'execution.tables_form': 'xla',
                'execution.slice_rows': BATCH,
                'training.not_finite': not_finite,
            },
        )
        setup, mesh = make_setup(config, schema), placement.data_mesh()
        chunk = steps.make_chunk(setup, mesh, slices.cut(BATCH, setup, mesh), max_steps=4)
        data = Columns(np.zeros((ROWS, 1), np.int32), np.zeros((ROWS, 0), np.float32), np.zeros(ROWS, np.float32))
        state, ordered = placement.replicate(initial_state(setup), mesh), np.zeros((4, BATCH), np.int32)
        compiled = chunk.lower(state, resident_columns(data, mesh), placement.replicate(ordered, mesh), 0, 4).compile()
        sizes.append(compiled.memory_analysis().temp_size_in_bytes)
    assert sizes[1] - sizes[0] < most * 4 * 9 * 100_000, sizes  # width 8, and 1 of the linear part


def test_a_run_counts_its_skipped_steps_and_their_rows_do_not_weigh(tmp_path):
    schema = Schema((FieldSpec('a', CATEGORICAL, 11), FieldSpec('n', NUMERIC)))
    splits = {'train': columns([1, 3]), 'valid': columns([]), 'test': columns([])}
    data = write_prepared(tmp_path / 'csv' / 'made', schema=schema, vocabularies={}, description={}, splits=splits)
    options = {
        'data.dataset': 'csv',
        'data.recipe': 'made',
        'training.batch_size': BATCH,
        'execution.slice_rows': BATCH,
        'training.epochs': 2,
        'training.not_finite': 'skip',
        'optimizer.learning_rate': 0.01,
    }
    result = fit(replace(TINY, options), data, tmp_path / 'run', Told())
    lines = [json.loads(line) for line in (tmp_path / 'run' / 'metrics.jsonl').read_text().splitlines()]
    skipped = [line['skipped_steps'] for line in lines]  # two bad rows are in one or two batches of an epoch
    assert set(skipped) <= {1, 2} and result.skipped_steps == sum(skipped)


def test_the_mean_loss_leaves_skipped_batches_out():
    losses = np.array([1.0, np.nan, 3.0, 5.0], np.float32)
    assert order.mean_over_rows(losses, 0, rows=35, batch_size=10) == (1 * 10 + 3 * 10 + 5 * 5) / 25
    assert np.isnan(order.mean_over_rows(losses[1:2], 0, rows=35, batch_size=10))
