"""The client that loads a server: what it sends, and the times that it reports."""

import json
import random
import subprocess
import sys

import bundle_cases as cases
import numpy as np
import pytest
from conftest import ROOT
from server_cases import served

from autoint_jax.bundle.golden import Golden, write_golden
from autoint_jax.bundle.manifest import read_manifest, write_manifest
from autoint_jax.serving.load import Load, Timed, loaded

GOOD = json.dumps({'rows': [{'user': '7', 'age': 4, 'tags': ''}] * 3}).encode()


def test_percentiles_are_in_milliseconds():
    figures = Timed(np.arange(1, 102) / 1000, 2, 0.5).figures()
    assert (figures['requests'], figures['failed'], figures['requests_per_second']) == (101, 2, 202)
    np.testing.assert_allclose([figures[f'p{share}_ms'] for share in (50, 95, 99)], [51, 96, 100])
    np.testing.assert_allclose(figures['slowest_ms'], 101)


def test_both_loops_send_requests_and_time_the_answers(tmp_path):
    with served(cases.write_bundle(tmp_path / 'bundle'), '--threads=1') as server:
        closed = loaded(server.port, Load([GOOD], 0.3, connections=2))
        assert closed.failed == 0 and len(closed.seconds) >= 2
        assert closed.elapsed >= 0.3 and 0 < closed.seconds.min() <= closed.elapsed
        opened = loaded(server.port, Load([GOOD, b'{}'], 0.5, rate=100), seed=5)
        rng = random.Random(5)
        times = np.cumsum([rng.expovariate(100) for _ in range(200)])
        assert len(opened.seconds) == (times < 0.5).sum() and 0 < opened.failed < len(opened.seconds)
        status, text = server.ask('/metrics')
        asked = len(closed.seconds) + len(opened.seconds) - opened.failed
        assert f'autoint_requests_total{{path="/score",status="200"}} {float(asked)}' in text


@pytest.fixture
def golden_bundle(tmp_path):
    bundle = cases.write_bundle(tmp_path / 'bundle')
    rows = tuple({'user': user, 'age': age, 'tags': None} for user in ('7', '007') for age in (1, None))
    write_golden(bundle, Golden(rows, ((0,),) * 4, ((0.0,),) * 4, (0.0,) * 4, (0.0,) * 4, 1e-5))
    write_manifest(bundle, read_manifest(bundle))
    return bundle


@pytest.mark.slow
def test_the_gain_of_a_context_is_one_command(tmp_path):
    command = [sys.executable, ROOT / 'experiments/serving_gain.py', '--quick', f'--results_dir={tmp_path}']
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[:3] for line in lines[1:3]] == [['ml1m', 'autoint', '100'], ['ml1m', 'autoint', '1,000']]
    assert lines[-1] == 'quick: no verdict' and not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_experiment_is_one_command(golden_bundle, tmp_path):
    def ran(*flags):
        return subprocess.run(
            [sys.executable, ROOT / 'experiments/serving_load.py', *flags], capture_output=True, text=True, timeout=120
        )

    done = ran(f'--bundle={golden_bundle}', '--quick', f'--results_dir={tmp_path}')
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split()[0] == 'candidates' and len(lines) == 6 and lines[-1] == 'quick: no verdict'
    assert [line.split()[0] for line in lines[1:5]] == ['100', '100', '1,000', '1,000']
    assert all(line.split()[-1] == '0' for line in lines[1:5])  # no request failed
    assert not (tmp_path / 'serving.json').exists()
    done = ran(f'--bundle={golden_bundle}', '--rates=10', '--quick')
    assert (done.returncode, done.stderr) == (2, 'error: --rates=10 must be 2 numbers above 0, one for each size\n')
