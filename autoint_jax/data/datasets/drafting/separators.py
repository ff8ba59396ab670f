"""Finds the separator and the quotes that cut most lines of a text into equally many cells."""

import collections
import re
from collections.abc import Sequence
from typing import NamedTuple

from autoint_jax.data.text.dialect import Dialect, one_byte

_LINES = 400  # lines that are looked at to find the separator
_SINGLE = ('\t', '\x01', '\x02', '\x1f', ';', '|', ',', '^', '~', '\u00a6', ':', ' ')
SELDOM = ('^', '~', '\u00a6', ':', ' ')  # taken only if nothing else cuts the lines alike
_RUN = re.compile(r'[^\w\s"\'.+\-()\[\]{}/\\]{2,4}')
_WITH_COMMA = re.compile(r'[+-]?[\d.]*,[\d.,]*\d')
_ALIKE = 0.9  # share of lines with the same number of cells that makes a cut sure
_PERHAPS = 0.5  # the share that makes a cut possible
_MOSTLY = 0.8  # share of runs of a character that tells whether the run is one separator


class Cut(NamedTuple):
    """A cut is a way to cut lines into cells, with counts of how well it does.

    Attributes:
      separator: the separator between columns.
      quote: '"', "'" or None.
      width: number of cells of most lines.
      alike: number of lines with so many cells.
      lines: number of lines that were looked at.
      first: whether the first line, which may be a header, has so many cells, too.
      enclosed: number of cells that stand in quotes.
    """

    separator: str
    quote: str | None
    width: int
    alike: int
    lines: int
    first: bool
    enclosed: int


def cells_of(line: str, separator: str, quote: str | None) -> list[str] | None:
    """Returns the cells of a line, without blanks and quotes round them.

    Returns None if the quotes of the line do not enclose whole values.
    """
    if quote is None or quote not in line:
        return [cell.strip() for cell in line.split(separator)]
    text, part = one_byte(line.encode(), separator)
    dialect = Dialect(part, quote, strip=True)
    return [cell.strip() for cell in dialect.cells(text.decode())] if dialect.is_line(text, 0) else None


def best_cut(lines: Sequence[str]) -> Cut | None:
    """Returns the best cut of lines, or None if nothing cuts most of them alike. There must be no blank lines."""
    head = lines[:_LINES]
    cuts = [cut for separator in _candidates(head) if (cut := _cut(head, separator)) is not None]
    for least in (_ALIKE, _PERHAPS):
        chosen = _chosen([cut for cut in cuts if cut.alike >= least * cut.lines], head)
        if chosen is not None:
            return _cut(lines, chosen.separator)
    return None


def _candidates(lines: Sequence[str]) -> list[str]:
    """Returns the single characters and longer separators that occur in most lines."""
    found = [mark for mark in _SINGLE if sum(mark in line for line in lines) >= _PERHAPS * len(lines)]
    runs = collections.Counter(run for line in lines[:20] for run in set(_RUN.findall(line)))
    longer = [run for run, count in runs.items() if count >= 0.8 * min(len(lines), 20) and not set(run) & {',', '\t'}]
    return longer + found


def _is_one(run: str, cuts: Sequence[Cut], lines: Sequence[str]) -> bool:
    """Returns whether a run such as `||` is one separator, and not two with an empty cell between them.

    It is one if `|` does not cut the lines alike, or if `|` seldom occurs alone; the same holds for longer runs.
    """
    if len(set(run)) > 1 or not {run[:size] for size in range(1, len(run))} & {cut.separator for cut in cuts}:
        return True
    lengths = [len(found) for line in lines for found in re.findall(f'{re.escape(run[0])}+', line)]
    return sum(length % len(run) == 0 for length in lengths) >= _MOSTLY * len(lengths)


def _cut(lines: Sequence[str], separator: str) -> Cut | None:
    """Returns the cut by a separator with the quotes that make most lines alike, or None if it cuts no line."""
    best: Cut | None = None
    for quote in (None, '"', "'") if separator == '\t' else ('"', None, "'"):
        if quote is not None and best is not None and not any(quote in line for line in lines):
            continue
        rows = [cells_of(line, separator, quote) for line in lines]
        widths = collections.Counter(len(row) for row in rows if row is not None and len(row) > 1)
        if not widths:
            continue
        width, alike = max(widths.items(), key=lambda item: (item[1], item[0]))
        enclosed = sum(_enclosed(line, separator, quote) for line in lines) if quote is not None else 0
        cut = Cut(separator, quote, width, alike, len(lines), rows[0] is not None and len(rows[0]) == width, enclosed)
        better = (
            best is None
            or alike > best.alike
            or (alike == best.alike and enclosed > max(best.enclosed, 0.5 * len(lines) if quote == "'" else 0))
        )
        best = cut if better else best
    return best


def _enclosed(line: str, separator: str, quote: str) -> int:
    """Returns the number of cells of a line that stand in quotes."""
    cells = [cell.strip() for cell in line.split(separator)] if quote in line else []
    return sum(len(cell) > 1 and cell[0] == quote == cell[-1] for cell in cells)


def _chosen(cuts: Sequence[Cut], lines: Sequence[str]) -> Cut | None:
    """Returns the likeliest of several cuts that all cut the lines alike, or None if there are none."""
    cuts = [cut for cut in cuts if cut.first] or cuts
    usual = [cut for cut in cuts if cut.separator not in SELDOM]
    longer = [cut for cut in usual if len(cut.separator) > 1 and _is_one(cut.separator, cuts, lines)]
    usual = [cut for cut in usual if len(cut.separator) == 1]
    if longer:
        return max(longer, key=lambda cut: len(cut.separator))
    for cut in usual:
        if cut.separator in '\t\x01\x02\x1f':
            return cut
    by_mark = {cut.separator: cut for cut in usual}
    blank = next(
        (cut for cut in cuts if cut.separator == ' ' and ',' in by_mark and cut.width > by_mark[','].width), None
    )
    for other in (by_mark.get(';'), blank):
        if other is not None and ',' in by_mark and _are_decimals(lines, other):
            del by_mark[',']
    rest = list(by_mark.values()) or [cut for cut in cuts if cut.separator in SELDOM]
    if not by_mark:
        return min(rest, key=lambda cut: SELDOM.index(cut.separator)) if rest else None
    return max(rest, key=lambda cut: (cut.width, -_SINGLE.index(cut.separator)))


def _are_decimals(lines: Sequence[str], cut: Cut) -> bool:
    """Returns whether some cells of a cut have commas and all of these are numbers."""
    rows = [cells_of(line, cut.separator, cut.quote) or [] for line in lines[1:]]
    with_comma = [cell for row in rows for cell in row if ',' in cell]
    return bool(with_comma) and all(map(_WITH_COMMA.fullmatch, with_comma))
