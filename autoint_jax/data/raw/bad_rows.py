"""Counts, shows and stores rows that cannot be parsed; a preparation stops if there are too many.

More than the share `--max_bad_share` of the rows are too many. Two bad rows are always allowed unless the share is 0,
because a share says nothing in a table of less than a thousand rows.
"""

import itertools
import pathlib
from collections.abc import Sequence
from typing import TextIO

from autoint_jax.data.raw.lines import BadRow
from autoint_jax.errors import UsageError
from autoint_jax.units import counted

SIDE_FILE = 'bad_rows.tsv'
SHOWN = 10  # bad rows that are named in sentences
NEVER_TOO_MANY = 2
_ESCAPED = str.maketrans(
    {'\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r'}
    | {chr(code): f'\\x{code:02x}' for code in (*range(32), *range(127, 160)) if chr(code) not in '\t\n\r'}
    | {chr(code): f'\\u{code:04x}' for code in (0x2028, 0x2029)}
)


class BadRows:
    """A collector that writes bad rows into `folder/bad_rows.tsv`, one line each; without any, there is no file.

    Without a folder it only counts them.

    Attributes:
      first: the first SHOWN bad rows.
      count: number of bad rows.
    """

    def __init__(self, folder: pathlib.Path | None, max_share: float):
        """Raises UsageError if `max_share` is not from 0 to 1."""
        allowed(max_share, 0)
        self._folder, self._max_share = folder, max_share
        self._file: TextIO | None = None
        self.first: list[BadRow] = []
        self.count = 0
        self._lines = 0

    def add(self, bad: Sequence[BadRow]) -> None:
        """Counts and writes bad rows."""
        if not bad:
            return
        if self._file is None and self._folder is not None:
            self._file = open(self._folder / SIDE_FILE, 'w', encoding='utf-8')
            self._file.write('file\tline\treason\ttext\n')
        if self._file is not None:
            for path, rows in itertools.groupby(bad, key=lambda row: row.path):
                name = escaped(str(path))
                self._file.writelines(
                    f'{name}\t{row.line}\t{escaped(row.reason)}\t{escaped(row.text)}\n' for row in rows
                )
        self.first += bad[: SHOWN - len(self.first)]
        self.count += len(bad)
        self._lines += sum(row.lines for row in bad)

    def check(self, rows: float, *, estimated: bool = False) -> None:
        """Raises UsageError if too many of `rows` rows are bad.

        Args:
          rows: the number of all rows.
          estimated: whether that is an estimate, because only some of the rows have been read.
        """
        if self._lines > allowed(self._max_share, rows):  # a bad row that spans lines may stand for many rows
            share = self.count / max(rows, 1)
            bad = f'at least {self.count:,} of about' if estimated else f'{self.count:,} of'
            raise UsageError(
                f'{bad} {counted(round(rows), "row")} ({share:.2%}) cannot be parsed, more than '
                f'--max_bad_share={self._max_share:g}; the first: ' + '; '.join(self.lines())
            )

    def lines(self) -> list[str]:
        """Returns sentences about the first SHOWN bad rows: one for each file and reason."""
        told: dict[tuple[pathlib.Path, str], list[BadRow]] = {}
        for row in self.first:
            told.setdefault((row.path, row.reason), []).append(row)
        return [
            f'{path} line {rows[0].line}: {reason}: {escaped(rows[0].text[:60])}'
            + (
                f' (and line{"s" * (len(rows) > 2)} {", ".join(str(row.line) for row in rows[1:])})'
                if len(rows) > 1
                else ''
            )
            for (path, reason), rows in told.items()
        ]

    def close(self) -> None:
        """Closes the file, if there is one."""
        if self._file is not None:
            self._file.close()


def allowed(max_share: float, rows: float) -> float:
    """Returns how many of `rows` rows may be bad. Raises UsageError if `max_share` is not from 0 to 1."""
    if not 0 <= max_share <= 1:
        raise UsageError(f'--max_bad_share={max_share:g} is not a share: it must be from 0 to 1')
    return max(max_share * rows, NEVER_TOO_MANY if max_share > 0 else 0)


def escaped(text: str) -> str:
    """Returns a text as one line; tabs, control characters and backslashes are written as in Python, such as \\t."""
    return text if text.isprintable() and '\\' not in text else text.translate(_ESCAPED)
