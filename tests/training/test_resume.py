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

from autoint_jax.training.checkpoints.checkpoints import CheckpointReader
from autoint_jax.training.step import placement
from autoint_jax.training.step.state import initial_state
from autoint_jax.training.tables.deferred_adam import DeferredAdamSlots
from autoint_jax.training.trained import open_run

TRAIN = [
    '--config=movielens_1m_autoint',
    '--config.model.num_layers=1',
    '--config.model.head_dim=5',
    '--config.training.batch_size=64',
    '--config.training.epochs=24',
    '--config.training.stop_after_increases=0',
    '--config.training.evaluations_per_epoch=2',
]


def options(data_dir, run_dir, tables):
    """The script that trains the run, and its flags."""
    flags = [*TRAIN, f'--data_dir={data_dir}', f'--run_dir={run_dir}', f'--config.optimizer.tables={tables}']
    return ['scripts/train.py', *flags]


def start(data_dir, run_dir, tables):
    script, *flags = options(data_dir, run_dir, tables)
    return subprocess.Popen(
        [sys.executable, str(ROOT / script), *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | dict([OPTIMIZED]),
    )


def finished(data_dir, run_dir, tables):
    process = start(data_dir, run_dir, tables)
    out, error = process.communicate(timeout=240)
    assert process.returncode == 0, error
    return out


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


def kill_and_finish(data_dir, run_dir, tables, moments):
    """Kills a run once after each of `moments` seconds past its first evaluation seen, then finishes it."""
    killed = 0
    for moment in moments:
        process = start(data_dir, run_dir, tables)
        deadline = time.monotonic() + 120
        before = evaluations(run_dir)
        while process.poll() is None and evaluations(run_dir) <= before and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
    finished(data_dir, run_dir, tables)
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


@pytest.fixture(scope='module')
def alone(data_dir, tmp_path_factory, tables):
    run_dir = tmp_path_factory.mktemp('alone') / 'run'
    finished(data_dir, run_dir, tables)
    return final(data_dir, run_dir)


def test_killed_run_ends_as_the_run_left_alone(data_dir, tmp_path, tables, alone, command):
    assert kill_and_finish(data_dir, tmp_path / 'run', tables, [0.0, 0.11]) == 2
    assert_equal(final(data_dir, tmp_path / 'run'), alone)
    done = command(*options(data_dir, tmp_path / 'run', tables))
    assert done.returncode == 0 and 'nothing was trained again' in done.stdout


@pytest.mark.slow
def test_killed_ten_times_ends_as_the_run_left_alone(data_dir, tmp_path, tables, alone):
    rng = random.Random(11)
    killed = kill_and_finish(data_dir, tmp_path / 'run', tables, [rng.uniform(0, 0.3) for _ in range(10)])
    assert killed == 10
    assert_equal(final(data_dir, tmp_path / 'run'), alone)
