"""Searches: what is suggested, pruned, and remembered when processes are killed."""

import json
import os
import signal
import subprocess
import sys

import pytest
from conftest import ROOT
from sweep_cases import BASE, STALE, evaluate, finish, opened, task, values

from autoint_jax.errors import UsageError
from autoint_jax.sweeps import claims, report, trials, workers
from autoint_jax.sweeps.status import status
from autoint_jax.sweeps.study import JOURNAL, Study
from autoint_jax.sweeps.worker import work

SEARCH = (
    BASE
    + """
[search]
trials = 9
startup_trials = 3
[search.space]
optimizer.learning_rate = {low = 1e-4, high = 1e-1, log = true}
training.evaluations_per_epoch = {low = 1, high = 3}
optimizer.tables = {choices = ['adam', 'deferred_adam']}
"""
)


def parameters(folder):
    options = ('optimizer.learning_rate', 'training.evaluations_per_epoch', 'optimizer.tables')
    return [values(trial, *options) for trial in folder.trials()]


@pytest.fixture(scope='module')
def alone(tmp_path_factory):
    """A search that was left alone."""
    folder = opened(tmp_path_factory.mktemp('alone'), SEARCH)
    work(task(folder), 'worker', finish)
    return folder


def test_a_search_suggests_within_its_space_and_gets_better(alone):
    found = parameters(alone)
    assert len(found) == len(set(found)) == 9 and status(alone).counts['done'] == 9
    assert all(1e-4 <= rate <= 1e-1 and 1 <= evaluations <= 3 for rate, evaluations, _ in found)
    assert len({tables for *_, tables in found}) == 2 and len({evaluations for _, evaluations, _ in found}) > 1
    losses = [trials.result(alone.of(trial)).valid['logloss'] for trial in alone.trials()]
    assert min(losses[3:]) < min(losses[:3])
    assert report.report(alone).settings[0]['valid_logloss'] == min(losses)


def killed_search(folder):
    """Searches in processes that are killed, one in the middle of each of several things, and then to the end."""
    from optuna import Study as OptunaStudy
    from optuna.trial import Trial as OptunaTrial

    def kill(*_, state=None):
        os.kill(os.getpid(), signal.SIGKILL)

    def train(when):
        def of(task, trial, reporter):
            if len(task.folder.trials()) == when:
                kill()
            finish(task, trial)

        return of

    def finish_and_die(task, trial, reporter):
        finish(task, trial)
        kill()

    said = opened(folder, SEARCH)
    killed = 0
    for owner, name, training in (
        (OptunaStudy, 'ask', finish),
        (None, '', train(2)),
        (OptunaTrial, 'set_user_attr', finish),
        (None, '', finish_and_die),
        (None, '', train(6)),
        (OptunaStudy, 'tell', finish),
    ):
        if (child := os.fork()) == 0:
            if owner is not None:
                setattr(owner, name, kill)
            work(task(said), 'worker', training)
            os._exit(0)
        killed += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    work(task(said), 'worker', finish)
    return killed, parameters(said)


def test_a_search_killed_anywhere_is_the_search_left_alone(alone, forks, tmp_path):
    code = (
        'import json, pathlib, sys; sys.path.insert(0, sys.argv[1]); import test_search as t\n'
        'print(json.dumps(t.killed_search(pathlib.Path(sys.argv[2]))))'
    )
    done = forks.run([str(ROOT / 'tests'), str(tmp_path)], tmp_path, code=code)
    assert done.returncode == 0, done.stderr
    killed, found = json.loads(done.stdout.splitlines()[-1])
    assert killed == 6 and [tuple(one) for one in found] == parameters(alone)


def test_a_search_goes_on_without_its_journal_but_not_with_a_damaged_one(alone, tmp_path, capfd):
    folder = opened(tmp_path, SEARCH.replace('trials = 9', 'trials = 5'))
    work(task(folder), 'worker', finish)
    journal = folder.path / JOURNAL
    journal.write_text(journal.read_text()[:-20])  # as a full disk leaves it
    folder = opened(tmp_path, SEARCH.replace('trials = 9', 'trials = 7'))  # more trials may be asked for
    work(task(folder), 'worker', finish)
    assert all(json.loads(line) for line in journal.read_text().splitlines())
    folder = opened(tmp_path, SEARCH)
    journal.write_text(journal.read_text()[:-20])
    with open(journal, 'a') as file:
        file.write('{}\n')
    with pytest.raises(UsageError, match=f'{JOURNAL} is damaged.*delete it'):  # raised by the worker's process
        workers.run(task(folder), [workers.Resources(None, None)])
    assert 'started again' not in capfd.readouterr().out
    journal.unlink()
    work(task(folder), 'worker', finish)
    assert parameters(folder) == parameters(alone)
    with pytest.raises(UsageError, match='search with another space'):
        opened(tmp_path, SEARCH.replace('high = 3', 'high = 2')).trials()


def test_a_search_whose_space_is_exhausted_ends(tmp_path):
    space = 'optimizer.tables = {choices = ["adam", "deferred_adam"]}\n'
    folder = opened(tmp_path, f'{BASE}[search]\ntrials = 9\n[search.space]\n{space}')
    work(task(folder), 'worker', finish)
    assert len(folder.trials()) == 2 and status(folder).counts['done'] == 2
    assert status(folder).notes == ['the search has suggested 2 of 9 trials and found no other in its space']


def test_a_search_prunes_by_the_curves_and_learns_of_a_retried_failure(tmp_path):
    folder = opened(tmp_path, SEARCH.replace('startup_trials = 3', "startup_trials = 3\npruner = 'median'"))

    def train(task, trial, reporter):
        number, path = len(folder.trials()) - 1, folder.of(trial)
        if number == 2 and not (path / 'metrics.jsonl').exists():
            evaluate(path, [0.6])
            raise ValueError('for once')
        last = 0.9 if number == 5 else 0.4
        for count in (1, 2, 3):
            evaluate(path, [0.6, last, last][:count])
            reporter.evaluated(trials.evaluations(path)[-1], best=True, copy='')
        finish(task, trial)

    work(task(folder), 'worker', train)
    states = [folder.state(trial)[0] for trial in folder.trials()]
    assert states == ['done'] * 2 + ['failed'] + ['done'] * 2 + ['pruned'] + ['done'] * 3
    assert len(trials.evaluations(folder.of(folder.trials()[5]))) == 2
    trials.retry(folder.of(folder.trials()[2]))
    work(task(folder), 'worker', train)
    assert status(folder).counts['done'] == 8
    study = Study(folder.sweep, folder.path)
    told = [
        (frozen.user_attrs['trial'], frozen.state.name) for frozen in study._study.trials if frozen.state.name != 'FAIL'
    ]
    assert sorted(told) == sorted(
        (trial.id, 'PRUNED' if number == 5 else 'COMPLETE') for number, trial in enumerate(folder.trials())
    )


def files_of(path):
    """All files below a folder but those of trials, whose number grows with them."""
    return sorted(
        str(found.relative_to(path))
        for found in path.rglob('*')
        if found.is_file() and 'trials' not in found.relative_to(path).parts
    )


def test_questions_and_looks_leave_no_file(tmp_path):
    folder = opened(tmp_path, SEARCH)
    study = Study(folder.sweep, folder.path)
    assert study.ask()
    before = files_of(folder.path)
    assert study.ask() and study.ask()
    study.catch_up()
    assert files_of(folder.path) == before
    trial = folder.trials()[0]
    claim = claims.take(folder.of(trial) / 'claims', stale_seconds=STALE, lost=lambda: None)
    every = sorted(folder.path.rglob('*'))
    for _ in range(3):
        assert status(folder).counts['running'] == 1 and folder.state(trial)[0] == 'running'
        assert claims.take(folder.of(trial) / 'claims', stale_seconds=STALE, lost=lambda: None) is None
    claim.release()
    assert sorted(folder.path.rglob('*')) == sorted([*every, folder.of(trial) / 'claims' / '000001.released'])


def ask_all(folder):
    folder = opened(folder, SEARCH.replace('trials = 9', 'trials = 30'))
    study = Study(folder.sweep, folder.path)
    while study.ask():
        pass


def test_processes_that_ask_at_once_number_their_suggestions_one_by_one(tmp_path):
    code = (
        'import pathlib, sys; sys.path.insert(0, sys.argv[1]); import test_search as t\n'
        't.ask_all(pathlib.Path(sys.argv[2]))'
    )
    asking = [subprocess.Popen([sys.executable, '-c', code, str(ROOT / 'tests'), str(tmp_path)]) for _ in range(2)]
    assert [process.wait(120) for process in asking] == [0, 0]
    folder = opened(tmp_path, SEARCH.replace('trials = 9', 'trials = 30'))
    numbers = [json.loads(path.read_text())['number'] for path in folder.path.glob('trials/*/suggestion.json')]
    assert sorted(numbers) == list(range(30)) and len(folder.trials()) == 30


def test_a_trial_that_stops_by_itself_is_not_pruned_by_its_last_evaluation(tmp_path):
    """Two increases in a row end it. Its best evaluation is its result, although the last one is far behind."""
    text = SEARCH.replace('[search]', 'training.stop_after_increases = 2\n[search]').replace(
        'startup_trials = 3', "startup_trials = 2\npruner = 'median'\nwarmup_evaluations = 1"
    )
    folder = opened(tmp_path, text.replace('training.epochs = 3', 'training.epochs = 9'))

    def train(task, trial, reporter):
        number, path = len(folder.trials()) - 1, folder.of(trial)
        curve = [0.6, 0.7, 0.9] if number == 4 else [0.6, 0.5, 0.4]
        for count in (1, 2, 3):
            evaluate(path, curve[:count])
            if number == 4 and count == 2:  # as an evaluation that is resumed after: it is not reported again
                continue
            reporter.evaluated(trials.evaluations(path)[-1], best=True, copy='')
        finish(task, trial)

    work(task(folder), 'worker', train)
    assert [folder.state(trial)[0] for trial in folder.trials()] == ['done'] * 9
    stopped = folder.trials()[4]
    (row,) = (row for row in report.report(folder).trials if row['trial'] == stopped.id)
    assert row['valid_logloss'] == trials.result(folder.of(stopped)).valid['logloss'] != 0.9


@pytest.mark.parametrize(
    'line', ['[]', '"x"', '3', '{"op_code": 99}', '{"op_code": 4, "worker_id": "x"}', '[' * 3000, '\0', 'x']
)
def test_a_damaged_journal_is_named(tmp_path, line):
    folder = opened(tmp_path, SEARCH)
    assert Study(folder.sweep, folder.path).ask()
    journal = folder.path / JOURNAL
    journal.write_text(journal.read_text() + f'{line}\n' + '{}\n')
    with pytest.raises(UsageError, match=f'{JOURNAL} is damaged.*delete it'):
        Study(folder.sweep, folder.path)


@pytest.mark.parametrize(
    'content, part',
    [
        (
            '{"number": 0, "values": {"model.flux": 3}, "params": {}}',
            "suggestion number 0 .*unknown option 'model.flux'",
        ),
        ('{', 'is damaged'),
        ('{"number": "x", "values": {}, "params": {}}', 'number'),
        ('[]', 'not an object'),
    ],
)
def test_a_broken_suggestion_is_named(tmp_path, content, part):
    folder = opened(tmp_path, SEARCH)
    assert Study(folder.sweep, folder.path).ask()
    (path,) = folder.path.glob('trials/*/suggestion.json')
    path.write_text(content)
    with pytest.raises(UsageError, match=part) as refused:
        folder.trials()
    assert str(folder.path) in str(refused.value) and 'move the folder of its trial away' in str(refused.value)
