"""Which pending trials of a sweep a worker takes: those that can train in one program, as copies of a run, or one alone.

Trials share a program where they differ in nothing but the seed and the options of `config.OF_COPIES`, none of which changes a
shape. A worker takes an equal share of those that have not ended, so that none of the workers is left without, at most as many
as have room, and a multiple of its devices where there are as many. On accelerators all of them step at the same time, and as
many have room as fit in memory. On a CPU each core is a device that steps one of its copies after the other: there more copies
of a device save compilations only, while all of them end together and late; COPIES_OF_A_CORE is the most.

Alone train: trials of a search, each of whose suggestions follows from the figures before it; trials whose rows are streamed;
and those that had to do with a failure, so that who is at fault fails alone: of a group that raised something, and those whose
process died DEATHS_TOGETHER times since their last evaluation.
"""

import functools
import os
from collections.abc import Container, Iterator

import jax

from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.errors import UsageError
from autoint_jax.records import runs
from autoint_jax.sweeps import claims, trials
from autoint_jax.sweeps.claims import Claim
from autoint_jax.sweeps.folder import SweepFolder
from autoint_jax.sweeps.sweep_file import Sweep
from autoint_jax.sweeps.trials import Trial
from autoint_jax.sweeps.worker_task import WorkerTask
from autoint_jax.training.replicas import copies_that_fit

COPIES_OF_A_CORE = 4
DEATHS_TOGETHER = 2


@functools.cache
def shapes(config: Config) -> str:
    """A text that is the same for configurations that can share a program."""
    defaults = {leaf.path: leaf.default for leaf in configuration.leaves()}
    return configuration.fingerprint(
        configuration.replace(config, {path: defaults[path] for path in ('seed', *configuration.OF_COPIES.values())})
    )


def largest(sweep: Sweep) -> int:
    """How many trials of a sweep share a program at most; 1 of a search."""
    found = [shapes(trial.config) for trial in sweep.trials]
    return max((found.count(shape) for shape in set(found)), default=1)


def share(unfinished: int, *, workers: int, room: int, on_devices: int) -> int:
    """How many a worker takes of `unfinished` trials that share a program."""
    count = max(1, min(-(-unfinished // workers), room))
    return count - count % min(count, on_devices)


def taken(task: WorkerTask, *, but: Container[str], alone: Container[str]) -> list[tuple[Trial, Claim]]:
    """Claims the first pending trial and those that are to train with it; [] where there is none.

    Args:
      task: of the worker.
      but: trials that are left alone.
      alone: trials that train alone.
    """
    folder = task.folder
    for trial in folder.trials():
        if trial.id not in but and (claim := _claimed(folder, trial)) is not None:
            held = [(trial, claim)]
            try:
                if task.together and folder.sweep.search is None and _may_share(folder, trial, alone, held=True):
                    for beside in _beside(task, trial, but, alone):
                        held.append(beside)
            except BaseException:
                for _, claim in held:
                    claim.release()
                raise
            return held
    return []


def _beside(
    task: WorkerTask, first: Trial, but: Container[str], alone: Container[str]
) -> Iterator[tuple[Trial, Claim]]:
    """Claims what is to train with a trial that this worker holds."""
    folder, shape = task.folder, shapes(first.config)
    alike = [trial for trial in folder.trials() if trial.id not in but and shapes(trial.config) == shape]
    states = {trial: folder.state(trial) for trial in alike}
    pending = [trial for trial in alike if states[trial][0] == trials.PENDING]
    if not pending:
        return
    try:
        data = open_prepared(task.data_dir, first.config.data.dataset, first.config.data.recipe)
        room = copies_that_fit(first.config, data, task.workers)
    except UsageError:  # for the trial to meet
        return
    if runs.record_path(first.id, task.results_dir).exists():  # believed or refused where the trial trains alone
        return
    on_devices = jax.local_device_count()
    if jax.default_backend() == 'cpu':
        room = min(room, COPIES_OF_A_CORE * on_devices)
    holders = {(holder.host, holder.pid) for _, holder in states.values() if holder is not None}
    running = sum(state == trials.RUNNING for state, _ in states.values())
    wanted = (
        share(len(pending) + running, workers=max(task.workers, len(holders)), room=room, on_devices=on_devices) - 1
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
    """The claim of a pending trial; None where it is not pending, or another process was faster."""
    if folder.state(trial)[0] != trials.PENDING:
        return None
    path = folder.of(trial)
    claim = claims.take(
        path / 'claims',
        stale_seconds=folder.stale_seconds,
        lost=_superseded,
        note={'evaluations': len(trials.evaluations(path))},
    )
    if claim is not None and trials.final_state(path) is not None:  # it ended between the look at it and the claim
        claim.release()
        return None
    return claim


def _superseded() -> None:
    """Ends the process at once: another one trains the trial, and nothing that is saved may be written twice."""
    os.write(2, b'this worker was taken for dead, and its trial is trained by another: it ends\n')
    os._exit(1)
