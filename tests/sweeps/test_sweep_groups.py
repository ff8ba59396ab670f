"""Trials of a sweep that train in one program are the trials alone."""

import json
import os
import signal
import time

import jax
import pytest
from sweep_cases import BASE, finish, opened, task

from autoint_jax.sweeps import claims, groups, trials
from autoint_jax.sweeps.status import status
from autoint_jax.sweeps.worker import work

SLICED = BASE.replace('512', '256\nexecution.slice_rows = 64')
ONE = '[[list]]\noptimizer.l2_rows = 0.01\nseed = 7\n'
OTHERS = '[[list]]\noptimizer.learning_rate = 0.01\n[[list]]\noptimizer.learning_rate = 3e38\n'


@pytest.fixture(scope='module', autouse=True)
def one_device():
    """Starts JAX, so that workers cannot make a device of each core, all of which a trial alone would use."""
    jax.devices()


def of_trial(folder, trial):
    """What a trial came to, its times aside, and its evaluations; how many copies its program had."""
    path = folder.of(trial)
    result = {
        name: value
        for name, value in vars(trials.result(path)).items()
        if not name.startswith(('train_', 'first_step_'))
    }
    return (result, trials.evaluations(path)), json.loads((path / 'run.json').read_text())['starts'][-1]['copies']


@pytest.mark.slow
def test_trials_that_share_shapes_train_in_one_program_and_fail_alone(tmp_path, data_dir, capfd):
    folder = opened(tmp_path, SLICED + ONE + OTHERS)
    work(task(folder, data_dir, together=True), 'worker')
    one, two, diverged = folder.trials()
    assert [folder.state(trial)[0] for trial in folder.trials()] == ['done', 'done', 'failed']
    (failed,) = status(folder).failed
    assert diverged.id in failed and 'training diverged' in failed and 'one of 3 trials in one program' in failed
    assert f'worker: {two.id} done' in capfd.readouterr().out
    assert len(list((tmp_path / 'sweeps' / 'results' / 'runs').glob('*.json'))) == 2
    logs = ['\n'.join(trials.log_tail(folder.of(trial), 99)) for trial in folder.trials()]
    assert [log.count('epoch   3.00') for log in logs] == [1, 1, 0] and [log.count('diverged') for log in logs] == [
        0,
        0,
        1,
    ]
    assert all(trials.written(folder.of(trial) / 'progress.json')['steps'] == 24 for trial in folder.trials())
    alone = opened(tmp_path / 'alone', SLICED + ONE)
    work(task(alone, data_dir), 'worker')
    (together, copies), (by_itself, one_copy) = of_trial(folder, one), of_trial(alone, one)
    assert together == by_itself and (copies, one_copy) == (3, 1)


def test_trials_of_a_program_that_raises_train_alone(tmp_path, data_dir, capfd):
    folder, tried = opened(tmp_path), []

    def together(task, group, reporters):
        tried.append([trial.config.seed for trial in group])
        raise MemoryError('no room for 3')

    def train(task, trial, reporter):
        tried.append(trial.config.seed)
        finish(task, trial)

    work(task(folder, data_dir, together=True), 'worker', train, together)
    assert tried == [[0, 1, 2], 0, 1, 2] and status(folder).counts['done'] == 3
    assert 'MemoryError: no room for 3: each of them trains alone' in capfd.readouterr().out
    for trial in folder.trials():
        assert 'the program raised MemoryError: no room for 3' in '\n'.join(trials.log_tail(folder.of(trial), 9))


def test_an_interruption_gives_all_trials_of_a_program_back(tmp_path, data_dir):
    folder, held = opened(tmp_path), []

    def together(task, group, reporters):
        held.extend(folder.state(trial)[0] for trial in group)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)

    with pytest.raises(KeyboardInterrupt):
        work(task(folder, data_dir, together=True), 'worker', finish, together)
    assert held == ['running'] * 3 and status(folder).counts['pending'] == 3
    assert all(trials.deaths(folder.of(trial), held=False) == 0 for trial in folder.trials())


def ids(held):
    for _, claim in held:
        claim.release()
    return [trial.config.seed for trial, _ in held]


def test_what_a_worker_takes(tmp_path, data_dir):
    folder = opened(tmp_path, BASE + '[grid]\nseed = [0, 1, 2, 3, 4, 5]\n')
    told = task(folder, data_dir, together=True, workers=2)
    assert ids(groups.claimed_group(told, excluded=[], alone=[])) == [0, 1, 2]
    first = groups.claimed_group(told, excluded=[], alone=[])
    assert ids(groups.claimed_group(told, excluded=[], alone=[])) == [3, 4, 5]  # half of all, though three are pending
    ids(first)
    assert ids(groups.claimed_group(told, excluded=[folder.trials()[0].id], alone=[folder.trials()[2].id])) == [1, 3, 4]
    assert ids(groups.claimed_group(told, excluded=[], alone=[folder.trials()[0].id])) == [0]
    assert ids(groups.claimed_group(task(folder, data_dir, workers=2), excluded=[], alone=[])) == [0]
    path = folder.of(folder.trials()[1]) / 'claims'
    for number in (7, 8):  # of a process that died
        (path / f'{number:06d}').write_text(json.dumps({'machine': 'other', 'note': {'evaluations': 0}}))
        os.utime(path / f'{number:06d}', (0, 0))
    assert ids(groups.claimed_group(told, excluded=[], alone=[])) == [0, 2, 3]
    assert claims.holder(path, 60.0).live is False
    shapes = opened(tmp_path / 'shapes', BASE + '[grid]\ntraining.batch_size = [256, 512]\nseed = [0, 1]\n')
    held = groups.claimed_group(task(shapes, data_dir, together=True), excluded=[], alone=[])
    assert [(trial.config.training.batch_size, trial.config.seed) for trial, _ in held] == [(256, 0), (256, 1)] and ids(
        held
    ) == [0, 1]
    streamed = opened(tmp_path / 'streamed', BASE + 'execution.streaming = true\n[grid]\nseed = [0, 1]\n')
    assert ids(groups.claimed_group(task(streamed, data_dir, together=True), excluded=[], alone=[])) == [0]


def test_group_sizes():
    def shared(unfinished, workers=1, room=32, on_devices=1):
        return groups.group_size(unfinished, workers=workers, room=room, on_devices=on_devices)

    assert [shared(40), shared(40, workers=2), shared(3, workers=2), shared(1, workers=4)] == [32, 20, 2, 1]
    assert [
        shared(5, on_devices=2),
        shared(9, room=8, on_devices=3),
        shared(2, on_devices=4),
        shared(9, room=1, on_devices=2),
    ] == [4, 6, 2, 1]
