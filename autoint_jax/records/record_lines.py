"""Lines of the pages from records under results/; an error about a record names its file."""

import pathlib
from collections.abc import Callable
from typing import Any

from autoint_jax import stored

Record = dict[str, Any]
MEND = 'restore the record, or run what writes it again'


def read(path: pathlib.Path) -> Record:
    """A record of a table, a figure or a benchmark. Raises UsageError."""
    return stored.read_json(path, mend=MEND)


def lines_of(folder: pathlib.Path, pattern: str, lines: Callable[[Record, pathlib.Path], list[str]]) -> list[str]:
    """The lines of all records that a pattern finds in a folder, in order of their names.

    Raises UsageError where one cannot be read, or has not what `lines` takes from it.
    """
    found = []
    for path in sorted(folder.glob(pattern)):
        record = read(path)
        with stored.of_form(path, mend=MEND):
            found += lines(record, path)
    return found
