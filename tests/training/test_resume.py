"""A run killed with SIGKILL at random moments ends with the bits of the run that was left alone."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest
from conftest import OPTIMIZED, ROOT

from autoint_jax.training.checkpoints.checkpoint_reader import CheckpointReader
from autoint_jax.training.step import placement
from autoint_jax.training.step.state import initial_state
from autoint_jax.training.tables.deferred_adam import DeferredAdamSlots
from autoint_jax.training.trained import open_run

TRAIN = [
    '--config=movielens_1m_autoint',
    '--config.model.num_layers=1',
    '--config.model.head_dim=5',
    '--config.training.batch_size=64',
    '--config.training.stop_after_increases=0',
    '--config.training.evaluations_per_epoch=2',
]


# Runs a script in a fork, which has imported JAX already, with programs that are compiled as users do.
COMPILING_AS_USERS_DO = (
    'import os, runpy, sys, jax; jax.config.update("jax_disable_most_optimizations", False)\n'
    'sys.argv = sys.argv[1:]; sys.path[0] = os.path.dirname(sys.argv[0]); runpy.run_path(sys.argv[0], None, "__main__")'
)


class Commands:
    """The command that trains a run of so many epochs, as a process that can be killed or in a fork."""

    def __init__(self, forks, data_dir, tables, epochs):
        self._forks = forks
        changed = f'--config.optimizer.tables={tables}', f'--config.training.epochs={epochs}'
        self._arguments = [str(ROOT / 'scripts/train.py'), *TRAIN, *changed, f'--data_dir={data_dir}']

    def start(self, run_dir):
        environment = os.environ | dict([OPTIMIZED])
        command = [sys.executable, *self._arguments, f'--run_dir={run_dir}']
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)

    def finish(self, run_dir):
        """Trains a run to its end. Returns what the command said."""
        done = self._forks.run([*self._arguments, f'--run_dir={run_dir}'], ROOT, code=COMPILING_AS_USERS_DO)
        assert done.returncode == 0, done.stderr
        return done.stdout


def final(data_dir, run_dir):
    """Everything of a finished run but times: bits of the last and best state, metrics, result."""
    result = json.loads((run_dir / 'result.json').read_text())
    untimed = {key: value for key, value in result.items() if not key.startswith(('train_', 'first_step_'))}
    run = open_run(run_dir, str(data_dir), None)
    checkpoints = CheckpointReader(run_dir / 'checkpoints')
    last, _ = checkpoints.restore(checkpoints.steps()[-1], initial_state(run.setup), placement.data_mesh())
    for state in (run.state, last):  # no checkpoint holds a row that is behind
        for slots in state.slots.values():
            assert not isinstance(slots, DeferredAdamSlots) or (slots.last == state.step).all()
    leaves = [np.asarray(leaf) for state in (run.state, last) for leaf in jax.tree.leaves(state)]
    return untimed, (run_dir / 'metrics.jsonl').read_text(), leaves


def kill_and_finish(commands, run_dir, moments):
    """Kills a run once after each of `moments` seconds past its first evaluation seen, then finishes it."""
    killed = 0
    for moment in moments:
        process = commands.start(run_dir)
        deadline = time.monotonic() + 120
        before = evaluations(run_dir)
        while process.poll() is None and evaluations(run_dir) <= before and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
        process.wait()
        killed += process.returncode == -signal.SIGKILL
    commands.finish(run_dir)
    return killed


def evaluations(run_dir):
    path = run_dir / 'metrics.jsonl'
    return len(path.read_text().splitlines()) if path.exists() else 0


def assert_equal(one, other):
    assert one[0] == other[0]
    assert one[1] == other[1]
    for a, b in zip(one[2], other[2], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture(scope='module', params=[pytest.param('adam', marks=pytest.mark.slow), 'deferred_adam'])
def tables(request):
    return request.param


@pytest.mark.slow
def test_killed_run_ends_as_the_run_left_alone(data_dir, tmp_path, tables, forks):
    commands = Commands(forks, data_dir, tables, epochs=10)
    assert kill_and_finish(commands, tmp_path / 'run', [0.0, 0.11]) == 2
    commands.finish(tmp_path / 'alone')
    assert_equal(final(data_dir, tmp_path / 'run'), final(data_dir, tmp_path / 'alone'))
    assert 'nothing was trained again' in commands.finish(tmp_path / 'run')


@pytest.mark.slow
def test_killed_ten_times_ends_as_the_run_left_alone(data_dir, tmp_path, tables, forks):
    rng, commands = random.Random(11), Commands(forks, data_dir, tables, epochs=24)
    killed = kill_and_finish(commands, tmp_path / 'run', [rng.uniform(0, 0.3) for _ in range(10)])
    assert killed == 10
    commands.finish(tmp_path / 'alone')
    assert_equal(final(data_dir, tmp_path / 'run'), final(data_dir, tmp_path / 'alone'))
