"""Rows that cannot be parsed: counted, shown, kept in a side file; too many of them stop a preparation."""

import pathlib
from collections.abc import Sequence
from typing import TextIO

from autoint_jax.data.raw_rows import BadRow
from autoint_jax.errors import UsageError

SIDE_FILE = 'bad_rows.tsv'
SHOWN = 5


class BadRows:
    """Collects bad rows into `folder/bad_rows.tsv`, which exists only if there are any."""

    def __init__(self, folder: pathlib.Path, max_share: float):
        self._folder, self._max_share = folder, max_share
        self._file: TextIO | None = None
        self.first: list[BadRow] = []
        self.count = 0

    def add(self, bad: Sequence[BadRow]) -> None:
        for row in bad:
            if self._file is None:
                self._file = open(self._folder / SIDE_FILE, 'w')
                self._file.write('file\tline\treason\ttext\n')
            self._file.write(f'{row.path}\t{row.line}\t{row.reason}\t{row.text}\n')
        self.first += bad[:SHOWN - len(self.first)]
        self.count += len(bad)

    def check(self, rows: float) -> None:
        """Raises UsageError if too many of `rows` rows are bad."""
        if self.count > self._max_share * rows:
            share = self.count / max(rows, 1)
            raise UsageError(f'{self.count:,} of {rows:,.0f} rows ({share:.2%}) cannot be parsed, more than --max_bad_share='
                             f'{self._max_share:g}; the first: ' + '; '.join(self.lines()))

    def lines(self) -> list[str]:
        """The first few, one sentence each."""
        return [f'{row.path} line {row.line}: {row.reason}: {row.text[:60]!r}' for row in self.first]

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
