"""Runs that go on from another one: as Python programs, as commands, on split tables, and with other options."""

import pathlib

import jax
import numpy as np
import pytest
from ancestor_cases import BATCHES, bits, config_of, days, first, folder, go_on, state_of, write_day  # noqa: F401
from run_cases import Told

import autoint_jax
from autoint_jax.config.configuration import replace
from autoint_jax.config.fingerprint import fingerprint
from autoint_jax.config.mesh_config import MeshConfig
from autoint_jax.config.optimizer_config import TABLE_OPTIMIZERS
from autoint_jax.data.store.opening import open_folder
from autoint_jax.training.ancestor import open_ancestor
from autoint_jax.training.loop import fit
from autoint_jax.training.run_folder import contents
from autoint_jax.training.step import placement
from autoint_jax.training.step.layout import as_blocks
from autoint_jax.training.step.state import make_setup

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures('quick_compilation')]


def test_python_programs_go_on_by_the_same_rule(days, first, tmp_path):
    data, options = days[1], {'optimizer.tables': 'deferred_adam'}
    config = go_on(first('deferred_adam'), data, tmp_path / 'one', options)
    autoint_jax.train(
        replace(config, {'init_state': ''}),
        data.folder,
        init_from=first('deferred_adam'),
        run_dir=tmp_path / 'two',
        quiet=True,
    )
    one, two = (state_of(tmp_path / name, data, BATCHES)[1] for name in ('one', 'two'))
    assert [bits(leaf) for leaf in jax.tree.leaves(one)] == [bits(leaf) for leaf in jax.tree.leaves(two)]
    assert contents.read_run(tmp_path / 'two').fingerprint == fingerprint(config)


def test_skipped_steps_do_not_count_as_updates(days, tmp_path):
    skip = {'training.not_finite': 'skip'}
    fit(config_of(days[0], skip), days[0], tmp_path / 'one', Told())
    for name, options in (('skip', skip), ('stop', {})):
        go_on(tmp_path / 'one', days[1], tmp_path / name, options)
        assert state_of(tmp_path / name, days[1], BATCHES)[1].step == 2 * BATCHES


def test_quantiles_of_numeric_fields_stay_those_of_the_first_run(days, tmp_path):
    options = {'model.numeric_encoding': 'piecewise_linear', 'model.numeric_bins': 4}
    fit(config_of(days[0], options), days[0], tmp_path / 'one', Told())
    go_on(tmp_path / 'one', days[1], tmp_path / 'two', options)
    one, two = (contents.read_run(tmp_path / name).boundaries for name in ('one', 'two'))
    assert one == two and len(one['age']) == 5


def split_state(folder, tables):
    """Checks, on two devices that split tables, that the first state has the values of one device. Returns True."""
    folder = pathlib.Path(folder)
    data = open_folder(folder / 'prepared' / 'csv' / 'day2')
    ancestor = open_ancestor(folder / tables, None, 'unused')
    whole, split = (placement.run_mesh(MeshConfig(table=size), jax.devices()[:size]) for size in (1, 2))
    config = config_of(data, {'optimizer.tables': tables})
    one, two = (
        ancestor.first_state(make_setup(replace(config, {'mesh.table': size}), data.schema), mesh)
        for size, mesh in ((1, whole), (2, split))
    )
    for before, after in ((one.tables, two.tables), (one.slots, two.slots)):
        for array, blocks in zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True):
            assert bits(as_blocks(np.asarray(array))) == bits(blocks), (array.shape, blocks.shape)
    return True


@pytest.mark.parametrize('tables', TABLE_OPTIMIZERS)
def test_split_tables_get_the_same_rows(on_host_devices, first, folder, tables):
    first(tables)
    assert on_host_devices(2, 'test_ancestor_kinds', f't.split_state({str(folder)!r}, {tables!r})')


def test_the_commands_of_two_days(command, tmp_path):
    declarations = [write_day(tmp_path, day).name for day in (1, 2)]
    run = ('scripts/train.py', '--config=own_table', '--config.training.epochs=1', '--config.training.batch_size=64')
    steps = [
        ('scripts/prepare_data.py', '--dataset=csv', f'--schema={declarations[0]}'),
        (*run, '--config.data.recipe=day1', '--run_dir=one'),
        ('scripts/prepare_data.py', '--dataset=csv', f'--schema={declarations[1]}', '--extend_from=day1'),
        (*run, '--config.data.recipe=day2', '--run_dir=two', '--init_from=one'),
        ('scripts/prepare_data.py', '--dataset=csv', f'--schema={declarations[1]}', '--extend_from=day1'),
    ]
    said = []
    for words in steps:
        done = command(*words)
        assert done.returncode == 0, f'{words}\n{done.stdout}\n{done.stderr}'
        said.append(done.stdout + done.stderr)
    assert 'the ids of data/prepared/csv/day1 stay; ' in said[2] and 'going on from one at step 9: ' in said[3]
    assert 'already prepared' in said[4]
    for words, sentence in (
        ((*run, '--config.data.recipe=day2', '--init_step=9'), '--init_step names a checkpoint of --init_from'),
        (
            (*run, '--config.data.recipe=day1', '--run_dir=three', '--init_from=two'),
            'does not extend the data of two: ',
        ),
        ((*run, '--config.data.recipe=day2', '--init_from=one', '--config.replicas.seeds=2'), 'asks for copies: train'),
        (steps[0] + ('--extend_from=day1',), '--extend_from=day1 names data/prepared/csv/day1, which the new data'),
    ):
        done = command(*words)
        assert done.returncode == 2 and sentence in done.stderr, done.stderr
