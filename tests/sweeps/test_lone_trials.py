"""A trial that trains alone is the run of scripts/train.py with its configuration: same forms, slices and bits."""

import json
import os
import pathlib
import subprocess
import sys

import pytest
from conftest import OPTIMIZED, ROOT
from sweep_cases import opened, task

from autoint_jax.config import configuration
from autoint_jax.sweeps.worker import work

SWEEP = """
base = 'movielens_1m_autoint'
[options]
training.epochs = 1
training.batch_size = 512
model.num_layers = 1
[[list]]
seed = 1
[[list]]
seed = 2
[[list]]
model.num_heads = 1
"""


def swept(tmp_path, data_dir):
    """Two trials train in one program, for which the CPU is several devices; the third one alone."""
    folder = opened(pathlib.Path(tmp_path), SWEEP)
    work(task(folder, data_dir, together=True), 'worker')


@pytest.mark.slow
def test_a_trial_alone_is_the_run_of_train_py(tmp_path, data_dir):
    environment = os.environ | dict([OPTIMIZED])
    code = (
        'import sys; sys.path.insert(0, sys.argv[1]); import test_lone_trials as t; t.swept(*sys.argv[2:])\n'
        'import jax; print(jax.local_device_count(), len(__import__("os").sched_getaffinity(0)))'
    )
    done = subprocess.run(
        [sys.executable, '-c', code, str(ROOT / 'tests'), str(tmp_path), str(data_dir)],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    devices, cores = map(int, done.stdout.splitlines()[-1].split())
    assert devices == min(2, cores)
    folder = opened(tmp_path, SWEEP)
    *together, alone = folder.trials()
    assert [configuration.value(trial.config, 'model.num_heads') for trial in (*together, alone)] == [2, 2, 1]
    done = subprocess.run(
        [
            sys.executable,
            str(ROOT / 'scripts/train.py'),
            '--config=movielens_1m_autoint',
            '--config.training.epochs=1',
            '--config.training.batch_size=512',
            '--config.model.num_layers=1',
            '--config.model.num_heads=1',
            f'--data_dir={data_dir}',
            f'--run_dir={tmp_path / "run"}',
        ],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    trial, run = folder.of(alone), tmp_path / 'run'
    assert (trial / 'metrics.jsonl').read_bytes() == (run / 'metrics.jsonl').read_bytes()
    ours, theirs = (json.loads((path / 'result.json').read_text()) for path in (trial, run))
    assert {name: ours[name] for name in ('test', 'valid', 'best_step', 'fingerprint')} == {
        name: theirs[name] for name in ('test', 'valid', 'best_step', 'fingerprint')
    }
    ours, theirs = (json.loads((path / 'run.json').read_text()) for path in (trial, run))
    assert ours['config'] == theirs['config']
    for part in ('forms', 'copies', 'device'):
        assert ours['starts'][0][part] == theirs['starts'][0][part]
