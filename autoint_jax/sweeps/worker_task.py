"""The task that all workers of one command share, and the checks of data and records before and after their work."""

import dataclasses
import functools
import pathlib

from autoint_jax.data.store.opening import open_prepared
from autoint_jax.errors import UsageError
from autoint_jax.evaluation.measures import measures
from autoint_jax.records import runs
from autoint_jax.sweeps import claims, trials
from autoint_jax.sweeps.folder import SweepFolder


@dataclasses.dataclass(frozen=True)
class WorkerTask:
    """A worker task says which sweep the workers of one command train, and how.

    Attributes:
      folder: the folder of the sweep.
      data_dir: the folder of prepared data.
      results_dir: the folder of records.
      wait: whether a worker without a pending trial waits while others train. If one of them dies, its trial is pending
        again.
      compilation_cache: the folder of compiled programs; '' keeps none.
      together: whether trials with the same shapes train in one program, see `groups.py`.
      workers: the number of workers of the command.
    """

    folder: SweepFolder
    data_dir: str
    results_dir: pathlib.Path
    wait: bool
    compilation_cache: str
    together: bool
    workers: int


def record_missing(task: WorkerTask) -> None:
    """Writes the missing records of trials that are done and that no live worker holds.

    A worker writes the record of a trial before it releases its claim. The record is missing if the worker was killed
    in between.
    """
    folder = task.folder
    for trial in folder.trials():
        path = folder.of(trial)
        held = claims.holder(path / 'claims', folder.stale_seconds)
        busy = held is not None and held.live
        if not busy and (path / 'result.json').exists() and not runs.record_path(trial.id, task.results_dir).exists():
            runs.record(trial.id, path, task.results_dir)


def check_data(task: WorkerTask) -> None:
    """Checks that the data of the sweep is prepared, and that all of its trials and records were made with this data.

    Raises:
      UsageError: data is not prepared, the objective is not defined on it, or a trial or a record was made with other
        data.
    """
    folder = task.folder
    opened = functools.cache(functools.partial(open_prepared, task.data_dir))
    configs = [trial.config for trial in folder.trials()]
    if folder.sweep.search is not None:
        configs.append(folder.sweep.config)
    evaluated = {
        (config.data.dataset, config.data.recipe, config.training.evaluated, config.training.group_by)
        for config in configs
    }
    for dataset, recipe, names, group_by in evaluated:
        data, sweep = opened(dataset, recipe), folder.sweep
        measured = measures(names, group_by, data.schema)
        measured.check_defined(sweep.metric.name, data.split('valid'), f'objective = {sweep.objective!r}')
    for trial in folder.trials():
        data, path = opened(trial.config.data.dataset, trial.config.data.recipe), folder.of(trial)
        theirs = trials.data_hash(path)
        if theirs not in (None, data.hash):
            raise UsageError(
                f'{path} holds a trial that was trained on other data than {data.folder} (hash {theirs[:12]}, not '
                f'{data.hash[:12]}): pass the --data_dir of that data, or rename the sweep file and pass another '
                '--results_dir to train on this data'
            )
        runs.recorded(trial.id, trial.config, data, task.results_dir)
