"""Counts every line of a file by its kind, so that no line can be lost unseen."""

import dataclasses
import hashlib
import pathlib
from collections.abc import Sequence
from typing import Any

from autoint_jax.errors import UsageError
from autoint_jax.units import counted

SHOWN = 3  # files, or rows that span lines, that are named one by one
MANY = 10  # most files with something unusual that are named


def told(tallies: Sequence['Tally']) -> list[str]:
    """Returns sentences about files that were read.

    With more than SHOWN files, there is one sentence for all and one for each file with something unusual.
    """
    warnings = [*(warning for tally in tallies for warning in tally.warnings()), *_copies(tallies)]
    if len(tallies) <= SHOWN:
        return [*map(str, tallies), *warnings]
    unusual = [tally for tally in tallies if tally.bad or tally.blank or tally.spanning_rows]
    more = [f'... {len(unusual) - MANY:,} more with bad rows or lines that are no rows'] if len(unusual) > MANY else []
    lines, rows = sum(tally.lines for tally in tallies), sum(tally.rows for tally in tallies)
    whole = f'{counted(len(tallies), "file")}: {counted(lines, "line")}, {counted(rows, "row")}'
    return [whole, *map(str, unusual[:MANY]), *more, *warnings[:MANY]]


def _copies(tallies: Sequence['Tally']) -> list[str]:
    """Returns a warning for each file with the same content as an earlier one."""
    first: dict[str, Tally] = {}
    for tally in tallies:
        first.setdefault(tally.checksum.hexdigest(), tally)
    pairs = [(first[tally.checksum.hexdigest()], tally) for tally in tallies if tally.rows]
    return [
        f'WARNING: {one.path} and {other.path} have the same content, so their rows are read twice: if that is not '
        f'meant, leave one out'
        for one, other in pairs
        if one is not other
    ]


@dataclasses.dataclass
class Tally:
    """A tally counts the lines and rows of one file while it is read. In a Parquet file, each row counts as a line.

    Attributes:
      path: the file.
      checksum: SHA-256 of the unpacked bytes.
      lines: number of lines of the file.
      header: number of lines up to the end of the column names.
      rows: number of rows that were parsed.
      bad: number of rows that cannot be parsed.
      blank: number of lines that are no rows: blank lines and comments.
      row_lines: number of lines of the parsed rows; more than `rows` if rows span lines.
      bad_lines: number of lines of the bad rows.
      spanning: (first line, number of lines) of the first SHOWN rows that span lines.
      spanning_rows: number of rows that span lines.
    """

    path: pathlib.Path
    checksum: 'hashlib._Hash' = dataclasses.field(default_factory=hashlib.sha256)
    lines: int = 0
    header: int = 0
    rows: int = 0
    bad: int = 0
    blank: int = 0
    row_lines: int = 0
    bad_lines: int = 0
    spanning: list[tuple[int, int]] = dataclasses.field(default_factory=list)
    spanning_rows: int = 0

    def add(self, rows: int, bad: int, bad_lines: int, blank: int, spanning: Sequence[tuple[int, int]]) -> None:
        """Adds the counts of a block.

        Args:
          rows: number of rows that were parsed.
          bad: number of bad rows.
          bad_lines: number of lines of the bad rows.
          blank: number of lines that are no rows.
          spanning: (first line, number of lines) of the parsed rows that span lines.
        """
        self.rows, self.bad, self.blank = self.rows + rows, self.bad + bad, self.blank + blank
        self.bad_lines += bad_lines
        self.row_lines += rows + sum(lines - 1 for _, lines in spanning)
        self.spanning += spanning[: SHOWN - len(self.spanning)]
        self.spanning_rows += len(spanning)

    def check(self) -> None:
        """Raises UsageError if the counts of a file that was read to its end do not add up to its lines."""
        known = self.header + self.row_lines + self.bad_lines + self.blank
        if known != self.lines:
            raise UsageError(
                f'{self.path} has {self.lines:,} lines, of which {known:,} were read ({self.header} before the rows, '
                f'{self.row_lines:,} of rows, {self.bad_lines:,} of bad rows, {self.blank:,} blank): this is a fault '
                f'of this program, so nothing is prepared; please report it with the file'
            )

    def warnings(self) -> list[str]:
        """Returns a sentence for each thing that may be wrong although the file can be read."""
        if not self.spanning_rows:
            return []
        places = ', '.join(f'lines {line} to {line + lines - 1}' for line, lines in self.spanning)
        more = ', ...' if self.spanning_rows > len(self.spanning) else ''
        return [
            f'WARNING: {self.path}: {counted(self.spanning_rows, "row")} with a quoted value that goes on over line '
            f'ends ({places}{more}); if quotes are ordinary characters in this file, write quote: none in the '
            f'declaration and prepare it again'
        ]

    def __str__(self) -> str:
        parts = [counted(self.rows, 'row')]
        parts += [f'further lines of rows {self.row_lines - self.rows:,}'] if self.row_lines > self.rows else []
        parts += [counted(self.bad, 'bad row')] if self.bad else []
        parts += [f'further lines of bad rows {self.bad_lines - self.bad:,}'] if self.bad_lines > self.bad else []
        parts += [counted(self.blank, 'blank line or comment', 'blank lines or comments')] if self.blank else []
        if self.header:
            parts.append(
                '1 line of column names'
                if self.header == 1
                else f'{counted(self.header, "line")} up to the end of the column names'
            )
        return f'{self.path.name}: {counted(self.lines, "line")}: {", ".join(parts)}'

    def to_json(self) -> dict[str, Any]:
        """Returns the counts as a preparation records them."""
        counts = {name: getattr(self, name) for name in ('lines', 'header', 'rows', 'bad', 'blank', 'spanning_rows')}
        return {'file': self.path.name, **counts}
