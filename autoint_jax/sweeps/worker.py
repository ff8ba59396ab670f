"""A worker is a process that trains the trials of a sweep, one group after the other, until none is left to claim."""

import contextlib
import faulthandler
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from autoint_jax.evaluation.metrics import line
from autoint_jax.sweeps import groups, trials
from autoint_jax.sweeps.folder import SweepFolder
from autoint_jax.sweeps.trial_training import (
    Train,
    TrainTogether,
    train_claimed,
    train_claimed_together,
    train_together,
    train_trial,
)
from autoint_jax.sweeps.trials import Trial
from autoint_jax.sweeps.worker_task import WorkerTask
from autoint_jax.training import compilation
from autoint_jax.training.run_folder.records import FolderInUse
from autoint_jax.training.step import placement

POLL_SECONDS = 2.0


def work(
    task: WorkerTask,
    name: str,
    train: Train = train_trial,
    together: TrainTogether = train_together,
    ended: Callable[[], None] | None = None,
) -> None:
    """Trains trials until no trial is left to claim. Call it in the main thread of a process.

    If a trial raises an error, the error is recorded and the next trial is claimed. If a group raises an error, its
    trials are retried one at a time. An interruption (SIGINT, SIGTERM) releases the claims, and the trials continue
    later from their last checkpoints.

    Args:
      task: the task of all workers.
      name: the name of this worker in its output.
      train: trains one trial.
      together: trains several trials in one program.
      ended: is called when a trial or a group has ended.

    Raises:
      KeyboardInterrupt: the worker was interrupted.
      OSError: the disk is full. The trial is pending again.
    """
    faulthandler.enable()
    if task.compilation_cache:
        compilation.cache_compilations(task.compilation_cache)
    if task.together and (most := groups.largest_group(task.folder.sweep)) > 1:
        placement.split_cpu(most)
    study = None
    if task.folder.sweep.search is not None:
        from autoint_jax.sweeps.study import Study

        study = Study(task.folder.sweep, task.folder.path)
        study.catch_up()
    in_use: dict[str, float] = {}  # id of a trial whose folder another process has locked: time of the next attempt
    alone: set[str] = set()
    with _interruptible() as stopping:
        while True:
            taken = groups.claimed_group(
                task, excluded=[trial for trial, until in in_use.items() if time.monotonic() < until], alone=alone
            )
            if taken:
                group = [trial for trial, _ in taken]
                try:
                    if len(group) == 1:
                        should_prune = None if study is None else study.pruning(group[0])
                        train_claimed(task, group[0], stopping, should_prune, train)
                    else:
                        error = train_claimed_together(task, group, stopping, together)
                        if error is not None:
                            alone.update(trial.id for trial in group)
                            print(
                                f'{name}: {len(group)} trials in one program raised {error}: each of them trains alone',
                                flush=True,
                            )
                            continue
                except FolderInUse:
                    in_use[group[0].id] = time.monotonic() + task.folder.stale_seconds
                    print(f'{name}: {group[0].id} waits: a process that gives no sign of life has its folder locked')
                    continue
                finally:
                    for _, claim in taken:
                        claim.release()
                if study is not None:
                    study.catch_up()
                for trial in group:
                    print(f'{name}: {_ending(task.folder, trial)}', flush=True)
                if ended is not None:
                    ended()
            elif study is not None and study.ask():
                pass
            elif task.wait and task.folder.ended() < len(task.folder.trials()):
                time.sleep(POLL_SECONDS)
            else:
                return


def _ending(folder: SweepFolder, trial: Trial) -> str:
    """Returns a line that says how a trial ended and how many trials are done."""
    path = folder.of(trial)
    state = trials.final_state(path) or trials.PENDING
    if state == trials.DONE:
        state = f'done, valid {line(trials.result(path).valid)}'
    elif state == trials.FAILED:
        state = f'failed: {trials.written(path / "failure.json").get("error")}'
    listed = folder.trials()
    done = sum(trials.final_state(folder.of(other)) == trials.DONE for other in listed)
    return f'{trial.id} {state}; {done} of {len(listed)} trials done'


@contextlib.contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Within this context the first SIGINT or SIGTERM sets the event and raises KeyboardInterrupt."""
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
