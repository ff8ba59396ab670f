"""What the workers of a sweep are told."""

import dataclasses
import functools
import pathlib

from autoint_jax.data.store.prepared import open_prepared
from autoint_jax.errors import UsageError
from autoint_jax.records import runs
from autoint_jax.sweeps import claims, trials
from autoint_jax.sweeps.folder import SweepFolder


@dataclasses.dataclass(frozen=True)
class Orders:
    """What all workers of a command are told.

    Attributes:
      folder: the sweep.
      data_dir, results_dir: folders of prepared data and of records.
      wait: stay while other workers train, whose trials would be pending if they died.
      compilation_cache: folder of compiled programs, or '' for none.
      together: trials that share shapes train in one program, see `groups.py`.
      workers: how many the command has, which share the trials.
    """

    folder: SweepFolder
    data_dir: str
    results_dir: pathlib.Path
    wait: bool
    compilation_cache: str
    together: bool
    workers: int


def record_missing(orders: Orders) -> None:
    """Writes the records of runs that are done and have none.

    A worker writes the record of a run before it gives its claim back; one whose record is missing after that was killed in between.
    """
    folder = orders.folder
    for trial in folder.trials():
        path = folder.of(trial)
        held = claims.holder(path / 'claims', folder.stale_seconds)
        busy = held is not None and held.live
        if not busy and (path / 'result.json').exists() and not runs.record_path(trial.id, orders.results_dir).exists():
            runs.record(trial.id, path, orders.results_dir)


def check_data(orders: Orders) -> None:
    """Raises UsageError where data of the sweep is not prepared, or trials were trained, or have records, on other data."""
    folder = orders.folder
    opened = functools.cache(functools.partial(open_prepared, orders.data_dir))
    if folder.sweep.search is not None:
        opened(folder.sweep.config.data.dataset, folder.sweep.config.data.recipe)
    for trial in folder.trials():
        data, path = opened(trial.config.data.dataset, trial.config.data.recipe), folder.of(trial)
        theirs = trials.data_hash(path)
        if theirs not in (None, data.hash):
            raise UsageError(
                f'{path} holds a trial on other data than {data.folder} (hash {theirs[:12]}, not {data.hash[:12]}): '
                'name the --data_dir of that data or, to train on this, give the sweep file another name and name '
                'another --results_dir'
            )
        runs.recorded(trial.id, trial.config, data, orders.results_dir)
