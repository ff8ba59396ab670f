"""The pending trials that a worker claims: a group that trains in one program, as copies of a run, or one trial.

Trials can share a program if they differ only in the seed and the options of `replicas_config.OF_COPIES`, because none
of these changes a shape. A worker claims an equal part of the trials that have not ended, so that every worker gets
some. It claims at most as many as fit, and a multiple of its number of devices if there are enough. On accelerators all
trials of a group step at the same time, and memory limits the group. On a CPU each core is a device that steps its
copies in turn. More copies on a core only save compilations there, and all of them end late, so a core has at most
COPIES_OF_A_CORE.

Some trials train alone. In a search, each suggestion follows from the figures before it. Streamed rows cannot be
shared. Trials from a failed group train alone, so that only the faulty one is marked failed. So do trials whose process
died DEATHS_TOGETHER times since their last evaluation.
"""

import functools
import os
from collections.abc import Container, Iterator

import jax

from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.config.replicas_config import OF_COPIES
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.errors import UsageError
from autoint_jax.records import runs
from autoint_jax.sweeps import claims, trials
from autoint_jax.sweeps.claims import Claim
from autoint_jax.sweeps.folder import SweepFolder
from autoint_jax.sweeps.sweep_file import Sweep
from autoint_jax.sweeps.trials import Trial
from autoint_jax.sweeps.worker_task import WorkerTask
from autoint_jax.training.copies.capacity import copies_that_fit

COPIES_OF_A_CORE = 4
DEATHS_TOGETHER = 2


@functools.cache
def shape_key(config: Config) -> Config:
    """Returns a configuration that is the same for all that can share a program: varying options have defaults."""
    defaults = {leaf.path: leaf.default for leaf in configuration.leaves()}
    return configuration.replace(config, {path: defaults[path] for path in ('seed', *OF_COPIES.values())})


def largest_group(sweep: Sweep) -> int:
    """Returns the largest number of trials of a sweep that can share a program; 1 for a search."""
    found = [shape_key(trial.config) for trial in sweep.trials]
    return max((found.count(shape) for shape in set(found)), default=1)


def group_size(unfinished: int, *, workers: int, room: int, on_devices: int) -> int:
    """Returns how many trials a worker takes.

    Args:
      unfinished: the number of trials that have not ended and can share a program.
      workers: the number of workers that share them.
      room: the largest number of copies that fit.
      on_devices: the number of devices of the worker.
    """
    count = max(1, min(-(-unfinished // workers), room))
    return count - count % min(count, on_devices)


def claimed_group(task: WorkerTask, *, excluded: Container[str], alone: Container[str]) -> list[tuple[Trial, Claim]]:
    """Claims the first pending trial and the trials that train with it in one program.

    Returns [] if no trial is pending.

    Args:
      task: the task of the worker.
      excluded: ids of trials that are not claimed.
      alone: ids of trials that train alone.
    """
    folder = task.folder
    for trial in folder.trials():
        if trial.id not in excluded and (claim := _claimed(folder, trial)) is not None:
            held = [(trial, claim)]
            try:
                if task.together and folder.sweep.search is None and _may_share(folder, trial, alone, held=True):
                    for beside in _companions(task, trial, excluded, alone):
                        held.append(beside)
            except BaseException:
                for _, claim in held:
                    claim.release()
                raise
            return held
    return []


def _companions(
    task: WorkerTask, first: Trial, excluded: Container[str], alone: Container[str]
) -> Iterator[tuple[Trial, Claim]]:
    """Claims the trials that train in one program with `first`, which this worker holds."""
    folder, shape = task.folder, shape_key(first.config)
    alike = [trial for trial in folder.trials() if trial.id not in excluded and shape_key(trial.config) == shape]
    states = {trial: folder.state(trial) for trial in alike}
    pending = [trial for trial in alike if states[trial][0] == trials.PENDING]
    if not pending:
        return
    try:
        data = open_prepared(task.data_dir, first.config.data.dataset, first.config.data.recipe)
        room = copies_that_fit(first.config, data, task.workers)
    except UsageError:  # training the trial raises this error again and reports it
        return
    if runs.record_path(first.id, task.results_dir).exists():  # a trial alone checks the record, and uses or refuses it
        return
    on_devices = jax.local_device_count()
    if jax.default_backend() == 'cpu':
        room = min(room, COPIES_OF_A_CORE * on_devices)
    holders = {(holder.host, holder.pid) for _, holder in states.values() if holder is not None}
    running = sum(state == trials.RUNNING for state, _ in states.values())
    wanted = (
        group_size(len(pending) + running, workers=max(task.workers, len(holders)), room=room, on_devices=on_devices)
        - 1
    )
    for trial in pending:
        recorded = runs.record_path(trial.id, task.results_dir).exists()
        if wanted and not recorded and _may_share(folder, trial, alone, held=False):
            if (claim := _claimed(folder, trial)) is not None:
                wanted -= 1
                yield trial, claim


def _may_share(folder: SweepFolder, trial: Trial, alone: Container[str], *, held: bool) -> bool:
    return trial.id not in alone and trials.deaths(folder.of(trial), held=held) < DEATHS_TOGETHER


def _claimed(folder: SweepFolder, trial: Trial) -> Claim | None:
    """Claims a pending trial. Returns None if it is not pending, or another process was faster."""
    if folder.state(trial)[0] != trials.PENDING:
        return None
    path = folder.of(trial)
    claim = claims.take(
        path / 'claims',
        stale_seconds=folder.stale_seconds,
        lost=_end_superseded,
        note={'evaluations': len(trials.evaluations(path))},
    )
    if claim is not None and trials.final_state(path) is not None:  # it ended before it was claimed
        claim.release()
        return None
    return claim


def _end_superseded() -> None:
    """Ends this process at once, because another process trains the trial and no file may be written by both."""
    os.write(
        2, b'this worker gave no sign of life for too long, so another worker trains its trial: this worker ends\n'
    )
    os._exit(1)
