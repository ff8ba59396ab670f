"""A worker: a process that trains trials of a sweep one after the other, until there is none left that it could take."""

import contextlib
import dataclasses
import errno
import faulthandler
import os
import pathlib
import platform
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from autoint_jax.data.prepared import open_prepared
from autoint_jax.errors import UsageError
from autoint_jax.sweeps import claims, runs, trials
from autoint_jax.sweeps.folder import SweepFolder
from autoint_jax.sweeps.trials import Trial
from autoint_jax.training import compilation, records
from autoint_jax.training.loop import fit
from autoint_jax.training.progress import Bar, Reporter
from autoint_jax.training.records import FolderInUse

POLL_SECONDS = 2.0
PROGRESS_SECONDS = 5.0


class Pruned(Exception):
    """The search ends the trial that is training."""


@dataclasses.dataclass(frozen=True)
class Orders:
    """What all workers of a command are told.

    Attributes:
      folder: the sweep.
      data_dir, results_dir: folders of prepared data and of records.
      wait: stay while other workers train, whose trials would be pending if they died.
      compilation_cache: folder of compiled programs, or '' for none.
    """

    folder: SweepFolder
    data_dir: str
    results_dir: pathlib.Path
    wait: bool
    compilation_cache: str


class TrialReporter:
    """Writes a trial's progress to its folder and its log, and ends it where the worker stops or the search prunes.

    What it raises ends `fit` as an interruption does: what was recorded and saved remains.
    """

    def __init__(self, folder: pathlib.Path, epochs: int, stopping: threading.Event,
                 should_prune: Callable[[], bool] | None):
        self._lines, self._folder, self._epochs = Bar(), folder, epochs
        self._stopping, self._should_prune = stopping, should_prune
        self._written = -PROGRESS_SECONDS

    def steps(self, done: int, total: int, rate: float) -> None:
        if self._stopping.is_set():  # a library may have swallowed the interruption
            raise KeyboardInterrupt
        if time.monotonic() - self._written >= PROGRESS_SECONDS:
            self._written = time.monotonic()
            records.write_json(self._folder / 'progress.json', {'step': done, 'steps': total, 'rows_per_second': rate})

    def evaluated(self, evaluation: dict[str, Any], *, best: bool, copy: str) -> None:
        self._lines.evaluated(evaluation, best=best, copy=copy)
        if self._should_prune is not None and self._should_prune() and evaluation['epoch'] < self._epochs:
            raise Pruned(f'after epoch {evaluation["epoch"]:g}')

    def say(self, sentence: str) -> None:
        self._lines.say(sentence)

    def close(self) -> None:
        self._lines.close()


def work(orders: Orders, name: str, train: Callable[[Orders, Trial, Reporter], None] | None = None) -> None:
    """Trains trials until none is left to take; returns then. To be called in the main thread of a process.

    An interruption (SIGINT, SIGTERM) gives the trial back, to go on from its last checkpoint, and raises KeyboardInterrupt.
    What a trial raises is recorded and the next one taken, but for a full disk, which is nobody's fault: it is raised, the
    trial pending.

    Args:
      orders: of all workers.
      name: of this one, shown in what it prints.
      train: trains a trial; `train_trial` where not given.
    """
    faulthandler.enable()
    if orders.compilation_cache:
        compilation.cache_compilations(orders.compilation_cache)
    study = None
    if orders.folder.sweep.search is not None:
        from autoint_jax.sweeps.search import Study

        study = Study(orders.folder.sweep, orders.folder.path)
        study.catch_up()
    in_use: dict[str, float] = {}  # trials whose folder another process has locked, and until when they are left alone
    with _interruptible() as stopping:
        while True:
            taken = _taken(orders.folder, [name for name, until in in_use.items() if time.monotonic() < until])
            if taken is not None:
                trial, claim = taken
                try:
                    _attend(orders, trial, stopping, study and study.pruning(trial), train or train_trial)
                except FolderInUse:
                    in_use[trial.id] = time.monotonic() + orders.folder.stale_seconds
                    print(f'{name}: {trial.id} is left alone: a process that gave no sign of life has its folder locked')
                    continue
                finally:
                    claim.release()
                if study is not None:
                    study.catch_up()
                print(f'{name}: {_ending(orders.folder, trial)}', flush=True)
            elif study is not None and study.ask():
                pass
            elif orders.wait and orders.folder.ended() < len(orders.folder.trials()):
                time.sleep(POLL_SECONDS)
            else:
                return


def train_trial(orders: Orders, trial: Trial, reporter: Reporter) -> None:
    """Trains a trial, or goes on with it, and writes its record to RESULTS_DIR/runs; a record that is there is believed.

    Raises UsageError as `fit` does.
    """
    data = open_prepared(orders.data_dir, trial.config.data.dataset, trial.config.data.recipe)
    folder = orders.folder.of(trial)
    if (record := runs.recorded(trial.id, data, orders.results_dir)) is not None:
        reporter.say(f'{orders.results_dir} has a record of this run: nothing is trained')
        records.write_json(folder / 'record.json', record)
        return
    fit(trial.config, data, folder, reporter)
    runs.record(trial.id, folder, orders.results_dir)


def _taken(folder: SweepFolder, but: list[str]) -> tuple[Trial, claims.Claim] | None:
    """The first pending trial, but for some, that this process is the one to claim."""
    for trial in folder.trials():
        if trial.id not in but and folder.state(trial)[0] == trials.PENDING:
            path = folder.of(trial)
            claim = claims.take(path / 'claims', stale_seconds=folder.stale_seconds, lost=_superseded,
                                note={'evaluations': len(trials.evaluations(path))})
            if claim is not None:
                return trial, claim
    return None


def _attend(orders: Orders, trial: Trial, stopping: threading.Event, should_prune: Callable[[], bool] | None,
            train: Callable[[Orders, Trial, Reporter], None]) -> None:
    """Trains a claimed trial; what became of it is in its folder."""
    folder, held = orders.folder.of(trial), {'host': platform.node(), 'pid': os.getpid()}
    if trials.final_state(folder) is not None:  # it ended between a look at it and the claim
        return
    if (reason := trials.too_many_deaths(folder)) is not None:
        trials.fail(folder, reason, held)
        return
    with _output_to(folder / trials.LOG):
        print(f'--- {trials.utc()} {held["host"]} pid {held["pid"]}', flush=True)
        try:
            train(orders, trial, TrialReporter(folder, trial.config.training.epochs, stopping, should_prune))
        except Pruned as pruned:
            print(f'pruned {pruned}')
            records.write_json(folder / 'pruned.json', {'pruned': str(pruned), **held, 'time': trials.utc()})
        except KeyboardInterrupt:
            print('interrupted')
            raise
        except FolderInUse as error:
            print(error)
            raise
        except Exception as error:
            if isinstance(error, UsageError):
                print(f'error: {error}')
            else:
                traceback.print_exc()
            if disk_is_full(error):
                raise
            trials.fail(folder, f'{type(error).__name__}: {error}'.splitlines()[0], held)


def _ending(folder: SweepFolder, trial: Trial) -> str:
    """What became of a trial, and how many are done."""
    path = folder.of(trial)
    state = trials.final_state(path) or trials.PENDING
    if state == trials.DONE:
        valid = trials.result(path)['valid']
        state = f'done, valid AUC {valid["auc"]:.4f}, logloss {valid["logloss"]:.4f}'
    elif state == trials.FAILED:
        state = f'failed: {trials.written(path / "failure.json").get("error")}'
    listed = folder.trials()
    done = sum(trials.final_state(folder.of(other)) == trials.DONE for other in listed)
    return f'{trial.id} {state}; {done} of {len(listed)} trials done'


@contextlib.contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """SIGINT and SIGTERM raise KeyboardInterrupt, once, and set the event."""
    stopping, both = threading.Event(), (signal.SIGINT, signal.SIGTERM)

    def stop(number: int, frame: Any) -> None:
        for either in both:
            signal.signal(either, signal.SIG_IGN)
        stopping.set()
        raise KeyboardInterrupt

    previous = {either: signal.signal(either, stop) for either in both}
    try:
        yield stopping
    finally:
        for either, handler in previous.items():
            signal.signal(either, handler)


def _superseded() -> None:
    """Ends the process at once: another one trains the trial, and nothing that is saved may be written twice."""
    os.write(2, b'this worker was taken for dead, and its trial is trained by another: it ends\n')
    os._exit(1)


@contextlib.contextmanager
def _output_to(path: pathlib.Path) -> Iterator[None]:
    """Appends all output of the process to a file, that of compiled code and of crashes too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [(number, os.dup(number)) for number in (1, 2)]
    with open(path, 'a', buffering=1) as log, contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
        try:
            for number, _ in kept:
                os.dup2(log.fileno(), number)
            yield
        finally:
            for number, copy in kept:
                os.dup2(copy, number)
                os.close(copy)


def disk_is_full(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
