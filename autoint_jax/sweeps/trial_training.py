"""What a worker does with the trials it took: trains them, alone or in one program, and leaves in their folders what became of them."""

import contextlib
import errno
import os
import pathlib
import platform
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from autoint_jax.data.store.opening import open_prepared
from autoint_jax.errors import UsageError, described
from autoint_jax.evaluation.stopping import should_stop
from autoint_jax.records import runs
from autoint_jax.sweeps import trials
from autoint_jax.sweeps.trials import Trial
from autoint_jax.sweeps.worker_task import WorkerTask
from autoint_jax.training.loop import fit
from autoint_jax.training.progress import Bar, Reporter
from autoint_jax.training.replicas import fit_copies
from autoint_jax.training.run_folder import records
from autoint_jax.training.run_folder.records import FolderInUse

PROGRESS_SECONDS = 5.0
Train = Callable[[WorkerTask, Trial, Reporter], None]
TrainTogether = Callable[[WorkerTask, Sequence[Trial], Sequence[Reporter]], list[UsageError | None]]


class Pruned(Exception):
    """The search ends the trial that is training."""


class TrialReporter:
    """Writes a trial's progress to its folder and its log, and ends it where the worker stops or the search prunes.

    What it raises ends `fit` as an interruption does: what was recorded and saved remains.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        epochs: int,
        stopping: threading.Event,
        should_prune: Callable[[], bool] | None,
        *,
        stop_after_increases: int = 0,
    ):
        """`epochs` and `stop_after_increases` are those of the trial's configuration, which say when it has ended by itself."""
        self._lines, self._folder, self._epochs, self._stop_after_increases = (
            Bar(),
            folder,
            epochs,
            stop_after_increases,
        )
        self._stopping, self._should_prune = stopping, should_prune
        self._written = -PROGRESS_SECONDS

    def doing(self, what: str) -> None:
        """Logs have no reader who waits."""

    def steps(self, done: int, total: int, rate: float) -> None:
        if self._stopping.is_set():  # a library may have swallowed the interruption
            raise KeyboardInterrupt
        if time.monotonic() - self._written >= PROGRESS_SECONDS:
            self._written = time.monotonic()
            records.write_json(self._folder / 'progress.json', {'step': done, 'steps': total, 'rows_per_second': rate})

    def evaluated(self, evaluation: dict[str, Any], *, best: bool, copy: str) -> None:
        with _printed_to(self._folder):
            self._lines.evaluated(evaluation, best=best, copy=copy)
        if self._should_prune is not None and self._should_prune() and not self._ended(evaluation):
            raise Pruned(f'after epoch {evaluation["epoch"]:g}')

    def _ended(self, evaluation: dict[str, Any]) -> bool:
        """Whether the trial has ended by itself with its last evaluation: then its best one judges it, and it is not pruned."""
        loglosses = [one['valid_logloss'] for one in trials.evaluations(self._folder)]
        return evaluation['epoch'] >= self._epochs or should_stop(loglosses, self._stop_after_increases)

    def say(self, sentence: str) -> None:
        with _printed_to(self._folder):
            self._lines.say(sentence)

    def close(self) -> None:
        self._lines.close()


def train_trial(task: WorkerTask, trial: Trial, reporter: Reporter) -> None:
    """Trains a trial, or goes on with it, and writes its record to RESULTS_DIR/runs; a record that is there is believed.

    Raises UsageError as `fit` does.
    """
    data = open_prepared(task.data_dir, trial.config.data.dataset, trial.config.data.recipe)
    folder = task.folder.of(trial)
    if (record := runs.recorded(trial.id, trial.config, data, task.results_dir)) is not None:
        reporter.say(f'{task.results_dir} has a record of this run: nothing is trained')
        records.write_json(folder / 'record.json', record)
        return
    fit(trial.config, data, folder, reporter)
    runs.record(trial.id, folder, task.results_dir)


def train_together(task: WorkerTask, group: Sequence[Trial], reporters: Sequence[Reporter]) -> list[UsageError | None]:
    """Trains trials in one program, or goes on with them, and writes the records of those that end to RESULTS_DIR/runs.

    Returns the errors of those that diverged, None in place of the others'. Raises UsageError as `fit_copies` does.
    """
    data = open_prepared(task.data_dir, group[0].config.data.dataset, group[0].config.data.recipe)
    folders = [task.folder.of(trial) for trial in group]
    results = fit_copies([trial.config for trial in group], data, folders, reporters[0], reporters)
    errors = [result if isinstance(result, UsageError) else None for result in results]
    for trial, folder, error in zip(group, folders, errors, strict=True):
        if error is None:
            runs.record(trial.id, folder, task.results_dir)
    return errors


def attend(
    task: WorkerTask, trial: Trial, stopping: threading.Event, should_prune: Callable[[], bool] | None, train: Train
) -> None:
    """Trains a claimed trial; what became of it is in its folder.

    Raises:
      KeyboardInterrupt: the worker is interrupted.
      FolderInUse: another process has the trial's folder locked.
      OSError: the disk is full.
    """
    folder, held = task.folder.of(trial), _holder()
    if (reason := trials.too_many_deaths(folder)) is not None:
        trials.fail(folder, reason, held)
        return
    with _output_to(folder / trials.LOG):
        print(_heading(held), flush=True)
        try:
            training = trial.config.training
            train(
                task,
                trial,
                TrialReporter(
                    folder, training.epochs, stopping, should_prune, stop_after_increases=training.stop_after_increases
                ),
            )
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
            if isinstance(error, (UsageError, OSError)):
                print(f'error: {described(error)[0]}')
            else:
                traceback.print_exc()
            if disk_is_full(error):
                raise
            trials.fail(folder, described(error)[0] if isinstance(error, OSError) else _line(error), held)


def attend_together(
    task: WorkerTask, group: Sequence[Trial], stopping: threading.Event, together: TrainTogether
) -> str | None:
    """Trains claimed trials in one program; what became of each is in its folder.

    Each has its own lines in its log. What the process itself prints is in the log of the first, which the others name.

    Returns:
      None, or what the program raised. Then it is not known whose fault it is, and none of them has failed.

    Raises:
      KeyboardInterrupt: the worker is interrupted.
      OSError: the disk is full.
    """
    folders, held = [task.folder.of(trial) for trial in group], _holder()
    first = folders[0] / trials.LOG
    reporters = [
        TrialReporter(folder, trial.config.training.epochs, stopping, None)
        for folder, trial in zip(folders, group, strict=True)
    ]

    def to_all(line: str) -> None:
        for folder in folders:
            with _printed_to(folder):
                print(line)

    to_all(f'{_heading(held)}, one of {len(group)} trials in one program, whose output is in {first}')
    with _output_to(first):
        try:
            errors = together(task, group, reporters)
        except KeyboardInterrupt:
            to_all('interrupted')
            raise
        except Exception as error:
            traceback.print_exc()
            if disk_is_full(error):
                raise
            to_all(f'the program raised {_line(error)}')
            return _line(error)
    for folder, error in zip(folders, errors, strict=True):
        if error is not None:
            trials.fail(folder, _line(error), held)
    return None


def _holder() -> dict[str, Any]:
    return {'host': platform.node(), 'pid': os.getpid()}


def _heading(held: dict[str, Any]) -> str:
    return f'--- {trials.utc()} {held["host"]} pid {held["pid"]}'


def _line(error: Exception) -> str:
    return f'{type(error).__name__}: {error}'.splitlines()[0]


@contextlib.contextmanager
def _printed_to(folder: pathlib.Path) -> Iterator[None]:
    """Appends what Python prints to the log of a trial."""
    with open(folder / trials.LOG, 'a') as log, contextlib.redirect_stdout(log):
        yield


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
