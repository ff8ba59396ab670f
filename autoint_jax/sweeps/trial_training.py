"""How a worker trains the trials that it has claimed, alone or in one program.

The folders of the trials then say how they ended.
"""

import dataclasses
import os
import pathlib
import platform
import threading
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from autoint_jax import stored, stored_records
from autoint_jax.config.fingerprint import fingerprint
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.errors import UsageError, disk_is_full
from autoint_jax.exits import described
from autoint_jax.records import runs
from autoint_jax.records.runs import RunRecord
from autoint_jax.sweeps import trials
from autoint_jax.sweeps.trial_reporter import Pruned, TrialReporter, output_to, printed_to
from autoint_jax.sweeps.trials import Trial
from autoint_jax.sweeps.worker_task import WorkerTask
from autoint_jax.training.copies.fitting import fit_copies
from autoint_jax.training.loop import fit
from autoint_jax.training.progress import Reporter
from autoint_jax.training.run_folder.records import FolderInUse

Train = Callable[[WorkerTask, Trial, Reporter], None]
TrainTogether = Callable[[WorkerTask, Sequence[Trial], Sequence[Reporter]], list[UsageError | None]]


def train_trial(task: WorkerTask, trial: Trial, reporter: Reporter) -> None:
    """Trains a trial or continues its training, and writes its record to RESULTS_DIR/runs.

    Trains nothing if the record exists.

    Raises UsageError as `fit` does, or if the record belongs to another configuration or other data.
    """
    data = open_prepared(task.data_dir, trial.config.data.dataset, trial.config.data.recipe)
    folder = task.folder.of(trial)
    if (record := runs.recorded(trial.id, trial.config, data, task.results_dir)) is not None:
        reporter.say(f'{task.results_dir} has a record of this run: nothing is trained')
        take_record(trial, folder, record)
        return
    fit(trial.config, data, folder, reporter)
    runs.record(trial.id, folder, task.results_dir)


def take_record(trial: Trial, folder: pathlib.Path, record: RunRecord) -> None:
    """Writes the record of a trial into its folder, so that the trial is done."""
    folder.mkdir(parents=True, exist_ok=True)
    # A record by an earlier version may have another name for the same run.
    named = dataclasses.replace(record, run=trial.id, fingerprint=fingerprint(trial.config))
    stored.write_json(folder / 'record.json', stored_records.to_json(named))


def train_together(task: WorkerTask, group: Sequence[Trial], reporters: Sequence[Reporter]) -> list[UsageError | None]:
    """Trains trials in one program or continues their training, and writes the records of those that are done.

    Returns:
      For each trial its error if it diverged, else None.

    Raises:
      UsageError: as `fit_copies` raises it.
    """
    data = open_prepared(task.data_dir, group[0].config.data.dataset, group[0].config.data.recipe)
    folders = [task.folder.of(trial) for trial in group]
    results = fit_copies([trial.config for trial in group], data, folders, reporters[0], reporters)
    errors = [result if isinstance(result, UsageError) else None for result in results]
    for trial, folder, error in zip(group, folders, errors, strict=True):
        if error is None:
            runs.record(trial.id, folder, task.results_dir)
    return errors


def train_claimed(
    task: WorkerTask, trial: Trial, stopping: threading.Event, should_prune: Callable[[], bool] | None, train: Train
) -> None:
    """Trains a claimed trial. Its folder then says how it ended.

    Args:
      task: the task of the worker.
      trial: the claimed trial.
      stopping: an event that is set when the worker stops.
      should_prune: says after each evaluation whether to prune the trial; None never prunes.
      train: trains the trial.

    Raises:
      KeyboardInterrupt: the worker is interrupted.
      FolderInUse: another process has locked the folder of the trial.
      OSError: the disk is full.
    """
    folder, held = task.folder.of(trial), _holder()
    if (reason := trials.too_many_deaths(folder)) is not None:
        trials.fail(folder, reason, held)
        return
    with output_to(folder / trials.LOG):
        print(_heading(held), flush=True)
        try:
            train(task, trial, TrialReporter(folder, trial.config.training, stopping, should_prune))
        except Pruned as pruned:
            print(f'pruned {pruned}')
            stored.write_json(folder / 'pruned.json', {'pruned': str(pruned), **held, 'time': trials.utc()})
        except KeyboardInterrupt:
            print('interrupted')
            raise
        except FolderInUse as error:
            print(error)
            raise
        except Exception as error:
            found = described(error) if isinstance(error, (UsageError, OSError)) else None
            if found is not None:
                print(f'error: {found[0]}')
            else:
                traceback.print_exc()
            if disk_is_full(error):
                raise
            trials.fail(folder, found[0] if found is not None and isinstance(error, OSError) else _line(error), held)


def train_claimed_together(
    task: WorkerTask, group: Sequence[Trial], stopping: threading.Event, together: TrainTogether
) -> str | None:
    """Trains claimed trials in one program. Their folders then say how they ended.

    The log of each trial has its own lines. The output of the process itself is in the log of the first trial, and the
    other logs name this log.

    Args:
      task: the task of the worker.
      group: the claimed trials.
      stopping: an event that is set when the worker stops.
      together: trains the trials in one program.

    Returns:
      None, or the error of the program as one line. The error could be the fault of any trial, so none is marked
      failed.

    Raises:
      KeyboardInterrupt: the worker is interrupted.
      OSError: the disk is full.
    """
    folders, held = [task.folder.of(trial) for trial in group], _holder()
    first = folders[0] / trials.LOG
    reporters = [
        TrialReporter(folder, trial.config.training, stopping, None)
        for folder, trial in zip(folders, group, strict=True)
    ]

    def to_all(line: str) -> None:
        for folder in folders:
            with printed_to(folder):
                print(line)

    to_all(f'{_heading(held)}, one of {len(group)} trials in one program, whose output is in {first}')
    with output_to(first):
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
    for folder, failure in zip(folders, errors, strict=True):
        if failure is not None:
            trials.fail(folder, _line(failure), held)
    return None


def _holder() -> dict[str, Any]:
    return {'host': platform.node(), 'pid': os.getpid()}


def _heading(held: dict[str, Any]) -> str:
    return f'--- {trials.utc()} {held["host"]} pid {held["pid"]}'


def _line(error: Exception) -> str:
    return f'{type(error).__name__}: {error}'.splitlines()[0]
