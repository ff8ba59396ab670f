"""What several processes do with one run folder: the first writes it, and all of them must see it."""

import pathlib
import time
from collections.abc import Callable

from autoint_jax import stored_records
from autoint_jax.errors import UsageError
from autoint_jax.training.processes import group
from autoint_jax.training.processes.decisions import decided
from autoint_jax.training.run_folder.result import Result

# Seconds after which a file system of several hosts shows on one what another has written.
SEEN_SECONDS = 30.0
LOOK_SECONDS = 0.1


def decided_result(find: Callable[[], Result | None]) -> Result | None:
    """Returns in every process the result that `find` returns in the first one. Raises as `decided` does."""

    def found() -> dict | None:
        result = find()
        return None if result is None else stored_records.to_json(result)

    value = decided(found)
    return None if value is None else stored_records.record_of(value, Result, 'the result')


def check_shared(path: pathlib.Path) -> None:
    """Raises UsageError in a process that does not see a file that the first process has written."""
    until = time.monotonic() + SEEN_SECONDS
    while not group.is_first() and not path.exists():
        if time.monotonic() > until:
            raise UsageError(
                f'process {group.number()} does not see {path}, which process 0 has written: put the run folder on a '
                'file system that all hosts share'
            )
        time.sleep(LOOK_SECONDS)
