"""Memory and other limits are asked before anything is begun: what is too much is refused in a sentence, what fits is
not.
"""

import ctypes
import gc
import json

import jax
import numpy as np
import pytest
from conftest import ROOT
from run_cases import Told

from autoint_jax.config.configuration import Config, replace
from autoint_jax.config.optimizer_config import TABLE_OPTIMIZERS
from autoint_jax.data.store.columns import Columns
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.data.store.writing import write_prepared
from autoint_jax.diagnosis import paper
from autoint_jax.diagnosis.planned import schema_of
from autoint_jax.errors import UsageError
from autoint_jax.schema import MULTIVALUED, FieldSpec, Schema
from autoint_jax.training.copies.fitting import fit_copies
from autoint_jax.training.loop import fit
from autoint_jax.training.memory import available, room
from autoint_jax.training.memory import plan as memory
from autoint_jax.training.step import aligned, layout, order, placement, slices, steps
from autoint_jax.training.step.columns import whole_columns
from autoint_jax.training.step.state import make_setup
from autoint_jax.units import shown_bytes

ROWS = {'train': 1000, 'valid': 100, 'test': 100}


def prepared(folder, schema, rows):
    rng = np.random.default_rng(0)

    def columns(count):
        ids = np.concatenate(
            [rng.integers(0, field.cardinality, (count, field.max_values)) for field in schema.id_fields], 1
        )
        return Columns(
            ids.astype(np.int32), np.zeros((count, 0), np.float32), (rng.random(count) < 0.5).astype(np.float32)
        )

    return write_prepared(
        folder,
        schema=schema,
        vocabularies={},
        description={},
        splits={split: columns(count) for split, count in rows.items()},
    )


@pytest.fixture(scope='module')
def huge(tmp_path_factory):
    """Few rows of a field with two thousand million hash buckets."""
    return prepared(
        tmp_path_factory.mktemp('huge') / 'data', schema_of([2_000_000_000, 7]), {'train': 61, 'valid': 13, 'test': 11}
    )


@pytest.mark.parametrize('tables', TABLE_OPTIMIZERS)
def test_a_run_that_has_no_room_is_refused_before_anything_is_written(huge, tmp_path, tables):
    config = replace(Config(), {'optimizer.tables': tables, 'model.name': 'fm'})
    with pytest.raises(UsageError) as raised:
        fit(config, huge, tmp_path / 'run', Told())
    sentence = str(raised.value)
    assert 'this run needs' in sentence and 'tables 136 GB (2,000,000,007 x 16, 2,000,000,007 x 1 float32)' in sentence
    assert 'take fewer hash buckets or a cap' in sentence and '\n' not in sentence
    with pytest.raises(
        UsageError, match='these 2 copies of a run need .* train fewer copies at a time, or take fewer hash buckets'
    ):
        fit_copies([config, replace(config, {'seed': 1})], huge, [tmp_path / 'a', tmp_path / 'b'], Told())
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_refused_by_the_memory_there_is(data_dir, tmp_path, monkeypatch):
    data, config = open_prepared(data_dir, 'movielens_1m', 'autoint_all_rows'), Config()
    setup, mesh = make_setup(config, data.schema), placement.data_mesh()
    rows = {split: len(data.split(split)) for split in ('train', 'valid', 'test')}
    surely = min(
        sum(item.bytes for item in room.places(plan, mesh)[0].items if not item.estimated)
        for plan in (memory.plan(config, data.schema, rows, mesh, streamed=streamed) for streamed in (False, True))
    )
    monkeypatch.setattr(room, 'ram_by_limit', lambda: {'left by ulimit -v': surely, 'free in the system': 10**15})
    assert room.arranged(setup, rows, mesh).warning.startswith('RAM: about')  # what is estimated may not fit
    monkeypatch.setattr(room, 'ram_by_limit', lambda: {'left by ulimit -v': surely - 1, 'free in the system': 10**15})
    with pytest.raises(UsageError, match='[kM]B are left by ulimit -v, and nothing was begun'):
        fit(config, data, tmp_path / 'run', Told())
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(room, 'ram_by_limit', dict)  # not known
    assert room.arranged(setup, rows, mesh).warning == ''
    monkeypatch.setattr(room.group, 'on_this_host', lambda: 2)  # processes of one run share what there is
    monkeypatch.setattr(room, 'ram_by_limit', lambda: {'left by ulimit -v': 2 * surely - 1})
    with pytest.raises(UsageError, match='left by ulimit -v for each of 2 processes'):
        room.arranged(setup, rows, mesh)


MEASURED = """
import json, pathlib, sys
sys.path.insert(0, sys.argv[1])
import test_memory as t
print(json.dumps(t.measured(pathlib.Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))))
"""


def measured(folder, tables, ids, rows):
    """Planned and measured peaks of a run, bytes beyond what the process had before."""
    data = prepared(folder / 'data', schema_of([ids, 7]), {'train': rows, 'valid': rows // 4, 'test': rows // 4})
    config = replace(
        Config(),
        {
            'model.name': 'fm',
            'optimizer.tables': tables,
            'model.embedding_dim': 32,
            'training.epochs': 2,
            'training.batch_size': 8192,
        },
    )
    mesh = placement.data_mesh()
    (place,) = room.places(
        memory.plan(config, data.schema, {split: len(data.split(split)) for split in ('train', 'valid', 'test')}, mesh),
        mesh,
    )

    def status(name):
        return next(int(line.split()[1]) * 1024 for line in open('/proc/self/status') if line.startswith(name))

    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # memory that making the data has left behind would be used again, unseen
    before = status('VmRSS')
    fit(config, data, folder / 'run', Told())
    return place.needed, status('VmHWM') - before


PEAKS = {
    'dense tables': ('adam', 500_000, 9000),
    'sparse tables': ('rowwise_adagrad', 1_000_000, 9000),
    'rows': ('adam', 1000, 3_000_000),
}


@pytest.mark.parametrize(
    'tables, ids, rows',
    [pytest.param(*peak, id=name, marks=[pytest.mark.slow] * (name != 'dense tables')) for name, peak in PEAKS.items()],
)
def test_planned_memory_is_that_which_is_measured(forks, tmp_path, tables, ids, rows):
    """Within 0.75 and 1.5 of the peak: the plan must neither refuse what fits nor let through what does not."""
    arguments = [str(ROOT / 'tests'), str(tmp_path), tables, str(ids), str(rows)]
    done = forks.run(arguments, tmp_path, code=MEASURED)
    assert done.returncode == 0, done.stderr
    planned, peak = json.loads(done.stdout.splitlines()[-1])
    assert 0.75 < planned / peak < 1.5, (planned, peak)


def test_devices_divide_rows_and_their_order(monkeypatch):
    """By hand: parts of 250, 26 and 26 rows (whole slices of 2) of 3 ids and a label; 125 steps of 8 places."""
    config, schema = replace(Config(), {'training.batch_size': 8, 'model.name': 'fm'}), schema_of([1000, 7, 3])
    monkeypatch.setattr(room, 'ram_by_limit', lambda: {'there': 10**12})
    for mesh, kept, times in (
        (paper.mesh_of(config.mesh, 4, 10**12), 'each of 4 devices', 1),
        (placement.data_mesh(jax.local_devices()[:1] * 4), 'the 4 devices', 4),  # together in the RAM
    ):
        setup = make_setup(config, schema, placement.platform(mesh))
        plan, streamed, sentence = room.fed(setup, ROWS, mesh, compiling=False)
        data, ordered = (item for item in plan.device if item.name in ('data', 'order of rows'))
        assert data.bytes == (250 + 26 + 26) * 16 and data.counted.endswith('4 bytes, split over 4 devices')
        assert ordered.bytes == 2 * 125 * 8 * 4 // 4
        size = shown_bytes(times * (data.bytes + ordered.bytes))
        assert not streamed and sentence == f'{size} of rows and their order are kept on {kept}'
        ahead = memory.plan(config, schema, ROWS, mesh, streamed=True)
        assert [item.bytes for item in ahead.device if item.name == 'rows read ahead'] == [2 * 1200 * 16 // 4]
        assert [item.bytes for item in ahead.host if item.name == 'order of rows'] == [2 * 125 * 8 * 4]


def test_copies_take_their_states_and_orders(huge):
    schema, mesh = schema_of([1000, 7]), placement.data_mesh()
    one, three = (
        {item.name: item.bytes for item in memory.plan(Config(), schema, ROWS, mesh, copies=copies).device}
        for copies in (1, 3)
    )
    for name in ('tables', "state of the tables' optimizer", 'order of rows', 'second copy of the state'):
        assert three[name] == 3 * one[name]
    assert three['data'] == one['data'] and three['gradient of whole tables'] == one['gradient of whole tables']


@pytest.mark.parametrize('not_finite', ['stop', pytest.param('skip', marks=pytest.mark.slow)])
def test_dense_adam_takes_what_its_program_does(not_finite):
    """The gradient of a table, and the table itself if the step may be skipped."""
    config = replace(Config(), {'model.name': 'fm', 'training.not_finite': not_finite, 'training.batch_size': 61})
    schema, mesh = schema_of([5_000_000, 7]), placement.data_mesh(jax.local_devices()[:1])
    counted = {item.name: item.bytes for item in memory.plan(config, schema, {}, mesh).device}
    planned = counted['gradient of whole tables'] + counted.get('tables before a step', 0)
    setup = make_setup(config, schema)
    cut = slices.cut(61, setup, mesh)
    columns = Columns(*(jax.ShapeDtypeStruct(s, t) for s, t in (((99, 2), 'i4'), ((99, 0), 'f4'), ((99,), 'f4'))))
    batches = jax.ShapeDtypeStruct((3, cut.padded_batch), np.int32)
    chunk = steps.make_chunk(setup, mesh, cut, max_steps=3)
    compiled = chunk.lower(layout.shapes_on(setup, mesh), columns, batches, 0, 1).compile()
    assert 0.98 < planned / compiled.memory_analysis().temp_size_in_bytes <= 1
    assert planned == counted['tables'] * (2 if not_finite == 'skip' else 1)


def test_memory_left_by_limits_of_the_process_and_of_its_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(available, 'CGROUPS', tmp_path / 'groups')
    monkeypatch.setattr(available, 'PROCESS', tmp_path)
    (tmp_path / 'cgroup').write_text('0::/user.slice/scope\n')
    (tmp_path / 'status').write_text('Name:\tx\nVmSize:\t 2000 kB\nVmData:\t 500 kB\n')
    for folder, allowed in (('user.slice/scope', 'max'), ('user.slice', 9_000_000), ('', 10_000_000)):
        (tmp_path / 'groups' / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / 'groups' / folder / 'memory.max').write_text(str(allowed))
        (tmp_path / 'groups' / folder / 'memory.current').write_text('4000000')
    unlimited = available.resource.RLIM_INFINITY
    given = {available.resource.RLIMIT_AS: 7_000_000, available.resource.RLIMIT_DATA: unlimited}
    monkeypatch.setattr(available.resource, 'getrlimit', lambda which: (given[which], unlimited))
    found = available.ram_by_limit()
    assert found.pop(available.SYSTEM) > 0
    assert found == {'left by its control group': 5_000_000, 'left by ulimit -v': 7_000_000 - 2_048_000}


def pointers():
    """Numbers of addresses of the columns of copies and of an order on all devices."""
    mesh = placement.data_mesh()
    columns = Columns(np.arange(15, dtype=np.int32).reshape(5, 3), np.zeros((5, 0), np.float32), np.ones(5, np.float32))
    resident = whole_columns(columns, mesh)
    ordered = placement.split_order(order.epoch_order(0, 0, rows=100, batch_size=7, padded_batch=8), mesh)
    assert (np.asarray(resident.ids) == columns.ids).all()
    return [
        len({shard.data.unsafe_buffer_pointer() for shard in array.addressable_shards})
        for array in (resident.ids, resident.labels, ordered)
    ]


def test_cpu_devices_share_rows_of_copies_and_divide_orders(on_host_devices):
    assert on_host_devices(8, 'test_memory', 't.pointers()') == [1, 1, 8]


def test_aligned_copies_are_copies():
    array = np.arange(24, dtype=np.int16).reshape(2, 3, 4)[:, ::2]
    copied = aligned.copy(array)
    assert copied.ctypes.data % aligned.ALIGNMENT == 0 and copied.dtype == np.int16 and copied.flags.c_contiguous
    np.testing.assert_array_equal(copied, array)
    assert aligned.empty((0, 3), np.float32).shape == (0, 3)


def test_multivalued_fields_are_counted_by_slots():
    schema = Schema((FieldSpec('tags', MULTIVALUED, 11, max_values=20_000),))
    (data,) = (
        item
        for item in memory.plan(replace(Config(), {'model.name': 'fm'}), schema, ROWS, placement.data_mesh()).device
        if item.name == 'data'
    )
    assert data.bytes == 1200 * 20_001 * 4 and jax.devices()
