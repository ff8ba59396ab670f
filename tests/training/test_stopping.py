"""Runs stopped or killed between two evaluations go on from there, and end with the bits of a run left alone."""

import functools
import shutil
import signal
import time

import pytest
from run_cases import TINY, Told, outcome
from test_checkpoints import DAMAGES, files
from trained_cases import data  # noqa: F401

from autoint_jax.config.configuration import replace
from autoint_jax.exits import Stopped, Terminated, terminate
from autoint_jax.training import pace
from autoint_jax.training.checkpoints.checkpoint_reader import CheckpointReader
from autoint_jax.training.copies.fitting import fit_copies
from autoint_jax.training.loop import fit
from autoint_jax.training.pace import SAVE, STOP, Pace
from autoint_jax.training.step.feed import REPORT_STEPS
from autoint_jax.training.stopping import Stopping

pytestmark = pytest.mark.usefixtures('quick_compilation')
# Two evaluations, after 31 and 62 steps; tables have rows that are behind between them.
LONG = replace(
    TINY,
    {
        'training.batch_size': 64,
        'execution.slice_rows': 64,
        'training.epochs': 2,
        'optimizer.tables': 'deferred_adam',
        'optimizer.learning_rate': 0.01,
    },
)
OFTEN = {'execution.checkpoint_seconds': 1e-9}  # after every chunk


class Ending(Told):
    """A reporter that does something when a step is reported."""

    def __init__(self, step, act):
        super().__init__()
        self._step, self._act = step, act

    def steps(self, done, total, rate):
        if self._step is not None and done >= self._step:
            self._step = None
            self._act()


def terminated():
    signal.raise_signal(signal.SIGTERM)


def killed():
    raise KeyboardInterrupt


@pytest.fixture(scope='module')
def whole(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp('whole')
    fit(LONG, data, folder, Told())
    return outcome(folder, data, LONG)


@pytest.fixture(autouse=True)
def short_chunks(monkeypatch):
    """Chunks of UNKNOWN_STEPS = 8 steps after the first, whatever time they take."""
    monkeypatch.setattr(Pace, 'took', lambda self, steps, seconds: None)


@pytest.fixture
def handled():
    """The process handles SIGTERM as commands do."""
    before = signal.signal(signal.SIGTERM, terminate)
    yield
    signal.signal(signal.SIGTERM, before)


def between(folder):
    return CheckpointReader(folder / 'checkpoints_between').steps()


@pytest.mark.parametrize('streamed', [False, True])
def test_sigterm_saves_in_mid_epoch_and_the_run_goes_on_exactly(data, whole, handled, tmp_path, streamed):
    config, folder = replace(LONG, {'execution.streaming': streamed}), tmp_path / 'run'
    # A signal that arrives while step 9 or 47 is reported, after which the chunk under way is taken.
    for step, saved in ((9, [17]), (40, [55])):
        with pytest.raises(Stopped, match=str(saved[-1])):
            fit(config, data, folder, Ending(step, terminated))
        assert between(folder) == saved
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL  # a second one would end the process at once
        signal.signal(signal.SIGTERM, terminate)
    told = Told()
    fit(LONG, data, folder, told)
    assert 'going on from step 55' in told.said
    assert outcome(folder, data, LONG) == whole and not (folder / 'checkpoints_between').exists()


@pytest.mark.slow
def test_copies_are_saved_in_mid_epoch_and_go_on_together_or_alone(data, whole, handled, tmp_path):
    configs = [LONG, replace(LONG, {'seed': 5})]
    folders = [tmp_path / 'one', tmp_path / 'other']
    with pytest.raises(Stopped):
        fit_copies(configs, data, folders, Ending(9, terminated))
    assert between(folders[0]) == between(folders[1]) != []
    alone = shutil.copytree(folders[0], tmp_path / 'alone')
    (alone / 'checkpoints' / '7' / 'state').mkdir(parents=True)  # as a deletion that was killed leaves it
    fit(LONG, data, alone, Told())
    fit_copies(configs, data, folders, Told())
    assert outcome(folders[0], data, LONG) == outcome(alone, data, LONG) == whole


def test_a_run_saved_by_the_clock_and_killed_goes_on_from_there(data, whole, tmp_path):
    saved = tmp_path / 'saved'
    with pytest.raises(KeyboardInterrupt):
        fit(replace(LONG, OFTEN), data, saved, Ending(56, killed))
    assert between(saved) == [47, 55]
    for damaged, at in enumerate((55, 47, 31)):
        folder = shutil.copytree(saved, tmp_path / str(damaged))
        for step in (55, 47)[:damaged]:
            for path in files(folder / 'checkpoints_between' / str(step)):
                DAMAGES['truncated'](path)
        told = Told()
        fit(LONG, data, folder, told)
        assert f'going on from step {at}' in told.said
        said = [sentence for sentence in told.said if 'is damaged' in sentence]
        assert len(said) == (damaged > 0) and all(f'going back to step {at},' in sentence for sentence in said)
        assert outcome(folder, data, LONG) == whole
        assert {path.name for path in folder.iterdir()} == {
            '.lock', 'checkpoints', 'encoding', 'metrics.jsonl', 'result.json', 'run.json', 'tensorboard'
        }  # fmt: skip


def test_the_pace_follows_the_time_of_a_step_and_the_clock(monkeypatch):
    monkeypatch.undo()  # of `short_chunks`
    now, stop = [100.0], []
    monkeypatch.setattr(pace.time, 'monotonic', lambda: now[0])
    run = Pace(30.0, lambda: bool(stop))
    assert [run.next() for _ in range(2)] == [1, pace.UNKNOWN_STEPS]
    for steps, seconds, wanted in ((8, 0.08, REPORT_STEPS), (64, 12.8, 10), (10, 100.0, 1)):
        run.took(steps, seconds)
        assert run.next() == wanted
    now[0] += 30
    assert run.next() == SAVE
    run.saved()
    assert run.next() == 1
    now[0] += 29
    assert run.next() == 1
    stop.append(1)
    assert run.next() == STOP
    assert Pace(0.0, lambda: False).next() == 1


def test_without_a_new_step_there_is_nothing_to_save(monkeypatch):
    run = Pace(1e-9, lambda: False)
    assert [run.next() for _ in range(2)] == [1, SAVE]
    run.saved()
    assert [run.next() for _ in range(2)] == [pace.UNKNOWN_STEPS, SAVE]


def asked_soon(stopping):
    """Python calls the handler of a signal between two instructions, not always the next ones."""
    deadline = time.monotonic() + 10
    while not stopping.asked and time.monotonic() < deadline:
        time.sleep(0.001)
    return stopping.asked


def test_signals_that_are_ignored_stay_ignored_and_handlers_come_back(request):
    request.addfinalizer(functools.partial(signal.signal, signal.SIGINT, signal.getsignal(signal.SIGINT)))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts background commands without it
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with Stopping() as stopping:
            signal.raise_signal(signal.SIGTERM)
            assert not stopping.asked
    finally:
        signal.signal(signal.SIGTERM, before)
    for number, error in ((signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Stopped)):
        handler = signal.getsignal(number)
        with pytest.raises(error), Stopping() as stopping:
            signal.raise_signal(number)
            assert asked_soon(stopping) and signal.getsignal(number) == handler
            stopping.leave(7)
        assert signal.getsignal(number) == handler
    with pytest.raises(Terminated) as unsaved, Stopping() as stopping:
        signal.raise_signal(signal.SIGTERM)
        assert asked_soon(stopping)
        stopping.leave(0)
    assert not isinstance(unsaved.value, Stopped)
