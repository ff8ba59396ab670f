"""Counts of the values that have no id of their own, kept so that data of later days can go on counting."""

import hashlib
import pathlib
from collections.abc import Iterator
from typing import Any

import polars as pl

from autoint_jax.data.encoding.plan import FieldPlan
from autoint_jax.errors import UsageError, writing

# The form of their record in the manifest's preparation.
RECORD = {'files': {str: {str: str}}, 'missing': {str: int}}


def is_counted(field: FieldPlan) -> bool:
    """Returns whether a field may have values without an id that could get one later, so that they are counted."""
    limited = field.min_count > 1 or field.cap is not None
    return limited and field.has_vocabulary and field.shares is None and not field.streaming


class RareCounts:
    """The counts of values without an id, as Parquet files with the columns `value` and `count`, some for each field.

    Attributes:
      missing: {field: number of missing values, where a missing value is a value like any other}.
    """

    def __init__(self, folder: pathlib.Path, record: dict[str, Any] | None = None):
        """Takes the folder of the files and, if they are written already, their record in the manifest."""
        self._folder = folder
        self._files: dict[str, dict[str, str]] = (record or {}).get('files', {})
        self.missing: dict[str, int] = (record or {}).get('missing', {})

    def write(self, field: FieldPlan, table: pl.DataFrame) -> None:
        """Adds values of a field, which no other table of it has, to the files. Threads may write different fields.

        Raises OSError that names the file if the disk is full.
        """
        own = self._files.setdefault(field.name, {})
        # A field's name may be longer than that of a file.
        name = f'{hashlib.sha256(field.name.encode()).hexdigest()[:16]}-{len(own)}.parquet'
        path = self._folder / name
        self._folder.mkdir(exist_ok=True)
        with writing(path):
            table.select('value', 'count').write_parquet(path)
        own[name] = _sha256(path)

    def tables(self, field: FieldPlan) -> Iterator[pl.DataFrame]:
        """Yields the tables of a field, columns `value` and `count`.

        Raises UsageError if a file is missing or was changed.
        """
        for name, checksum in self._files.get(field.name, {}).items():
            path = self._folder / name
            if not path.is_file() or _sha256(path) != checksum:
                raise UsageError(
                    f'{path}, the counts of rare values of field {field.name!r}, is missing or was changed: prepare '
                    'the data again with --overwrite'
                )
            yield pl.read_parquet(path, glob=False)

    def record(self) -> dict[str, Any]:
        """Returns the record for the manifest: the checksums of the files, and the numbers of missing values."""
        return {'files': dict(sorted(self._files.items())), 'missing': dict(sorted(self.missing.items()))}


def _sha256(path: pathlib.Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with open(path, 'rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()
