"""Readers of checkpoints beside a process that trains: nothing is lost on either side."""

import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import ROOT
from test_checkpoints import files, save, saved, small_state  # noqa: F401, a fixture among them

from autoint_jax.errors import UsageError
from autoint_jax.evaluation.evaluation import Evaluation
from autoint_jax.training.checkpoints.checkpoint_reader import CheckpointReader
from autoint_jax.training.checkpoints.checkpoints import Checkpoints
from autoint_jax.training.checkpoints.state_sums import state_sums
from autoint_jax.training.step.placement import data_mesh
from autoint_jax.training.trained import saved_state


def tree(folder):
    """Everything of a folder that a reader could change."""
    return {
        str(path): (path.lstat().st_mtime_ns, path.lstat().st_mode, path.read_bytes() if path.is_file() else None)
        for path in [folder, *folder.rglob('*')]
    }


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
    assert reader.steps() == [1, 2] and int(saved_state(reader, None, small_state(), data_mesh(), 'logloss').step) == 1
    assert int(saved_state(reader, 2, small_state(), data_mesh(), 'logloss').step) == 2
    assert tree(tmp_path) == before
    for path in (folder, *folder.rglob('*')):
        path.chmod(0o755)


@pytest.mark.parametrize('there', [[], ['3.orbax-checkpoint-tmp'], ['notes']])
def test_a_reader_of_a_run_without_checkpoints_says_so_and_makes_none(tmp_path, there):
    for name in there:
        (tmp_path / 'checkpoints' / name).mkdir(parents=True)
    before = tree(tmp_path)
    with pytest.raises(UsageError, match=f'{tmp_path} has no checkpoint yet'):
        saved_state(CheckpointReader(tmp_path / 'checkpoints'), None, small_state(), data_mesh(), 'logloss')
    assert tree(tmp_path) == before


def test_a_complete_run_without_checkpoints_is_not_to_be_trained_on(tmp_path):
    (tmp_path / 'result.json').write_text('{}')
    with pytest.raises(
        UsageError, match='lost its checkpoints: the result .* stands; .* train the run again in another run folder'
    ):
        saved_state(CheckpointReader(tmp_path / 'checkpoints'), None, small_state(), data_mesh(), 'logloss')


@pytest.mark.parametrize(
    'complete, advice',
    [
        (False, 'run the training command again, which repeats the lost steps'),
        (True, 'the result in result.json stands; to have the checkpoint again'),
    ],
)
@pytest.mark.parametrize(
    'lose', [lambda path: shutil.rmtree(path), lambda path: [file.unlink() for file in files(path)]]
)
def test_a_lost_best_checkpoint_is_named_with_what_to_do(saved, tmp_path, complete, advice, lose):
    folder = tmp_path / 'checkpoints'
    shutil.copytree(saved, folder)
    if complete:
        (tmp_path / 'result.json').write_text('{}')
    lose(folder / '1')
    with pytest.raises(UsageError, match=f'{folder}/1 is .*{advice}.*there is 2'):
        saved_state(CheckpointReader(folder), None, small_state(), data_mesh(), 'logloss')


def test_a_step_that_vanishes_is_looked_up_again(saved, tmp_path, monkeypatch):
    """The trainer deletes what the reader is about to restore, again and again; the reader finds the newest best."""
    folder, moves = tmp_path / 'checkpoints', []
    shutil.copytree(saved, folder)
    restore = CheckpointReader.restore

    def overtaken(reader, step, like, mesh):
        if len(moves) < 3:
            moves.append(step)
            trainer = Checkpoints(folder)
            better = {10 * move: 0.1 / 2**move for move in range(1, len(moves) + 1)}
            save(trainer, {1: 0.1, 2: 0.2} | better | {10 * len(moves) + 1: 0.2})  # deletes the best before
            trainer.close()
        return restore(reader, step, like, mesh)

    monkeypatch.setattr(CheckpointReader, 'restore', overtaken)
    assert int(saved_state(CheckpointReader(folder), None, small_state(), data_mesh(), 'logloss').step) == 30
    assert moves == [1, 10, 20]


def save_in_a_loop(folder, seconds):
    """Saves for at least so many seconds, and ten times a second if a slow machine takes longer for that. Every
    evaluation is the best, so that every saving deletes what a reader wants. Returns the last step.
    """
    checkpoints, losses, state = Checkpoints(folder), {}, small_state()
    began = time.monotonic()
    while time.monotonic() - began < seconds or len(losses) < 10 * seconds:
        step = len(losses) + 1
        losses[step] = 1 / step
        at_step = state._replace(step=np.int32(step), tables={'embedding': np.full((5, 16), step, np.float32)})
        checkpoints.save(
            at_step,
            step,
            {'evaluations': [Evaluation(step, 1.0, 0.5, {'logloss': loss}).line() for step, loss in losses.items()]},
            state_sums(at_step._asdict()),
            keep=[],
        )
        checkpoints.wait()
    assert checkpoints.steps() == [step]
    checkpoints.close()
    return step


@pytest.mark.parametrize('seconds', [1, pytest.param(30, marks=pytest.mark.slow)])
def test_a_reader_in_a_loop_beside_a_saver_in_a_loop(tmp_path, seconds):
    """The saver, in a process of its own, loses nothing and the reader reads whole states of evaluations that only get
    newer.
    """
    folder = tmp_path / 'checkpoints'
    code = (
        'import pathlib, sys; sys.path.insert(0, sys.argv[1]); import test_readers\n'
        f'print(test_readers.save_in_a_loop(pathlib.Path(sys.argv[2]), {seconds}))'
    )
    saver = subprocess.Popen(
        [sys.executable, '-c', code, str(ROOT / 'tests'), str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    read, reader, like = [], CheckpointReader(folder), small_state()
    while saver.poll() is None:
        if reader.steps():
            state = saved_state(reader, None, like, data_mesh(), 'logloss')
            np.testing.assert_array_equal(state.tables['embedding'], np.full((5, 16), int(state.step), np.float32))
            read.append(int(state.step))
    out, error = saver.communicate()
    assert saver.returncode == 0, error
    last = int(out.split()[-1])
    assert read == sorted(read) and len(set(read)) > seconds and last > seconds
    assert int(saved_state(reader, None, like, data_mesh(), 'logloss').step) == last
