"""Lines of pages, made from the records under results/. An error about a record names its file."""

import pathlib
from collections.abc import Callable
from typing import Any

from autoint_jax import stored

Record = dict[str, Any]
MEND = 'restore the record, or run what writes it again'


def read(path: pathlib.Path) -> Record:
    """Reads a record of a table, a figure or a benchmark. Raises UsageError."""
    return stored.read_json(path, mend=MEND)


def lines_of(folder: pathlib.Path, pattern: str, lines: Callable[[Record, pathlib.Path], list[str]]) -> list[str]:
    """Returns the lines of all records in a folder whose names match a pattern, in order of their names.

    Raises UsageError if a record cannot be read, or lacks something that `lines` needs.
    """
    found = []
    for path in sorted(folder.glob(pattern)):
        record = read(path)
        with stored.of_form(path, mend=MEND):
            found += lines(record, path)
    return found
