"""A sweep as a command, its processes killed at random: every trial ends, none twice, none is lost."""

import collections
import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT

from autoint_jax.config.folder import CONFIGS
from autoint_jax.sweeps import claims, report, sweep_file, trials
from autoint_jax.sweeps.folder import SweepFolder
from autoint_jax.sweeps.status import status

TINY = """
base = 'movielens_1m_lr'
seeds = {seeds}
[options]
training.epochs = 4
training.batch_size = 256
[grid]
optimizer.learning_rate = {rates}
"""


class Killed:
    """A sweep that is run by a command, and killed."""

    def __init__(self, tmp_path, data_dir, seeds, rates, rng):
        self.path, self.data_dir, self.rng = tmp_path, data_dir, rng
        (tmp_path / 'tiny.toml').write_text(TINY.format(seeds=seeds, rates=rates))
        sweep = sweep_file.load(tmp_path / 'tiny.toml', CONFIGS)
        self.folder = SweepFolder(sweep, tmp_path / 'sweeps' / 'tiny', 120.0)
        self.pids = set()  # of processes that were killed
        self.killed, self.kills, self.commands = (
            collections.Counter(),
            0,
            0,
        )  # deaths of each trial's process, of all, commands
        self.start()

    def start(self):
        self.commands += 1
        previous = signal.signal(signal.SIGINT, signal.default_int_handler)  # a process inherits it where it is ignored
        self.process = subprocess.Popen(
            [
                sys.executable,
                str(ROOT / 'scripts/sweep.py'),
                'run',
                '--sweep=tiny.toml',
                '--workers=2',
                f'--data_dir={self.data_dir}',
            ],
            cwd=self.path,
            stdout=open(self.path / f'out{self.commands}', 'w'),
            stderr=subprocess.STDOUT,
        )
        signal.signal(signal.SIGINT, previous)

    def kill_worker(self):
        """Kills one of the processes that hold trials, if there is one.

        It kills that of a chosen trial at most three times, because the trial fails after five deaths.
        """
        held = {
            trial.id: holder
            for trial in self.folder.trials()
            if (holder := self.folder.state(trial)[1]) is not None and holder.pid not in self.pids
        }  # dead ones are not reaped at once
        if held and self.killed[chosen := self.rng.choice(sorted(held))] < 3:
            with contextlib.suppress(ProcessLookupError):
                os.kill(held[chosen].pid, signal.SIGKILL)
                self.pids.add(held[chosen].pid)
                self.killed.update(trial for trial, holder in held.items() if holder.pid == held[chosen].pid)
                self.kills += 1

    def kill_command(self, number):
        self.process.send_signal(number)
        self.process.wait(60)
        self.start()

    def finish(self):
        """What all commands printed, and the status of the last."""
        self.process.wait(540)
        return ''.join(
            (self.path / f'out{number + 1}').read_text() for number in range(self.commands)
        ), self.process.returncode

    def ended_once(self, said):
        """Asserts that nothing was trained to its end twice, or after it."""
        for trial in self.folder.trials():
            assert len(re.findall(f'{trial.id} done', said)) <= 1
            folder = self.folder.of(trial)
            if trials.final_state(folder) == 'done':
                last = json.loads((folder / 'run.json').read_text())['starts'][-1]
                assert last['time'] <= time.strftime(
                    '%Y-%m-%dT%H:%M:%SZ', time.gmtime((folder / 'result.json').stat().st_mtime)
                )
                assert (
                    claims.holder(folder / 'claims', 120.0) is None or not claims.holder(folder / 'claims', 120.0).live
                )


@pytest.mark.slow
def test_a_sweep_whose_workers_are_killed_ends_with_every_trial(tmp_path, data_dir):
    sweep = Killed(tmp_path, data_dir, seeds=2, rates='[1e-3, 1e-2, 3e38]', rng=random.Random(5))
    deadline = time.monotonic() + 120
    while sweep.kills < 2 and sweep.process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.2)
        sweep.kill_worker()
    said, code = sweep.finish()
    assert sweep.kills == 2 and code == 3, said  # some failed
    assert said.count('was killed by signal 9: it is started again') == 2
    found = status(sweep.folder)
    assert found.counts == {'pending': 0, 'running': 0, 'done': 4, 'failed': 2, 'pruned': 0}, said
    sweep.ended_once(said)
    for failed in found.failed:
        assert 'training diverged' in failed and '    --- ' in failed
        assert all(line in said for line in failed.splitlines()[:-1])
    made = report.report(sweep.folder)
    assert [(row['done'], row['seeds']) for row in made.settings] == [(2, 2), (2, 2), (0, 2)]
    assert len(list((tmp_path / 'results' / 'runs').glob('*.json'))) == 4  # records are written as trials finish
    report.write(sweep.folder, made, tmp_path / 'results')
    assert (
        (tmp_path / 'results' / 'sweep_tiny.csv')
        .read_text()
        .splitlines()[0]
        .startswith('optimizer.learning_rate,valid_auc')
    )
    assert json.loads((tmp_path / 'results' / 'sweep_tiny_trials.json').read_text())['rows'][0]['state'] == 'done'


@pytest.mark.slow
def test_forty_trials_killed_at_random_are_done(tmp_path, data_dir):
    rng = random.Random(11)
    sweep = Killed(tmp_path, data_dir, seeds=20, rates='[1e-3, 1e-2]', rng=rng)
    signals = [signal.SIGKILL, signal.SIGINT, signal.SIGTERM]
    while sweep.process.poll() is None and sweep.kills < 25:
        time.sleep(rng.uniform(0.3, 3))  # a fast machine needs half a minute for all of it
        if signals and rng.random() < 0.2:
            sweep.kill_command(signals.pop())
        else:
            sweep.kill_worker()
    said, code = sweep.finish()
    assert code == 0, said
    assert status(sweep.folder).counts == {'pending': 0, 'running': 0, 'done': 40, 'failed': 0, 'pruned': 0}
    assert sweep.kills >= 8 and sweep.commands >= 3
    sweep.ended_once(said)
    assert len(list((tmp_path / 'results' / 'runs').glob('*.json'))) == 40


@pytest.mark.slow
def test_workers_are_submitted_as_jobs(command, data_dir, tmp_path):
    pytest.importorskip('submitit')
    (tmp_path / 'tiny.toml').write_text(TINY.format(seeds=2, rates='[1e-3, 1e-2]'))
    done = command(
        'scripts/sweep.py', 'submit', '--sweep=tiny.toml', '--workers=2', '--cluster=local', f'--data_dir={data_dir}'
    )
    assert done.returncode == 0, done.stderr
    sweep = sweep_file.load(tmp_path / 'tiny.toml', CONFIGS)
    folder = SweepFolder(sweep, tmp_path / 'sweeps' / 'tiny', 120.0)
    deadline = time.monotonic() + 120
    while folder.ended() < 4 and time.monotonic() < deadline:
        time.sleep(1)
    assert status(folder).counts['done'] == 4
    shown = command('scripts/sweep.py', 'status', '--sweep=tiny.toml')
    assert shown.returncode == 0 and 'tiny: 0 pending, 0 running, 4 done' in shown.stdout


def test_a_sweep_begun_on_other_data_is_refused(command, data_dir, tmp_path):
    (tmp_path / 'tiny.toml').write_text(TINY.format(seeds=1, rates='[1e-3]'))
    (trial,) = sweep_file.load(tmp_path / 'tiny.toml', CONFIGS).trials
    path = tmp_path / 'sweeps' / 'tiny' / 'trials' / trial.id
    path.mkdir(parents=True)
    (path / 'run.json').write_text('{"data_hash": "of fewer rows"}')
    done = command('scripts/sweep.py', 'run', '--sweep=tiny.toml', f'--data_dir={data_dir}')
    assert done.returncode == 2 and f'{trial.id} holds a trial that was trained on other data than' in done.stderr
    assert not (path / trials.LOG).exists()


@pytest.mark.parametrize(
    'arguments, parts',
    [
        (['statu', '--sweep=tiny.toml'], ["unknown command 'statu'", "'status'"]),
        (['status', '--sweep=tiny.toml', '--failed'], ['status does not read --failed']),
        (['retry', '--sweep=tiny.toml'], ['retry needs --failed']),
        (['submit', '--sweep=tiny.toml', '--wait'], ['--engine=slurm does not read --wait']),
        (['submit', '--sweep=tiny.toml', '--engine=ray', '--cluster=local'], ['--engine=ray does not read --cluster']),
        (['submit', '--sweep=tiny.toml', '--engine=ray'], ['needs the --address of a Ray cluster', 'auto']),
        (['submit', '--sweep=tiny.toml', '--engine=ray', '--address=local'], ['add --wait']),
    ],
)
def test_mistakes(command, tmp_path, arguments, parts):
    (tmp_path / 'tiny.toml').write_text(TINY.format(seeds=1, rates='[1e-3]'))
    done = command('scripts/sweep.py', *arguments)
    assert done.returncode == 2 and 'Traceback' not in done.stderr
    for part in parts:
        assert part in done.stderr
