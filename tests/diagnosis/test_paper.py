"""Plans for devices that are not here: memory of a device, the bytes that a step moves, and meshes to choose from."""

import re

import pytest
from conftest import ROOT

from autoint_jax.config.configuration import Config, replace
from autoint_jax.config.mesh_config import MeshConfig
from autoint_jax.diagnosis import moved_bytes, paper
from autoint_jax.diagnosis.planned import Planned, rows_of, schema_of
from autoint_jax.errors import UsageError
from autoint_jax.training.memory import plan as memory
from autoint_jax.training.memory import room
from autoint_jax.training.step.state import make_setup
from autoint_jax.units import shown_bytes

BILLION = '64x13,38461506x26'  # 999,999,988 ids in 39 fields
TABLE = 999_999_988 * 16 * 4  # bytes
ROWS = rows_of(10_000_000)
DEFERRED = {'optimizer.tables': 'deferred_adam'}


def named(items, name):
    (item,) = (item for item in items if item.name == name)
    return item


def device_items(table, options=DEFERRED, rows=None):
    """The items of the plan of a billion rows of a table over 64 devices, of which some split it."""
    config = replace(Config(), options | {'mesh.table': table})
    mesh = paper.mesh_of(config.mesh, 64, 10**12)
    return memory.plan(config, schema_of(BILLION.split(',')), rows or {}, mesh, compiling=False).device


def test_memory_of_tables_falls_in_proportion_to_the_devices_that_split_them():
    for table in (1, 2, 8, 64):
        found = device_items(table)
        assert named(found, 'tables').bytes == TABLE // table
        assert named(found, "state of the tables' optimizer").bytes == (2 * TABLE + TABLE // 16) // table
        parameters = named(found, 'parameters and their optimizer').bytes
        assert named(found, 'second copy of the state').bytes == pytest.approx(49 / 16 * TABLE / table + parameters)
        assert ('split over' in named(found, 'tables').counted) == (table > 1)
        assert 'split over' not in named(found, 'parameters and their optimizer').counted
        wanted = 'mesh.table to more devices' if table < 64 else 'model.embedding_dim'
        assert named(found, 'tables').change == wanted


def test_a_plan_on_paper_is_made_as_for_accelerators():
    config = replace(Config(), DEFERRED | {'mesh.table': 0})
    mesh = paper.mesh_of(config.mesh, 64, 10 * 10**9)
    setup = make_setup(config, schema_of([7] * 5), 'gpu')
    plan, streamed, sentence = room.fed(setup, ROWS, mesh, compiling=False)
    assert (
        not streamed and sentence.endswith('kept on each of 64 devices') and mesh.size == len(mesh.local_devices) == 64
    )
    plan, streamed, sentence = room.fed(setup, ROWS, paper.mesh_of(config.mesh, 64, 8 * 10**6), compiling=False)
    assert streamed and 'MB of rows and their order for each of 64 devices are streamed' in sentence
    assert named(plan.host, 'checkpoint being written').bytes > 0  # none for CPUs


def test_lines_of_a_step_and_of_meshes():
    config = replace(Config(), DEFERRED | {'mesh.table': 8, 'mesh.exchange': 'gathered', 'training.batch_size': 8192})
    asked = Planned(schema_of(['64x13', '38461506x26']), {})
    mesh = paper.mesh_of(config.mesh, 8)
    found = [check.text for check in moved_bytes.checks(make_setup(config, asked.schema, 'gpu'), {}, mesh, 10**9)]
    gathered = 1024 * 39 * 8 * 4  # bytes of the row numbers of a batch
    assert f'row numbers: all-gather over 8 devices, result {gathered / 1e6:.3g} MB, ' in found[2]
    assert f'gradients of rows: all-gather over 8 devices, result {gathered * 16 / 1e6:.3g} MB, ' in found[1]
    assert (
        found[4].startswith('rows of tables: reduce-scatter') and f'{gathered * 16 / 8e6 * 7:.3g} MB sent' in found[4]
    )
    assert re.search(r'each device sends 38\.4 MB \(38\.4 ms on the link\) and receives as many', found[-2])
    assert re.fullmatch(r'in the gathered form that is 38\.4 MB .*, in the all-to-all form 6\.06 MB \(.*', found[-1])
    assert moved_bytes.checks(make_setup(config, asked.schema, 'gpu'), {}, paper.mesh_of(MeshConfig(), 1), None)[
        0
    ].text.startswith('one device')
    lines = [check.text for check in moved_bytes.meshes(config, asked, 24, 80 * 10**9, None)]
    assert [line.split(':')[0] for line in lines] == [
        'mesh.data=24 mesh.table=1',
        'mesh.data=12 mesh.table=2',
        'mesh.data=6 mesh.table=4',
        'mesh.data=3 mesh.table=8',
    ]
    assert [line.endswith('does not fit') for line in lines] == [True, True, True, False]


@pytest.mark.parametrize(
    'options, devices, sentence',
    [
        ({'table': 0}, 128, 'option mesh.table=0 would split tables over 128 devices, but only 1, 2, 4, 8, 16, 32 or'),
        ({'table': 4}, 6, 'option mesh.table is 4, which does not divide the 6 devices'),
        ({'table': 4, 'data': 4}, 8, 'options mesh.data=4 and mesh.table=4 need 16 devices, but there are 8'),
        ({}, 10**6, '--devices=1000000 are more devices than a plan is made for, at most 65,536'),
    ],
)
def test_meshes_that_do_not_fit_their_devices(options, devices, sentence):
    with pytest.raises(UsageError, match=re.escape(sentence)):
        paper.mesh_of(MeshConfig(**options), devices)


def test_sizes_and_rates():
    assert (
        paper.size_of('device_memory', '80GB') == 80 * 10**9 and paper.size_of('device_memory', '1.5 TB') == 15 * 10**11
    )
    assert paper.rate_of('link', '900MB/s') == 9 * 10**8
    for wrong in ('80', '80 gb', '-1GB', '0GB', '80GB/s'):
        with pytest.raises(UsageError, match=f"--device_memory is '{wrong}', but must be a size"):
            paper.size_of('device_memory', wrong)
    for wrong in ('50', '50GB', 'GB/s'):
        with pytest.raises(UsageError, match=f"--link is '{wrong}', but must be bytes a second"):
            paper.rate_of('link', wrong)


def test_cardinalities_of_many_fields():
    assert schema_of(['64x2', 7]) == schema_of([64, 64, 7])
    for wrong in ('64x', '64x0', 'x3', '6x4x2', '0x3'):
        with pytest.raises(UsageError, match='must be numbers of ids'):
            schema_of([wrong])


def test_a_billion_rows_on_paper(command):
    options = ['--config.optimizer.tables=deferred_adam', '--rows=1000000000', '--device_memory=60GB', '--link=50GB/s']
    done = command('scripts/doctor.py', f'--cardinalities={BILLION}', '--devices=64', '--config.mesh.table=0', *options)
    assert done.returncode == 0 and done.stdout.endswith('nothing is bad\n'), done.stdout + done.stderr
    assert 'ok    tables: 1000 MB (999,999,988 x 16 float32, split over 64 devices)' in done.stdout
    assert re.search(r'ok    memory of a device: [\d.]+ GB needed, 60 GB available: fits\n', done.stdout)
    assert re.search(r'ok    in a step each device sends [\d.]+ MB \([\d.]+ ms on the link\) and rec', done.stdout)
    assert re.search(r'\nmeshes of 64 devices\n  note  mesh.data=64 mesh.table=1: .* does not fit\n', done.stdout)
    assert 'speed of scatter-add' not in done.stdout  # nothing else is checked


def test_more_rows_than_32_bits_count_end_in_one_sentence(command):
    done = command('scripts/doctor.py', '--cardinalities=2147483648', '--devices=64', '--config.mesh.table=0')
    assert done.returncode == 2 and 'Traceback' not in done.stderr
    assert "error: 2,147,483,648 ids in the fields of the table 'embedding' are more than 32-bit" in done.stderr


@pytest.mark.parametrize(
    'arguments, part',
    [
        (['--device_memory=80GB'], '--device_memory needs --devices'),
        (['--devices=2', '--config.replicas.seeds=3'], 'asks for 3 copies: leave one of both out'),
    ],
)
def test_mistakes(command, arguments, part):
    done = command('scripts/doctor.py', *arguments)
    assert done.returncode == 2 and part in done.stderr and 'Traceback' not in done.stderr


def test_the_page_has_the_memory_of_its_meshes():
    """The rows of the table 'Which mesh' against plans."""
    page = (ROOT / 'docs' / 'devices.md').read_text().split('\n## Which mesh\n')[1].split('\n## ')[0]
    found = re.findall(r'^\| [^|]+ \| ([\d,]+) \| (\d+) \| (\d+) x (\d+) \| ([^|]+) \|', page, re.MULTILINE)
    assert len(found) == 4
    for rows, devices, data, table, shown in found:
        config = replace(Config(), DEFERRED | {'mesh.table': int(table), 'mesh.data': int(data)})
        mesh = paper.mesh_of(config.mesh, int(devices))
        items = memory.plan(config, schema_of([rows.replace(',', '')]), {}, mesh, compiling=False).device
        held = named(items, 'tables').bytes + named(items, "state of the tables' optimizer").bytes
        assert shown_bytes(held) == shown, rows
