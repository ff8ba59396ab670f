"""The description of a run, as run.json holds it: which run it is, and how it was started."""

import dataclasses
from typing import Any, ClassVar

from autoint_jax.training.run_folder.provenance import Provenance


@dataclasses.dataclass(frozen=True, kw_only=True)
class Start(Provenance):
    """One start of a run, with its provenance. Defaults are for starts by versions that did not record a field.

    Attributes:
      time: of the start, UTC.
      forms: of the interacting layers and of the optimizer of tables.
      execution: the options of 'execution'; None where they stand in the configuration.
      compilation_cache: the folder that keeps compiled programs; None without.
      copies: how many runs shared its program.
      diverged: a sentence where training diverged.
    """

    time: str
    forms: dict[str, str | None] = dataclasses.field(default_factory=dict)
    execution: dict[str, Any] | None = None
    compilation_cache: str | None = None
    copies: int = 1
    diverged: str = ''


@dataclasses.dataclass(frozen=True, kw_only=True)
class Description:
    """What a run is.

    Attributes:
      fingerprint: of its configuration.
      config: the configuration as nested dictionaries; without 'execution', but in version 1 with it, under its old
        names.
      data_hash: of the data that it is trained on.
      boundaries: quantile boundaries by numeric field, not checked; None in records of versions that took none.
      starts: in order.
      seed: of the run; None where an older version did not say.
      version: of this record.
    """

    VERSION: ClassVar[int] = 2

    fingerprint: str
    config: dict[str, Any]
    data_hash: str
    starts: tuple[Start, ...]
    boundaries: Any = None
    seed: int | None = None
    version: int = VERSION
