"""scripts/predict.py as a user gives it: mistakes are one sentence, pipes work, a killed process leaves no scores."""

import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT, write_raw

from autoint_jax.data.datasets.movielens_files import read_1m
from autoint_jax.data.datasets.movielens_rows import joined

MISTAKES = {
    '--run_dir=none': 'say which rows: --input=FILE, --input=FOLDER, or --input=- for standard input',
    '--run_dir=none --input=a.csv --output=b.txt': '--output=b.txt must end in .parquet or .csv',
    '--run_dir=none --input=a.csv --output=no/b.csv': 'the folder no does not exist: make it first',
    '--run_dir=none --input=./a.csv --output=a.csv': '--output=a.csv is the input: name another file',
    '--run_dir=none --input=a.csv': 'none is not a run folder (it has no run.json)',
}


@pytest.mark.parametrize('given', MISTAKES)
def test_mistakes_are_one_sentence(command, given):
    done = command('scripts/predict.py', *given.split())
    assert done.returncode == 2 and done.stderr.startswith('error: ') and MISTAKES[given] in done.stderr
    assert done.stderr.count('\n') == 1


@pytest.mark.slow
def test_pipes_and_killed_processes(forks, data_dir, raw_dir, tmp_path):
    """Scores of a pipe are those of a file; messages go to standard error; a killed process leaves no scores."""
    trained = ['scripts/train.py', '--config=movielens_1m_fm', '--config.training.epochs=1', '--run_dir=run']
    assert forks.run([*trained, f'--data_dir={data_dir}'], tmp_path).returncode == 0
    joined(read_1m(raw_dir)).write_csv(tmp_path / 'new.csv')
    command = [sys.executable, str(ROOT / 'scripts' / 'predict.py'), '--run_dir=run']
    file = subprocess.run([*command, '--input=new.csv', '--output=scores.csv'], cwd=tmp_path, capture_output=True)
    assert file.returncode == 0 and b'scores of 3,011 rows: scores.csv' in file.stdout, file.stderr
    with open(tmp_path / 'new.csv', 'rb') as rows:
        pipe = subprocess.run([*command, '--input=-', '--output=-'], cwd=tmp_path, stdin=rows, capture_output=True)
    assert pipe.returncode == 0 and b'rows with a label: AUC' in pipe.stderr, pipe.stderr
    assert pipe.stdout == (tmp_path / 'scores.csv').read_bytes() and pipe.stdout.count(b'\n') == 3012
    joined(read_1m(write_raw(tmp_path / 'large', users=99, movies=50, ratings=200_000))).write_csv(
        tmp_path / 'large.csv'
    )
    killed = subprocess.Popen([*command, '--input=large.csv', '--output=killed.parquet'], cwd=tmp_path)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob('killed.parquet.unfinished-*')) and time.monotonic() < deadline:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / 'killed.parquet').exists() and list(tmp_path.glob('killed.parquet.unfinished-*'))
