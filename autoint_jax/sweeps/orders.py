"""What the workers of a sweep are told."""

import dataclasses
import pathlib

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
