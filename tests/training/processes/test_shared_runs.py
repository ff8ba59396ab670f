"""A run by two processes over loopback, by the commands of docs/devices.md: its bits, the death of one, a restart."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time

import pytest
from conftest import OPTIMIZED, ROOT
from test_launcher_files import block

sys.path.append(str(ROOT / 'scripts'))
from local_processes import free_port

CONFIG = """
[data]
dataset = 'movielens_1m'
recipe = 'autoint_all_rows'
[model]
name = 'fm'
embedding_dim = 3
[training]
batch_size = 256
epochs = 8
[optimizer]
learning_rate = 0.1
[execution]
slice_rows = 64
"""
EVALUATIONS = 8
SECONDS = 240  # the most that a run takes
# Runs a script, and appends to a file the rows that this process has read, and those that all processes were to read.
COUNTING = """
import os, runpy, sys
from autoint_jax.training.step import columns

path, script = sys.argv[1:3]
sys.argv, read, asked = sys.argv[2:], [], []
sys.path.insert(0, os.path.dirname(script))
part_from_disk, rows_from_disk, share = columns.part_from_disk, columns.rows_from_disk, columns.SharedRows.read

def part(column, first, held):
    if column.ndim == 1:
        read.append(held)
        asked.append(len(column))
    return part_from_disk(column, first, held)

def rows(of_split, numbers):
    read.append(len(numbers))
    return rows_from_disk(of_split, numbers)

def share_of(self, numbers):
    asked.append(len(numbers))
    return share(self, numbers)

columns.part_from_disk, columns.rows_from_disk, columns.SharedRows.read = part, rows, share_of
try:
    runpy.run_path(script, run_name='__main__')
finally:
    open(path, 'a').write(f'{sum(read)} {sum(asked)}\\n')
"""


class Runs:
    """Starts runs of one configuration."""

    def __init__(self, folder, data_dir):
        self._folder, self._data_dir = folder, data_dir
        (folder / 'tiny.toml').write_text(CONFIG)

    def flags(self, name):
        return ['--config=tiny.toml', f'--data_dir={self._data_dir}', f'--run_dir={name}']

    def start(self, words, devices, counted=None):
        """Starts a script. It appends the numbers of rows that it reads to the file `counted`, if there is one."""
        forced = f'--xla_force_host_platform_device_count={devices}'
        counting = ['-c', COUNTING, counted] if counted else []
        return subprocess.Popen(
            [sys.executable, *counting, str(ROOT / words[0]), *words[1:]],
            cwd=self._folder,
            env=os.environ | dict([OPTIMIZED]) | {'XLA_FLAGS': forced},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def by_hand(self, name, *further, devices=1, counted=None):
        """Starts the two commands of the page with a run of this test."""
        coordinator = f'--coordinator=localhost:{free_port()}'
        started = []
        for line in block('by-hand').splitlines():
            _, script, *flags = shlex.split(line)
            kept = [flag for flag in flags if not flag.startswith(('--config=', '--coordinator='))]
            started.append(self.start([script, *self.flags(name), coordinator, *kept, *further], devices, counted))
        return started

    def alone(self, name, *further):
        done = self.start(['scripts/train.py', *self.flags(name), *further], 2)
        out, error = done.communicate(timeout=SECONDS)
        assert done.returncode == 0, error
        return out

    def outcome(self, name):
        """Metrics, result and checksums of the best and the last checkpoint of a complete run, without times."""
        run = self._folder / name
        result = json.loads((run / 'result.json').read_text())
        kept = {name: value for name, value in result.items() if not name.startswith(('train_', 'first_step_'))}
        sums = {}
        for step in {result['best_step'], result['steps']}:
            progress = json.loads((run / 'checkpoints' / str(step) / 'progress' / 'metadata').read_text())
            sums[step] = progress['seal']['sums']
        return kept, (run / 'metrics.jsonl').read_text(), sums

    def counts(self, counted):
        """[(rows that a process has read, rows that all were to read)], of each process."""
        lines = (self._folder / counted).read_text().splitlines()
        return [tuple(map(int, line.split())) for line in lines]

    def evaluations(self, name):
        path = self._folder / name / 'metrics.jsonl'
        return path.read_text().count('\n') if path.exists() else 0

    def wait_for(self, name, evaluations, started):
        """Waits until a run has so many evaluations."""
        until = time.monotonic() + SECONDS
        while self.evaluations(name) < evaluations:
            assert time.monotonic() < until and started[0].poll() is None
            time.sleep(0.005)

    def starts(self, name):
        """The number of processes of each start of a run, and of its devices."""
        starts = json.loads((self._folder / name / 'run.json').read_text())['starts']
        return [(start['processes'], start['device']['devices']) for start in starts]


@pytest.fixture(scope='module')
def runs(tmp_path_factory, data_dir):
    runs = Runs(tmp_path_factory.mktemp('runs'), data_dir)
    runs.alone('alone')
    return runs


def ended(started):
    return [(*process.communicate(timeout=SECONDS), process.returncode) for process in started]


@pytest.mark.slow
@pytest.mark.parametrize('kind', ['resident', 'streamed'])
def test_two_processes_have_the_bits_of_two_devices(runs, kind):
    name, further = kind, ['--config.execution.streaming'] if kind == 'streamed' else []
    started = runs.by_hand(name, *further, counted=f'{name}.txt')
    (out, error, status), (other, other_error, other_status) = ended(started)
    assert (status, other_status) == (0, 0), error + other_error
    (one, all_rows), (two, same) = runs.counts(f'{name}.txt')
    assert one == two and all_rows == same > 100 and all_rows <= one + two <= all_rows + 3 * 2 * 64  # whole slices
    assert runs.outcome(name) == runs.outcome('alone')
    assert runs.starts(name) == [(2, 2)]
    assert '2 devices (cpu)' in out and 'test AUC' in out and 'epoch' not in other  # the first alone says it


@pytest.mark.slow
@pytest.mark.parametrize('exchange', ['gathered', 'all_to_all'])
def test_tables_split_between_processes_have_the_bits_of_tables_split_in_one(runs, exchange):
    options = '--config.mesh.table=2', f'--config.mesh.exchange={exchange}'
    runs.alone(f'split_alone_{exchange}', *options)
    assert [status for _, _, status in ended(runs.by_hand(f'split_{exchange}', *options))] == [0, 0]
    assert runs.outcome(f'split_{exchange}') == runs.outcome(f'split_alone_{exchange}')
    assert ('overflowed_steps' in runs.outcome(f'split_{exchange}')[1]) == (exchange == 'all_to_all')


@pytest.mark.slow
@pytest.mark.parametrize('parts', [1, 2])
def test_going_on_from_another_run_has_the_bits_of_one_process(runs, parts):
    options = '--init_from=alone', '--config.training.epochs=2', f'--config.mesh.table={parts}'
    runs.alone(f'on_alone_{parts}', *options)
    (out, error, status), (other, other_error, other_status) = ended(runs.by_hand(f'on_{parts}', *options))
    assert (status, other_status) == (0, 0), error + other_error
    assert 'going on from alone at step' in out + error and 'going on' not in other + other_error
    assert runs.outcome(f'on_{parts}') == runs.outcome(f'on_alone_{parts}')
    assert runs.outcome(f'on_{parts}')[1] != runs.outcome('alone')[1]
    refused = ended(runs.by_hand(f'refused_{parts}', '--init_from=alone', '--config.optimizer.b1=0.5'))
    for _, error, status in refused:
        assert status == 2 and 'alone has other options than this run (optimizer.b1: 0.9 / 0.5)' in error, error


@pytest.mark.slow
def test_ordered_sums_have_the_same_bits_in_two_processes_with_any_devices(runs):
    """One device, and two processes with two devices each that split tables; a field has several values."""
    ordered = '--config.mesh.ordered_sums'
    one = runs.start(['scripts/train.py', *runs.flags('ordered'), ordered], 1)
    assert [status for _, _, status in ended([one])] == [0]
    shared = runs.by_hand('ordered_shared', ordered, '--config.mesh.table=2', devices=2)
    assert [status for _, _, status in ended(shared)] == [0, 0]
    (_, lines, sums), (_, lines_of_one, sums_of_one) = runs.outcome('ordered_shared'), runs.outcome('ordered')
    assert sums == sums_of_one and runs.starts('ordered_shared') == [(2, 4)]
    assert lines == lines_of_one


@pytest.mark.slow
@pytest.mark.parametrize('victim', [0, 1])
def test_a_killed_process_ends_the_other_and_the_run_goes_on_with_one(runs, victim):
    name = f'killed{victim}'
    started = runs.by_hand(name, '--config.training.epochs=400')
    runs.wait_for(name, 2, started)
    started[victim].send_signal(signal.SIGKILL)
    killed_at = time.monotonic()
    _, error, status = ended(started)[1 - victim]
    assert time.monotonic() - killed_at < 60
    assert status == 1
    assert error.splitlines()[-1].startswith(f'error: process {victim} of this run has died or is stopped')
    assert error.endswith('run the same command again to go on from the last checkpoint\n')


@pytest.mark.slow
def test_two_then_one_then_two_processes(runs):
    """Each stop is a kill of all; the end has the bits of a run that was never stopped."""
    for processes in (2, 1):
        before = runs.evaluations('changing')
        started = (
            runs.by_hand('changing')
            if processes == 2
            else [runs.start(['scripts/train.py', *runs.flags('changing')], 2)]
        )
        runs.wait_for('changing', before + 2, started)
        for process in started:
            process.kill()
        ended(started)
        assert runs.evaluations('changing') < EVALUATIONS
    assert [status for _, _, status in ended(runs.by_hand('changing'))] == [0, 0]
    assert runs.outcome('changing') == runs.outcome('alone')
    assert runs.starts('changing') == [(2, 2), (1, 2), (2, 2)]


@pytest.mark.slow
@pytest.mark.parametrize('told', [0, 1])
def test_sigterm_to_one_saves_and_stops_both(runs, told):
    name = f'stopped{told}'
    started = runs.by_hand(name)
    runs.wait_for(name, 2, started)
    started[told].send_signal(signal.SIGTERM)
    for _, error, status in ended(started):
        assert status == 75 and 'ended by SIGTERM after saving step' in error.splitlines()[-1], error
    assert runs.evaluations(name) < EVALUATIONS
    runs.alone(name)
    assert runs.outcome(name) == runs.outcome('alone')


@pytest.mark.slow
def test_evaluation_by_two_processes_says_what_one_says(runs):
    coordinator = f'--coordinator=localhost:{free_port()}'
    words = ['scripts/evaluate.py', '--run_dir=alone', runs.flags('')[1], '--split=valid', '--metrics=pr_auc']
    one = runs.start(words, 2).communicate(timeout=SECONDS)[0]
    together = [runs.start([*words, coordinator, '--processes=2', f'--process={number}'], 1) for number in (0, 1)]
    (out, error, _), (other, _, _) = ended(together)
    assert 'PR-AUC' in one and one in out and 'PR-AUC' not in other, error


@pytest.mark.slow
def test_what_processes_cannot_share_is_refused(runs):
    words = ['scripts/train.py', *runs.flags('refused')[:2], '--config.replicas.seeds=2', '--processes=2']
    coordinator = f'--coordinator=localhost:{free_port()}'
    for _, error, status in ended([runs.start([*words, coordinator, f'--process={one}'], 1) for one in (0, 1)]):
        assert status == 2 and len(error.splitlines()) == 1
        assert '2 copies of a run train in one process, and here are 2: start one process' in error
