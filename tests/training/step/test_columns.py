"""Devices divide the rows of the data: each holds its part, and fetches or is sent what it takes, bit for bit."""

import functools
import types

import jax
import numpy as np
import pytest

from autoint_jax.config.configuration import Config, replace
from autoint_jax.config.mesh_config import MeshConfig
from autoint_jax.data.store.columns import Columns
from autoint_jax.schema import CATEGORICAL, NUMERIC, FieldSpec, Schema
from autoint_jax.training.step import feed, layout, placement, row_fetch, scoring, slices, steps
from autoint_jax.training.step.columns import SharedRows, held_rows, resident_columns
from autoint_jax.training.step.layout import make_flush
from autoint_jax.training.step.placement import BY_ROW
from autoint_jax.training.step.schedule import make_schedule
from autoint_jax.training.step.state import make_setup

ROWS, BATCH = 501, 61
SCHEMA = Schema(
    (FieldSpec('a', CATEGORICAL, 131), FieldSpec('b', CATEGORICAL, 7), FieldSpec('x', NUMERIC)),
    ('row_weights', 'soft_labels'),
)
CONFIG = replace(
    Config(),
    {
        'model.num_layers': 1,
        'model.embedding_dim': 8,
        'model.head_dim': 4,
        'optimizer.tables': 'deferred_adam',
        'training.batch_size': BATCH,
        'training.epochs': 2,
        'execution.slice_rows': 8,
    },
)


def rows_of_every_kind():
    """Columns with NaN of two kinds, infinities, -0 and the smallest number among their values."""
    rng = np.random.default_rng(0)
    numeric = rng.normal(size=(ROWS, 1)).astype(np.float32)
    special = np.array([0x7FC00000, 0xFFC12345, 0x7F800000, 0xFF800000, 0x80000000, 1], np.uint32)
    numeric[1::5, 0] = np.resize(special, len(numeric[1::5])).view(np.float32)
    ids = np.stack([rng.integers(0, size, ROWS) for size in (131, 7)], 1).astype(np.int32)
    labels = (rng.random(ROWS) < 0.3).astype(np.float32)
    return Columns(ids, numeric, labels, *rng.random((2, ROWS)).astype(np.float32))


def mesh_of(data, table):
    return placement.run_mesh(MeshConfig(data=data, table=table))


def same(one, other):
    return all(np.asarray(a).tobytes() == np.asarray(b).tobytes() for a, b in zip(one, other, strict=True))


def leaves(columns, rows=slice(None)):
    found = columns.ids, columns.numeric, columns.labels, columns.row_weights, columns.soft_labels
    return [np.asarray(column)[rows] for column in found]


def fetched_on(mesh, columns, rows):
    """Rows of columns on a mesh, as its devices fetch them."""
    fetch = functools.partial(row_fetch.fetched, axes=placement.batch_axes(mesh))
    return jax.jit(jax.shard_map(fetch, mesh=mesh, check_vma=False, in_specs=BY_ROW, out_specs=BY_ROW))(columns, rows)


def divided_and_fetched():
    """For some meshes: bytes of each device, and whether rows lie in order and are fetched with all their bits."""
    columns, found = rows_of_every_kind(), []
    rows = np.random.default_rng(1).integers(0, ROWS, 48).astype(np.int32)
    for data, table in ((8, 1), (2, 4)):
        mesh = mesh_of(data, table)
        resident = resident_columns(columns, mesh, multiple=4)
        held = [sum(array.addressable_shards[number].data.nbytes for array in jax.tree.leaves(resident))
                for number in range(8)]  # fmt: skip
        lie, fetched = leaves(resident, slice(ROWS)), leaves(fetched_on(mesh, resident, rows))
        found.append([set(held) == {64 * 24}, same(lie, leaves(columns)), same(fetched, leaves(columns, rows))])
    return found


def test_each_device_holds_its_part_and_fetches_all_bits(on_host_devices):
    assert on_host_devices(8, 'test_columns', 't.divided_and_fetched()') == [[True] * 3] * 2


def fed(data, table, streamed, **options):
    """Losses of two epochs from either feed on a mesh, and scores of the rows by either evaluator."""
    columns, mesh = rows_of_every_kind(), mesh_of(data, table)
    columns.numeric[~np.isfinite(columns.numeric)] = np.nan
    setup = make_setup(replace(CONFIG, options), SCHEMA)
    schedule, cut = make_schedule(CONFIG, ROWS), slices.cut(BATCH, setup, mesh)
    chunk = steps.make_chunk(setup, mesh, cut, max_steps=feed.REPORT_STEPS, streamed=streamed)
    if streamed:
        rows = feed.StreamedFeed(CONFIG, columns, SCHEMA, schedule, cut, mesh)
        evaluator, scored = scoring.make_streamed_evaluator(setup, mesh, keep_logits=True), columns
    else:
        rows = feed.ResidentFeed(CONFIG, resident_columns(columns, mesh), schedule, cut, mesh)
        evaluator = scoring.make_evaluator(setup, mesh, keep_logits=True)
        scored = scoring.scored_columns(setup, columns, mesh)
    state, losses = layout.initial_state_on(setup, mesh), []
    for epoch in range(2):
        for first, count in ((0, 1), (1, schedule.epoch_steps)):
            ahead = rows.chunk(epoch, first, count, feed.REPORT_STEPS)
            state, of_chunk = chunk(state, ahead.columns, ahead.order, ahead.first, ahead.step_count)
            of_steps, overflowed = steps.figures_of_steps(of_chunk, ahead.step_count)
            losses += of_steps.tolist()
            assert (overflowed is None) == ('mesh.exchange' not in options)
    state = make_flush(setup, mesh)(state)
    scores = evaluator(state.variables, state.tables, scored)
    return losses, [np.asarray(leaf).ravel().tolist() for leaf in jax.tree.leaves(scores)]


@pytest.mark.slow
def test_rows_that_devices_divide_train_and_score_as_those_of_one(on_host_devices):
    """An epoch has nine steps, so that two groups of steps are fetched; no number of rows divides by eight."""
    cases = [(1, 1, False), (4, 2, False), (1, 8, True)]
    one, *others = on_host_devices(8, 'test_columns', f'[t.fed(*case) for case in {cases}]')
    losses, (*_, logits) = one
    assert len(losses) == 18 and len(logits) == ROWS and np.isfinite(losses).all()
    assert all(other == one for other in others)


@pytest.mark.slow
def test_streamed_rows_train_in_the_all_to_all_form_as_resident_ones(on_host_devices):
    options = {'mesh.exchange': 'all_to_all', 'mesh.table': 2, 'mesh.capacity': 0.9}
    call = f'[t.fed(2, 2, streamed, **{options}) for streamed in (False, True)]'
    resident, streamed = on_host_devices(4, 'test_columns', call)
    assert len(resident[0]) == 18 and np.isfinite(resident[0]).all() and streamed == resident


def test_a_process_reads_the_rows_of_its_devices_only():
    devices = [types.SimpleNamespace(id=number) for number in range(4)]
    mesh = types.SimpleNamespace(size=4, devices=np.array(devices).reshape(2, 2), local_devices=devices[1:3])
    columns = rows_of_every_kind()
    share = SharedRows(columns, mesh).read(np.arange(40))
    assert same(leaves(share), leaves(columns, slice(10, 30)))


def test_parts_of_devices_hold_all_rows():
    assert [held_rows(count, devices, multiple) for count, devices, multiple in (
        (501, 8, 1), (501, 8, 8), (504, 8, 1), (5, 8, 4), (501, 1, 8)
    )] == [63, 64, 63, 4, 501]  # fmt: skip
