"""Sweeps: states of trials, and what workers do. Claims, files, reports and searches have tests of their own."""

import errno
import json
import os
import signal
import threading
import time

import pytest
from sweep_cases import BASE, STALE, evaluate, finish, opened, task

from autoint_jax.data.store.opening import open_prepared
from autoint_jax.records import runs
from autoint_jax.sweeps import claims, report, trials, workers
from autoint_jax.sweeps.folder import SweepFolder
from autoint_jax.sweeps.status import status
from autoint_jax.sweeps.trial_reporter import TrialReporter
from autoint_jax.sweeps.trial_training import train_trial
from autoint_jax.sweeps.worker import work
from autoint_jax.training.run_folder import records


def test_states_follow_from_files(tmp_path):
    folder = opened(tmp_path)
    one, two, three = folder.trials()
    assert [folder.state(trial)[0] for trial in folder.trials()] == ['pending'] * 3
    claim = claims.take(folder.of(one) / 'claims', stale_seconds=STALE, lost=lambda: None)
    assert folder.state(one)[0] == 'running' and folder.state(one)[1].pid == os.getpid()
    evaluate(folder.of(two), [0.6])
    trials.fail(folder.of(two), 'ValueError: no', {'host': 'h', 'pid': 1})
    finish(task(folder), three)
    assert status(folder).counts == {'pending': 0, 'running': 1, 'done': 1, 'failed': 1, 'pruned': 0}
    finish(task(folder), one)
    claim.release()
    trials.retry(folder.of(two))
    assert [folder.state(trial)[0] for trial in folder.trials()] == ['done', 'pending', 'done']


def test_a_trial_whose_process_dies_again_and_again_has_failed_until_it_is_retried(tmp_path):
    folder, ran = opened(tmp_path, BASE), []

    def die(count):
        path = folder.of(folder.trials()[0]) / 'claims'
        path.mkdir(parents=True, exist_ok=True)
        for _ in range(count):
            claim = path / f'{len(list(path.glob("*[0-9]"))) + 1:06d}'
            claim.write_text(
                json.dumps({'machine': 'other', 'note': {'evaluations': len(trials.evaluations(path.parent))}})
            )
            os.utime(claim, (0, 0))

    def interrupted(task, trial, reporter):
        ran.append(trial)
        raise KeyboardInterrupt

    def attempt():
        with pytest.raises(KeyboardInterrupt):
            work(task(folder), 'worker', interrupted)

    die(trials.MAX_DEATHS - 1)
    attempt()
    evaluate(folder.of(folder.trials()[0]), [0.6])
    die(trials.MAX_DEATHS - 1)  # since an evaluation
    attempt()
    die(1)
    work(task(folder), 'worker', interrupted)
    assert len(ran) == 2 and 'died 5 times' in status(folder).failed[0]
    trials.retry(folder.of(folder.trials()[0]))
    attempt()


def test_what_a_trial_raises_is_shown_with_its_log_and_the_others_go_on(tmp_path, capfd):
    folder = opened(tmp_path)

    def train(task, trial, reporter):
        reporter.say(f'seed {trial.config.seed} begins')
        os.write(2, b'from compiled code\n')
        if trial.config.seed == 1:
            raise ZeroDivisionError('of all things')
        finish(task, trial)

    work(task(folder), 'worker 3', train)
    found = status(folder)
    assert found.counts == {'pending': 0, 'running': 0, 'done': 2, 'failed': 1, 'pruned': 0}
    (failed,) = found.failed
    for part in (
        'ZeroDivisionError: of all things',
        'seed 1 begins',
        'from compiled code',
        'Traceback',
        folder.trials()[1].id,
    ):
        assert part in failed
    out, error = capfd.readouterr()
    assert 'worker 3: ' in out and '2 of 3 trials done' in out and 'begins' not in out and 'compiled' not in error


def test_an_interruption_gives_the_trial_back_and_a_full_disk_is_no_failure(tmp_path):
    folder = opened(tmp_path)

    def interrupted(task, trial, reporter):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)

    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        work(task(folder), 'worker', interrupted)
    assert signal.getsignal(signal.SIGTERM) is handler

    def full(task, trial, reporter):
        raise OSError(errno.ENOSPC, 'no space left')

    with pytest.raises(OSError, match='no space left'):
        work(task(folder), 'worker', full)
    assert status(folder).counts['pending'] == 3
    work(task(folder), 'worker', finish)
    assert status(folder).counts['done'] == 3


def test_a_trial_that_another_process_is_still_training_is_left_alone(tmp_path):
    folder = opened(tmp_path, BASE + 'seed = 3\n')
    (trial,) = folder.trials()
    slow, tried = records.RunRecords(folder.of(trial)), []

    def train(task, trial, reporter):
        tried.append(trial)
        records.RunRecords(folder.of(trial)).close()
        finish(task, trial)

    work(task(folder), 'worker', train)
    assert len(tried) == 1 and folder.state(trial)[0] == 'pending'
    assert trials.log_tail(folder.of(trial), 1)[0].endswith('wait for it or choose another run folder')
    slow.close()
    work(task(folder), 'worker', train)
    assert folder.state(trial)[0] == 'done'


def test_trials_that_a_file_gains_are_new_and_those_it_loses_are_left_alone(tmp_path):
    folder = opened(tmp_path)
    work(task(folder), 'worker', finish)
    changed = opened(tmp_path, BASE + '[grid]\nseed = [1, 2, 3]\n')
    assert status(changed).counts | {'done': 2, 'pending': 1} == status(changed).counts
    assert changed.unlisted() == [folder.trials()[0].id] and changed.unlisted()[0] in status(changed).notes[-1]


def test_workers_share_the_machine():
    assert workers.divided_machine(2, [0, 1, 4, 5], None, []) == [((0, 1), None), ((4, 5), None)]
    assert workers.divided_machine(3, [0, 1], None, ['0', '2']) == [((0,), '0'), ((1,), '2'), ((0,), '0')]
    assert workers.divided_machine(2, [0, 1, 2], 2, []) == [((0, 1), None), ((2, 0), None)]


def test_a_worker_that_dies_again_and_again_is_given_up(tmp_path, monkeypatch):
    folder, started = opened(tmp_path), []
    monkeypatch.setattr(workers._Workers, '_start', lambda self, worker: started.append(worker))
    watched = workers._Workers(task(folder), [workers.Resources(None, None)] * 2)

    def dies(worker):
        watched._running[worker] = None
        return watched._restarted(worker, -signal.SIGKILL)

    assert all(dies(0) for _ in range(workers.MAX_RESTARTS))
    finish(task(folder), folder.trials()[0])  # a trial ended meanwhile
    assert all(dies(0) for _ in range(workers.MAX_RESTARTS)) and not dies(0) and dies(1)
    assert started == [0] * 2 * workers.MAX_RESTARTS + [1]


def test_a_pruned_trial_keeps_its_curve_and_a_recorded_run_is_not_trained(tmp_path, data_dir):
    folder = opened(tmp_path, BASE)
    (trial,) = folder.trials()
    told = task(folder, data_dir)

    def prune(task, trial, reporter):
        path = folder.of(trial)
        train_trial(
            task,
            trial,
            TrialReporter(path, trial.config.training, threading.Event(), lambda: len(trials.evaluations(path)) == 2),
        )

    work(told, 'worker', prune)
    assert folder.state(trial)[0] == 'pruned' and 'pruned after epoch 2' in '\n'.join(
        trials.log_tail(folder.of(trial), 9)
    )
    assert [evaluation.epoch for evaluation in trials.evaluations(folder.of(trial))] == [1.0, 2.0]
    (folder.of(trial) / 'pruned.json').unlink()
    work(told, 'worker')  # goes on, to the end
    record = runs.recorded(
        trial.id,
        trial.config,
        open_prepared(data_dir, 'movielens_1m', 'autoint_all_rows'),
        folder.path.parent / 'results',
    )
    assert record.run == trial.id and record.epochs == 3 and len(record.starts) == 2
    assert record.data == runs.DataName('movielens_1m', 'autoint_all_rows')
    elsewhere = SweepFolder(folder.sweep, folder.path.with_name('other'), STALE)
    work(task(elsewhere, data_dir), 'worker')
    assert elsewhere.state(trial)[0] == 'done' and not (elsewhere.of(trial) / 'run.json').exists()
    assert report.report(elsewhere).trials[0]['test_auc'] == record.test['auc']
