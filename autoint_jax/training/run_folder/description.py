"""The description of a run in run.json: its configuration, its data and its starts."""

import dataclasses
from typing import Any, ClassVar

from autoint_jax.training.run_folder.provenance import Provenance


@dataclasses.dataclass(frozen=True, kw_only=True)
class Start(Provenance):
    """One start of a run, with its provenance. Older versions did not record the fields with defaults.

    Attributes:
      time: time of the start, UTC.
      forms: the forms of interacting layers, dense layers and the optimizer of tables.
      execution: the options of 'execution'; None if the configuration still includes them (version 1).
      mesh: the options of 'mesh'.
      compilation_cache: the folder that keeps compiled programs; None if none are kept.
      copies: the number of runs that shared its program.
      processes: the number of processes that shared the run.
      diverged: a sentence about the divergence of training; empty if it did not diverge.
    """

    time: str
    forms: dict[str, str | None] = dataclasses.field(default_factory=dict)
    execution: dict[str, Any] | None = None
    mesh: dict[str, Any] = dataclasses.field(default_factory=dict)
    compilation_cache: str | None = None
    copies: int = 1
    processes: int = 1
    diverged: str = ''


@dataclasses.dataclass(frozen=True)
class Ancestry:
    """The run from whose state a run goes on.

    The steps, evaluations and epochs of the new run count from 0. Its optimizers go on counting from `updates`.

    Attributes:
      run_dir: the folder of that run, as it was named.
      fingerprint: the fingerprint of its configuration.
      data_hash: the hash of its data.
      step: the step of the checkpoint.
      updates: the updates that the state had taken, those of its own ancestors among them, without skipped steps.
      learning_rate: the learning rate of that run.
    """

    run_dir: str
    fingerprint: str
    data_hash: str
    step: int
    updates: int
    learning_rate: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Description:
    """The description of a run.

    Attributes:
      fingerprint: the fingerprint of its configuration.
      config: the configuration as nested dictionaries, without 'execution' and 'mesh'. Version 1 includes
        the first, under old names.
      data_hash: the hash of the data that it is trained on.
      boundaries: {numeric field: quantile boundaries}, not checked; None in older records.
      starts: the starts, in order.
      seed: the seed of the run; None in older records.
      ancestry: the run from whose state it goes on; None if it began with an initial state.
      shorter: the fingerprints that the run had before it was prolonged, which its older checkpoints have.
      version: the version of this record.
    """

    VERSION: ClassVar[int] = 2

    fingerprint: str
    config: dict[str, Any]
    data_hash: str
    starts: tuple[Start, ...]
    boundaries: Any = None
    seed: int | None = None
    ancestry: Ancestry | None = None
    shorter: tuple[str, ...] = ()
    version: int = VERSION
