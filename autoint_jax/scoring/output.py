"""Files of scores, which have their names only when they are whole."""

import contextlib
import os
import pathlib
import sys
from collections.abc import Callable, Iterator
from typing import BinaryIO

import polars as pl

from autoint_jax.errors import UsageError, full_disk_named, writing
from autoint_jax.unfinished import unfinished

STANDARD = '-'  # standard output
SUFFIXES = ('.parquet', '.csv')
# Columns of scores, beside those that are kept. Scores of a split have the first three.
ROW, LABEL, LOGIT, PROBABILITY = 'row', 'label', 'logit', 'probability'
PART_ROWS = 1 << 20  # of a part of a Parquet file that is being made

Write = Callable[[pl.DataFrame], None]


def check_output(name: str, flag: str) -> None:
    """Raises UsageError that names a flag if no file of scores can have its value as its name."""
    path = pathlib.Path(name)
    if name == STANDARD:
        return
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f'--{flag}={name} must end in {" or ".join(SUFFIXES)}, which says the form of the file')
    if path.is_dir():
        raise UsageError(f'--{flag}={name} is a folder: name a file in it')
    if not path.parent.is_dir():
        raise UsageError(f'--{flag}={name}: the folder {path.parent} does not exist: make it first')


@contextlib.contextmanager
def scores_file(name: str, empty: pl.DataFrame) -> Iterator[Write]:
    """A context with a function that adds rows to a file. The file appears, or is replaced, when the context ends.

    If an error ends the context, no file is left. A killed process leaves a folder NAME.unfinished-..., which the next
    one that writes the file removes.

    Args:
      name: of the file, ending in one of SUFFIXES; STANDARD writes CSV to standard output, without waiting for the end.
      empty: no rows, with the columns of the file.
    """
    if name == STANDARD:
        sys.stdout.flush()
        yield _csv_writer(sys.stdout.buffer, empty)
        sys.stdout.buffer.flush()
        return
    path = pathlib.Path(name)
    with unfinished(path) as scratch:
        scratch.mkdir()
        with full_disk_named(path):
            whole = scratch / f'whole{path.suffix.lower()}'
            if path.suffix.lower() == '.csv':
                with open(whole, 'wb') as file:
                    yield _csv_writer(file, empty)
            else:
                parts = _Parts(scratch, empty, path)
                yield parts.add
                parts.join(whole)
            with open(whole, 'rb') as file:
                os.fsync(file.fileno())
        os.replace(whole, path)


class _Parts:
    """Rows that become one Parquet file. They are written in parts, so that memory stays bounded."""

    def __init__(self, folder: pathlib.Path, empty: pl.DataFrame, named: pathlib.Path):
        """Takes the folder of parts, no rows, and the file that errors name."""
        self._folder, self._waiting, self._rows, self._count, self._named = folder, [empty], 0, 0, named

    def add(self, frame: pl.DataFrame) -> None:
        """Adds rows."""
        self._waiting.append(frame)
        self._rows += frame.height
        if self._rows >= PART_ROWS:
            self._write()

    def join(self, whole: pathlib.Path) -> None:
        """Writes all rows to the file `whole`."""
        if self._rows or not self._count:
            self._write()
        if self._count == 1:
            os.replace(self._path(0), whole)
        else:
            parts = [self._path(number) for number in range(self._count)]
            with writing(self._named):
                pl.scan_parquet(parts, glob=False, hive_partitioning=False).sink_parquet(whole, maintain_order=True)

    def _write(self) -> None:
        with writing(self._named):
            pl.concat(self._waiting, how='vertical').write_parquet(self._path(self._count))
        self._waiting, self._rows, self._count = self._waiting[:1], 0, self._count + 1

    def _path(self, number: int) -> pathlib.Path:
        return self._folder / f'{number:06d}.parquet'


def _csv_writer(file: BinaryIO, empty: pl.DataFrame) -> Write:
    """Returns a function that adds rows to a CSV file, after writing the names of its columns."""
    file.write(empty.write_csv().encode())
    return lambda frame: _written(file, frame.write_csv(include_header=False).encode())


def _written(file: BinaryIO, content: bytes) -> None:
    file.write(content)
