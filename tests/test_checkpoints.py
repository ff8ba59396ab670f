"""Checkpoints: what is kept, what a reader leaves alone, and damage of every kind."""

import errno
import pathlib
import shutil
import subprocess
import sys
import time
import types

import jax
import numpy as np
import pytest
from conftest import ROOT

from autoint_jax.config import Config
from autoint_jax.errors import UsageError, reported
from autoint_jax.schema import CATEGORICAL, FieldSpec, Schema
from autoint_jax.training import checkpoints as module
from autoint_jax.training.checkpoints import CheckpointReader, Checkpoints, DamagedCheckpoint
from autoint_jax.training.devices import data_mesh
from autoint_jax.training.state import initial_state, setup
from autoint_jax.training.state_sums import state_sums
from autoint_jax.training.stopping import best_evaluation
from autoint_jax.training.trained import saved_state


def small_state(cardinality=5):
    return initial_state(setup(Config(), Schema((FieldSpec('a', CATEGORICAL, cardinality),))))


def save(checkpoints, losses, state=None):
    """Saves after each of some evaluations, {step: loss}, as a run does."""
    state = small_state() if state is None else state
    for last in losses:
        evaluations = [{'step': step, 'valid_logloss': loss} for step, loss in losses.items() if step <= last]
        checkpoints.save(state._replace(step=np.int32(last)), last, {'evaluations': evaluations}, state_sums(state._replace(
            step=np.int32(last))._asdict()))
        checkpoints.wait()


def assert_equal(one, other):
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(a, b)


def test_latest_and_best_are_kept_also_by_a_later_process(tmp_path):
    first = Checkpoints(tmp_path)
    save(first, {10: 0.3, 20: 0.2})
    first.close()
    later = Checkpoints(tmp_path)
    save(later, {10: 0.3, 20: 0.2, 30: 0.5, 40: 0.4})
    later.close()
    reader = CheckpointReader(tmp_path)
    assert reader.steps() == [20, 40]
    state, found = reader.restore(20, small_state(), data_mesh())
    assert found['evaluations'][-1] == {'step': 20, 'valid_logloss': 0.2}
    assert_equal(state, small_state()._replace(step=np.int32(20)))


@pytest.mark.parametrize('losses', [
    {1: 0.5, 2: 0.5}, {1: 0.5, 2: 0.5, 3: 0.5}, {1: 0.6, 2: 0.5, 3: 0.5, 4: 0.7, 5: 0.5}, {1: float('nan'), 2: 0.5, 3: 0.5},
    {1: 0.5, 2: float('nan'), 3: 0.5}, {1: float('inf'), 2: float('inf'), 3: float('nan')}], ids=str)
@pytest.mark.parametrize('processes', [1, 2])
def test_the_checkpoint_kept_is_that_of_the_evaluation_that_the_record_calls_best(tmp_path, losses, processes):
    """Ties go to the first, also across an interruption; one rule decides for both."""
    saved = {}
    for step, loss in losses.items():
        saved[step] = loss
        if step == 1 or processes == 2:
            checkpoints = Checkpoints(tmp_path)
        save(checkpoints, saved)
        if processes == 2:
            checkpoints.close()
    best = best_evaluation([{'step': step, 'valid_logloss': loss} for step, loss in losses.items()])['step']
    assert checkpoints.steps() == sorted({best, max(losses)})
    checkpoints.close()


def test_a_tie_is_won_by_the_first_and_nan_by_nothing():
    def best(*losses):
        return best_evaluation([{'step': step, 'valid_logloss': loss} for step, loss in enumerate(losses)])['step']

    nan = float('nan')
    assert [best(3, 2, 2), best(2, 2), best(nan, 2, 2), best(2, nan, 1), best(nan, nan), best(float('inf'), nan)] == [1, 0, 1, 2, 0, 0]


def test_a_full_disk_is_refused_before_writing_and_said_in_one_sentence(tmp_path, monkeypatch, capsys):
    checkpoints = Checkpoints(tmp_path)
    monkeypatch.setattr(module.shutil, 'disk_usage', lambda path: types.SimpleNamespace(free=1000))
    with pytest.raises(OSError) as caught:
        save(checkpoints, {1: 0.1})
    assert caught.value.errno == errno.ENOSPC and checkpoints.steps() == []
    checkpoints.close()

    def full(argv):
        raise caught.value

    monkeypatch.setattr('os._exit', lambda status: (_ for _ in ()).throw(SystemExit(status)))
    with pytest.raises(SystemExit, match='1'):
        reported(full)(['x'])
    assert capsys.readouterr().err.startswith(f'error: the disk is full while writing {tmp_path}: free some space')


def test_a_checkpoint_of_other_shapes_is_named_and_not_taken_for_damage(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    save(checkpoints, {1: 0.1})
    with pytest.raises(UsageError, match=rf'checkpoint {tmp_path}/1 is of another model .*\[5, 16\] there and \[7, 16\] here') as refused:
        checkpoints.restore(1, small_state(7), data_mesh())
    assert not isinstance(refused.value, DamagedCheckpoint)
    checkpoints.close()


@pytest.fixture(scope='module')
def saved(tmp_path_factory):
    """A folder with the checkpoints of steps 1 (the best) and 2."""
    folder = tmp_path_factory.mktemp('saved')
    checkpoints = Checkpoints(folder)
    save(checkpoints, {1: 0.1, 2: 0.2})
    checkpoints.close()
    return folder


def files(folder):
    return sorted(path for path in folder.rglob('*') if path.is_file())


def flipped(path):
    content = bytearray(path.read_bytes())
    for place in range(len(content) // 2, len(content), 7):
        content[place] ^= 0x15
    path.write_bytes(bytes(content))


DAMAGES = {
    'emptied': lambda path: path.write_bytes(b''), 'truncated': lambda path: path.write_bytes(path.read_bytes()[:-7]),
    'removed': pathlib.Path.unlink, 'flipped': flipped, 'other text': lambda path: path.write_text('[]\n')}


@pytest.mark.parametrize('damage', DAMAGES)
def test_a_damaged_checkpoint_is_never_restored_as_something_else(saved, tmp_path, damage):
    """Of every file: the values are those saved, or the checkpoint is said to be damaged; nothing else is raised."""
    found = set()
    for number, path in enumerate(files(saved / '2')):
        folder = tmp_path / str(number)
        shutil.copytree(saved, folder)
        DAMAGES[damage](folder / path.relative_to(saved))
        try:
            state, progress = CheckpointReader(folder).restore(2, small_state(), data_mesh())
        except DamagedCheckpoint as error:
            assert str(error).startswith(f'checkpoint {folder}/2 is ') and '\n' not in str(error)
            found.add(path.name)
        else:
            assert_equal(state, small_state()._replace(step=np.int32(2)))
            assert progress == {'evaluations': [{'step': 1, 'valid_logloss': 0.1}, {'step': 2, 'valid_logloss': 0.2}]}
    assert 'metadata' in found and len(found) >= 3  # the record of progress and the values among them


def test_a_changed_value_is_damage(tmp_path):
    """Sound files that hold other values than those saved."""
    state, checkpoints = small_state(), Checkpoints(tmp_path)
    table = np.array(state.tables['embedding'])
    table[[0, 1]] = table[[1, 0]]
    evaluations = {'evaluations': [{'step': 1, 'valid_logloss': 0.1}]}
    checkpoints.save(state._replace(tables={'embedding': table}), 1, evaluations, state_sums(state._asdict()))
    checkpoints.wait()
    with pytest.raises(DamagedCheckpoint, match='values of tables/embedding are not those saved'):
        checkpoints.restore(1, state, data_mesh())
    checkpoints.close()


def test_checkpoints_of_older_versions_are_read(tmp_path, saved):
    """They have no sums and no identity."""
    import orbax.checkpoint as ocp

    with ocp.CheckpointManager(tmp_path, item_names=('state', 'progress')) as manager:
        manager.save(3, args=ocp.args.Composite(state=ocp.args.StandardSave(small_state()._asdict()), progress=ocp.args.JsonSave(
            {'evaluations': [{'step': 3, 'valid_logloss': 0.1}], 'seconds': 1.0})))
    state, progress = CheckpointReader(tmp_path).restore(3, small_state(), data_mesh())
    assert_equal(state, small_state())
    assert progress['seconds'] == 1.0


def tree(folder):
    """Everything of a folder that a reader could change."""
    return {str(path): (path.lstat().st_mtime_ns, path.lstat().st_mode, path.read_bytes() if path.is_file() else None)
            for path in [folder, *folder.rglob('*')]}


def test_a_reader_changes_nothing(saved, tmp_path):
    """Not even what a killed or living process has half written."""
    folder = tmp_path / 'checkpoints'
    shutil.copytree(saved, folder)
    shutil.copytree(folder / '2', folder / '3.orbax-checkpoint-tmp')
    (folder / '4.orbax-checkpoint-tmp').mkdir()
    for path in (folder, *folder.rglob('*')):
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = tree(tmp_path)
    reader = CheckpointReader(folder)
    assert reader.steps() == [1, 2] and int(saved_state(reader, None, small_state(), data_mesh()).step) == 1
    assert int(saved_state(reader, 2, small_state(), data_mesh()).step) == 2
    assert tree(tmp_path) == before
    for path in (folder, *folder.rglob('*')):
        path.chmod(0o755)


@pytest.mark.parametrize('there', [[], ['3.orbax-checkpoint-tmp'], ['notes']])
def test_a_reader_of_a_run_without_checkpoints_says_so_and_makes_none(tmp_path, there):
    for name in there:
        (tmp_path / 'checkpoints' / name).mkdir(parents=True)
    before = tree(tmp_path)
    with pytest.raises(UsageError, match=f'{tmp_path} has no checkpoint yet'):
        saved_state(CheckpointReader(tmp_path / 'checkpoints'), None, small_state(), data_mesh())
    assert tree(tmp_path) == before


@pytest.mark.parametrize('complete, advice', [(False, 'run the training command again, which trains again what is lost'),
                                              (True, 'the result in result.json stands; to have the checkpoint again')])
@pytest.mark.parametrize('lose', [lambda path: shutil.rmtree(path), lambda path: [file.unlink() for file in files(path)]])
def test_a_lost_best_checkpoint_is_named_with_what_to_do(saved, tmp_path, complete, advice, lose):
    folder = tmp_path / 'checkpoints'
    shutil.copytree(saved, folder)
    if complete:
        (tmp_path / 'result.json').write_text('{}')
    lose(folder / '1')
    with pytest.raises(UsageError, match=f'{folder}/1 is .*{advice}.*there is 2'):
        saved_state(CheckpointReader(folder), None, small_state(), data_mesh())


def test_a_step_that_vanishes_is_looked_up_again(saved, tmp_path, monkeypatch):
    """The trainer deletes what the reader was about to restore, again and again; the reader then finds the newest best."""
    folder, moves = tmp_path / 'checkpoints', []
    shutil.copytree(saved, folder)
    restore = CheckpointReader.restore

    def overtaken(reader, step, like, mesh):
        if len(moves) < 3:
            moves.append(step)
            trainer = Checkpoints(folder)
            save(trainer, {1: 0.1, 2: 0.2} | {10 * move: 0.1 / 2**move for move in range(1, len(moves) + 1)})
            trainer.close()
        return restore(reader, step, like, mesh)

    monkeypatch.setattr(CheckpointReader, 'restore', overtaken)
    assert int(saved_state(CheckpointReader(folder), None, small_state(), data_mesh()).step) == 30
    assert moves == [1, 10, 20]


def save_in_a_loop(folder, seconds):
    """Every evaluation is the best, so that every saving deletes what a reader wants. Returns the steps saved."""
    checkpoints, losses, state = Checkpoints(folder), {}, small_state()
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        step = len(losses) + 1
        losses[step] = 1 / step
        at_step = state._replace(step=np.int32(step), tables={'embedding': np.full((5, 16), step, np.float32)})
        checkpoints.save(at_step, step, {'evaluations': [
            {'step': step, 'valid_logloss': loss} for step, loss in losses.items()]}, state_sums(at_step._asdict()))
        checkpoints.wait()
    assert checkpoints.steps() == [step]
    checkpoints.close()
    return step


@pytest.mark.parametrize('seconds', [4, pytest.param(30, marks=pytest.mark.slow)])
def test_a_reader_in_a_loop_beside_a_saver_in_a_loop(tmp_path, seconds):
    """The saver, in a process of its own, loses nothing and the reader reads whole states of evaluations that only get newer."""
    folder = tmp_path / 'checkpoints'
    saver = subprocess.Popen([sys.executable, '-c', 'import pathlib, sys; sys.path.insert(0, sys.argv[1]); import test_checkpoints as t\n'
                              f'print(t.save_in_a_loop(pathlib.Path(sys.argv[2]), {seconds}))', str(ROOT / 'tests'), str(folder)],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    read, reader, like = [], CheckpointReader(folder), small_state()
    while saver.poll() is None:
        if reader.steps():
            state = saved_state(reader, None, like, data_mesh())
            np.testing.assert_array_equal(state.tables['embedding'], np.full((5, 16), int(state.step), np.float32))
            read.append(int(state.step))
    out, error = saver.communicate()
    assert saver.returncode == 0, error
    last = int(out.split()[-1])
    assert read == sorted(read) and len(set(read)) > seconds and last > seconds
    assert int(saved_state(reader, None, like, data_mesh()).step) == last
