"""scripts/export.py as a user gives it: mistakes are one sentence, and a killed process leaves no bundle."""

import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT

MISTAKES = {
    '--run_dir=none': 'say where the bundle shall be: --out=FOLDER',
    '--run_dir=none --out=b': 'none is not a run folder (it has no run.json)',
    '--run_dir=none --out=b --formats=torch': '--formats=torch is unknown: give one or several of stablehlo, onnx',
    '--run_dir=none --out=b --formats=': '--formats names no format',
    '--run_dir=none --out=b --tables=int4': 'int4',
    '--run_dir=none --out=b --onnx_inputs=ids,rows': '--onnx_inputs=rows is unknown: give one or both of ids, raw',
    '--run_dir=none --out=b --onnx_inputs=ids,raw --formats=stablehlo': '--formats=stablehlo has no onnx: add it',
    '--run_dir=none --out=no/b': 'the folder no does not exist: make it first',
    '--run_dir=none --out=.': '--out=. names no new folder',
}


@pytest.mark.parametrize('given', MISTAKES)
def test_mistakes_are_one_sentence(command, given):
    done = command('scripts/export.py', *given.split())
    assert done.returncode == 2 and done.stderr.startswith('error: ') and MISTAKES[given] in done.stderr
    assert done.stderr.count('\n') == 1


@pytest.mark.slow
def test_exported_overwritten_killed_and_full(forks, data_dir, tmp_path):
    trained = ['scripts/train.py', '--config=movielens_1m_fm', '--config.training.epochs=1', '--run_dir=run']
    assert forks.run([*trained, f'--data_dir={data_dir}'], tmp_path).returncode == 0
    command = [sys.executable, str(ROOT / 'scripts' / 'export.py'), '--run_dir=run', '--out=bundle']
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (
        done.returncode == 0
        and 'stablehlo: PASS' in done.stdout
        and 'onnx: PASS' in done.stdout
        and 'bundle: ' in done.stdout
    ), done.stderr
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert again.returncode == 2 and 'pass --overwrite to replace it' in again.stderr
    before = (tmp_path / 'bundle' / 'manifest.json').read_bytes()
    done = subprocess.run([*command, '--overwrite'], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and (tmp_path / 'bundle' / 'manifest.json').read_bytes() == before  # the same bytes
    check = [sys.executable, '-m', 'autoint_jax.export.check', 'bundle']
    done = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith('stablehlo: PASS'), done.stderr
    limit = ['bash', '-c', 'ulimit -f 4; trap "" XFSZ; exec "$@"', '-', *command, '--overwrite']
    full = subprocess.run(limit, cwd=tmp_path, capture_output=True, text=True)
    assert full.returncode == 1 and full.stderr.count('\n') == 1, full.stderr
    assert (tmp_path / 'bundle' / 'manifest.json').read_bytes() == before
    assert not list(tmp_path.glob('bundle.unfinished*'))
    killed = subprocess.Popen([*command[:-1], '--out=killed'], cwd=tmp_path, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob('killed.unfinished-*')) and time.monotonic() < deadline:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / 'killed').exists() and list(tmp_path.glob('killed.unfinished-*'))
