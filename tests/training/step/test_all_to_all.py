"""The all-to-all exchange: it follows the gathered one, is it where its capacity is too small, and moves few bytes."""

import json
import math
import re
from collections import Counter

import jax
import numpy as np
import pytest
import test_skipping
import test_traffic
from mesh_cases import SHAPE, program
from run_cases import TINY, Told

from autoint_jax.benchmarks.shapes import made_up
from autoint_jax.benchmarks.stepping import batches_in_order
from autoint_jax.config.configuration import Config, replace
from autoint_jax.config.mesh_config import MeshConfig
from autoint_jax.data.store.writing import write_prepared
from autoint_jax.evaluation.evaluation import of_progress
from autoint_jax.models.layers.tables import PLACES, numbers_in_part, part_rows, places_by_part, table_rows
from autoint_jax.training.loop import fit
from autoint_jax.training.run_progress import RunProgress
from autoint_jax.training.step import layout, placement, slices, steps, traffic
from autoint_jax.training.step.columns import resident_columns
from autoint_jax.training.step.exchange_form import device_rows
from autoint_jax.training.step.layout import make_flush
from autoint_jax.training.step.schedule import make_schedule
from autoint_jax.training.step.state import make_setup

STEPS, BATCH = 20, 61
SPARSE = 'deferred_adam', 'lazy_adam', 'rowwise_adagrad'
SOME_OVERFLOW = 0.9
FACTORIZATION = {'model.name': 'fm', 'model.embedding_dim': 3, 'optimizer.tables': 'lazy_adam'}
AUTOINT = {'model.num_layers': 1, 'model.embedding_dim': 8, 'model.head_dim': 4, 'model.embedding_dropout': 0.1}


def setup_on(data, table, options):
    """The setup of a run on a mesh, the mesh, how it cuts batches, and made-up columns."""
    mesh_options = {'mesh.table': table, 'mesh.data': data, 'training.batch_size': BATCH, 'execution.slice_rows': 8}
    config = replace(Config(), options | mesh_options)
    schema, columns = made_up(SHAPE, STEPS * BATCH, seed=1)
    setup, mesh = make_setup(config, schema), placement.run_mesh(config.mesh)
    return setup, mesh, slices.cut(BATCH, setup, mesh), columns


def trained(data, table, options):
    """The state after some steps, its tables up to date, the losses, and the number of steps that overflowed."""
    setup, mesh, cut, columns = setup_on(data, table, options)
    chunk = steps.make_chunk(setup, mesh, cut, max_steps=STEPS)
    order = placement.split_order(batches_in_order(STEPS * BATCH, BATCH, cut.padded_batch), mesh)
    state, told = chunk(layout.initial_state_on(setup, mesh), resident_columns(columns, mesh), order, 0, STEPS)
    state = jax.device_get(layout.held(make_flush(setup, mesh)(state)))
    return state, *steps.figures_of_steps(told, STEPS)


def differences(meshes, all_options):
    """For some meshes and options, how the all-to-all form differs from the gathered one.

    Returns for each: the largest difference of a loss, the mean difference of values of tables, whether any bit differs
    if the capacity suffices, whether any differs if every step overflows, and how many steps overflowed in the gathered
    form and in these two.
    """
    found = []
    for (data, table), options in ((mesh, options) for options in all_options for mesh in meshes):
        gathered, losses, none = trained(data, table, options | {'mesh.exchange': 'gathered'})
        fitting = {'mesh.exchange': 'all_to_all', 'mesh.capacity': 99.0}
        state, own, overflowed = trained(data, table, options | fitting)
        fallen, fallen_losses, all_overflowed = trained(data, table, options | fitting | {'mesh.capacity': 0.1})
        apart = max(float(np.abs(state.tables[name] - table).mean()) for name, table in gathered.tables.items())
        found.append(
            {
                'losses': float(np.abs(own - losses).max()),
                'tables': apart,
                'differs': differs((state, own), (gathered, losses)),
                'differs where it overflows': differs((fallen, fallen_losses), (gathered, losses)),
                'overflowed': (none, overflowed, all_overflowed),
            }
        )
    return found


def differs(ours, theirs):
    """Whether any bit of two trees differs."""
    return not all(map(np.array_equal, jax.tree.leaves(ours), jax.tree.leaves(theirs)))


@pytest.mark.slow
@pytest.mark.parametrize(
    'tables, form', [('adam', 'xla'), *((name, form) for name in SPARSE for form in ('xla', 'cpu_kernel'))]
)
def test_every_optimizer_follows_the_gathered_form_and_is_it_where_every_step_overflows(on_host_devices, tables, form):
    options = AUTOINT | {'optimizer.tables': tables, 'execution.tables_form': form}
    expression = f't.differences([(1, 8), (2, 4)], [{options!r}])'
    for found in on_host_devices(8, 'test_all_to_all', expression, optimized=True):
        assert found['losses'] < 1e-6 and found['tables'] < 1e-6 and found['differs'], found
        assert not found['differs where it overflows'] and found['overflowed'] == [None, 0, STEPS], found


def some_overflow(data, table, options):
    """As `differences`, for a capacity that is too small for some steps; and the steps that must overflow."""
    gathered, losses, _ = trained(data, table, options)
    some = options | {'mesh.exchange': 'all_to_all', 'mesh.capacity': SOME_OVERFLOW}
    state, own, overflowed = trained(data, table, some)
    fallen, fallen_losses, all_overflowed = trained(data, table, some | {'mesh.capacity': 0.1})
    return {
        'losses': float(np.abs(own - losses).max()),
        'differs': differs((state, own), (gathered, losses)),
        'differs where it overflows': differs((fallen, fallen_losses), (gathered, losses)),
        'overflowed': (overflowed, all_overflowed),
        'must overflow': overflowing(data, table, some),
    }


def overflowing(data, table, options):
    """The number of steps in which a device needs more distinct rows of another one than the capacity, by NumPy."""
    setup, mesh, cut, columns = setup_on(data, table, options)
    rows, count = device_rows(cut, mesh), 0
    for batch in batches_in_order(STEPS * BATCH, BATCH, cut.padded_batch):
        over = False
        for part in batch.reshape(-1, rows):
            for spec in setup.table_specs.values():
                distinct = np.unique(table_rows(spec, columns.ids[part[part >= 0]]))
                most = np.bincount(distinct % PLACES // (PLACES // table), minlength=table).max()
                over |= most > math.ceil(setup.config.mesh.capacity * rows * len(spec.columns) / table)
        count += over
    return int(count)


def test_all_to_all_follows_the_gathered_form_and_counts_the_steps_that_fall_back_to_it(on_host_devices):
    found = on_host_devices(4, 'test_all_to_all', 't.some_overflow(2, 2, t.FACTORIZATION)')
    (overflowed, all_overflowed), must = found['overflowed'], found['must overflow']
    assert 3 < overflowed == must < STEPS - 3 and all_overflowed == STEPS
    assert found['losses'] < 1e-6 and found['differs'] and not found['differs where it overflows']


@pytest.mark.parametrize('parts', [1, 4, 64])
def test_places_of_parts_follow_one_another(parts):
    numbers, size = np.arange(131 + 70), part_rows(131, parts)
    places = np.asarray(places_by_part(numbers, parts, 131))
    assert (places[131:] == parts * size).all()
    for part in range(parts):
        within = np.asarray(numbers_in_part(numbers, part, parts, 131))
        held = within < size
        np.testing.assert_array_equal(places[held], part * size + within[held])
        assert ((places // size == part) == held).all()


def programs(data, table, cases):
    """For table optimizers and their forms, of the chunk of a large table on a mesh: its temporary bytes as a fraction
    of the tables and slots of a device, the values of its largest collective as a fraction of a table, and the bytes
    of collectives that the chunk in the gathered form lacks, in the program and by formula.
    """
    mesh, size, found = placement.run_mesh(MeshConfig(table=table, data=data)), 3_000_000, []
    for tables, form in cases:
        options = {'mesh.table': table, 'optimizer.tables': tables, 'execution.tables_form': form}
        gathered, _ = program(mesh, size, **options, **{'mesh.exchange': 'gathered'})
        options |= {'mesh.exchange': 'all_to_all', 'mesh.capacity': 1.5}
        compiled, state = program(mesh, size, **options)
        held = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves((state.tables, state.slots))) / table
        text, more = compiled.as_text(), Counter()
        more.update(test_traffic.in_program(text))
        more.subtract(test_traffic.in_program(gathered.as_text()))
        sizes = re.findall(r'\w+\[([\d,]*)\]', ' '.join(match[0] for match in test_traffic.COLLECTIVE.findall(text)))
        largest = max(math.prod(int(size) for size in shape.split(',') if size) for shape in sizes)
        by_formula = test_traffic.by_formula(traffic.all_to_all(8 * 39, 8, data, table, 1.5))
        rows = {name: count for name, count in more.items() if 'all-reduce' not in name and count}
        temporary = compiled.memory_analysis().temp_size_in_bytes / held
        found.append([temporary, largest / (8 * size), rows, by_formula])
    return found


def check_programs(found):
    for temporary, largest, in_program, by_formula in found:
        assert temporary < 0.05 and largest < 0.01
        assert in_program.keys() == by_formula.keys()
        for name, count in by_formula.items():
            assert in_program[name] == pytest.approx(count, rel=0.05), name


def test_no_program_copies_or_moves_a_table_and_rows_take_the_bytes_of_the_formula(on_host_devices):
    check_programs(on_host_devices(8, 'test_all_to_all', "t.programs(2, 4, [('deferred_adam', 'xla')])"))


@pytest.mark.slow
@pytest.mark.parametrize('data, table', [(2, 4), (1, 8)])
def test_programs_of_every_sparse_optimizer(on_host_devices, data, table):
    cases = [(name, form) for name in SPARSE for form in ('xla', 'cpu_kernel')]
    found = on_host_devices(8, 'test_all_to_all', f't.programs({data}, {table}, {cases!r})', optimized=True)
    check_programs(found)


def skipped(exchange):
    """The state after steps of which two are not finite, and how many were skipped and overflowed."""
    config = replace(Config(), FACTORIZATION | {'optimizer.tables': 'adam', 'mesh.table': 2, 'mesh.data': 1} | exchange)
    config = replace(config, {'training.not_finite': 'skip', 'execution.slice_rows': test_skipping.BATCH // 2})
    setup, mesh, batch = make_setup(config, test_skipping.SCHEMA), placement.run_mesh(config.mesh), test_skipping.BATCH
    cut, columns = slices.cut(batch, setup, mesh), test_skipping.columns([1, 3])
    order = placement.split_order(np.arange(5 * batch, dtype=np.int32).reshape(5, batch), mesh)
    chunk = steps.make_chunk(setup, mesh, cut, max_steps=5)
    state, told = chunk(layout.initial_state_on(setup, mesh), resident_columns(columns, mesh), order, 0, 5)
    losses, overflowed = steps.figures_of_steps(told, 5)
    return jax.device_get(state), losses, overflowed


def skipping():
    """How the state after skipped steps in the all-to-all form differs from that in the gathered one."""
    state, losses, _ = skipped({'mesh.exchange': 'gathered'})
    own, own_losses, overflowed = skipped({'mesh.exchange': 'all_to_all', 'mesh.capacity': 2.0})
    apart = max(float(np.abs(own.tables[name] - state.tables[name]).max()) for name in state.tables)
    return [np.isnan(losses).tolist(), np.isnan(own_losses).tolist(), int(own.optimizer.skipped), overflowed, apart]


@pytest.mark.slow
def test_steps_are_skipped_as_in_the_gathered_form(on_host_devices):
    bad = [False, True, False, True, False]
    found = on_host_devices(2, 'test_all_to_all', 't.skipping()')
    assert found[:4] == [bad, bad, 2, 0] and found[4] < 1e-6


def run_that_overflows(folder):
    """The counts in metrics.jsonl of a run whose capacity is too small, what it said, and its number of steps."""
    splits = dict.fromkeys(('train', 'valid', 'test'), test_skipping.columns([]))
    data = write_prepared(
        folder / 'csv' / 'made', schema=test_skipping.SCHEMA, vocabularies={}, description={}, splits=splits
    )
    options = {'data.dataset': 'csv', 'data.recipe': 'made', 'training.batch_size': 8, 'training.epochs': 2}
    options |= {'mesh.table': 2, 'mesh.exchange': 'all_to_all', 'mesh.capacity': 0.1, 'execution.slice_rows': 4}
    told = Told()
    result = fit(replace(TINY, FACTORIZATION | options), data, folder / 'run', told)
    lines = [json.loads(line) for line in (folder / 'run' / 'metrics.jsonl').read_text().splitlines()]
    return [line['overflowed_steps'] for line in lines], told.said, result.steps


def test_a_run_counts_its_steps_that_overflow_and_says_so(tmp_path, on_host_devices):
    expression = f't.run_that_overflows(pathlib.Path({str(tmp_path)!r}))'
    counts, said, steps_taken = on_host_devices(2, 'test_all_to_all', expression)
    assert sum(counts) == steps_taken == 10
    assert any('; rows of tables are exchanged all-to-all: a device asks each other one for 2 rows' in x for x in said)
    assert any(x.endswith('than mesh.capacity=0.1 allows: raise mesh.capacity') for x in said)


def test_many_steps_that_overflow_are_counted_and_reported():
    progress = RunProgress(make_schedule(Config(), 102_400), counts_skipped=False)
    progress.took(np.zeros(60, np.float32), 2)
    resumed = RunProgress(make_schedule(Config(), 102_400), counts_skipped=False)
    resumed.resume(progress.saved())
    resumed.took(np.zeros(40, np.float32), 2)
    resumed.evaluated(0.0, {'logloss': 0.5})
    assert resumed.evaluations[-1].line()['overflowed_steps'] == 4
    assert of_progress(resumed.saved())[-1].overflowed_steps == 4
    assert resumed.overflow_warning(0.5) == (
        '4 of the last 100 steps exchanged rows in the slower gathered form, because a device needed more rows of '
        'another one than mesh.capacity=0.5 allows: raise mesh.capacity'
    )
    resumed.took(np.zeros(100, np.float32), 3)
    resumed.evaluated(0.0, {'logloss': 0.5})
    assert resumed.evaluations[-1].overflowed_steps == 3 and not resumed.overflow_warning(0.5)
    resumed.took(np.zeros(100, np.float32))
    resumed.evaluated(0.0, {'logloss': 0.5})
    assert 'overflowed_steps' not in resumed.evaluations[-1].line() and 'overflowed' not in resumed.saved()
    assert not resumed.overflow_warning(0.5)
