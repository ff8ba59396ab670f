"""Finds where rows begin and end in a text with quotes."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from autoint_jax.data.text.dialect import MAX_LINES, NEWLINE, ORDINARY, Dialect, regular_lines
from autoint_jax.data.text.layout import Layout


class Quoted(NamedTuple):
    """The lines of a text that cannot simply be cut at every separator outside quotes. Lines are counted from 0.

    Attributes:
      own_way: int64, ascending: first lines of the rows that only a `Dialect` can cut. In all other rows, quotes
        enclose whole values.
      continued: int64, ascending: lines that continue the row of the line before.
      faults: for each line that is not a row, the reason.
    """

    own_way: np.ndarray
    continued: np.ndarray
    faults: dict[int, str]


NOTHING_QUOTED = Quoted(np.zeros(0, np.int64), np.zeros(0, np.int64), {})


class Unclosed(Exception):
    """The error about a quoted value that does not end.

    Attributes:
      line: the line on which the value begins, counted from 0.
    """

    def __init__(self, line: int):
        super().__init__(line)
        self.line = line


def quoted(
    text: bytes, separator: bytes, layout: Layout, sound: Callable[[Sequence[list[str]]], bool], *, final: bool
) -> tuple[Quoted, int]:
    """Finds the rows in a text of whole lines that begins with a row.

    A row that spans lines is accepted only if none of its further lines is a sound row by itself. Otherwise its first
    line is a fault, and the next line is read anew, so that a stray quote costs one line.

    Args:
      text: UTF-8.
      separator: the byte between columns.
      layout: the layout of the rows; it must have a quote.
      sound: takes rows as lists of cells; returns whether at least one of them can be a row of the table.
      final: whether the text ends the file.

    Returns the rows, and the place in the text up to which they are known. The rest begins with a row that may go on.
    Raises Unclosed if a quoted value does not end within MAX_LINES lines or at the end of the file, and ValueError if
    the layout has no quote.
    """
    if layout.quote is None:
        raise ValueError(f'{layout.quote=}: the layout must have a quote')
    mark = layout.quote.encode()
    if mark not in text:
        return NOTHING_QUOTED, len(text)
    characters = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero(characters == ord('\n'))
    if not text.endswith(NEWLINE):
        ends = np.append(ends, len(text))
    starts = np.concatenate([[0], ends[:-1] + 1])
    places = np.flatnonzero(characters == mark[0])
    regular = regular_lines(text, ends, places, separator)
    dialect = Dialect(separator, layout.quote, layout.strip)
    own_way: list[int] = []
    continued: list[int] = []
    faults: dict[int, str] = {}
    resume = 0
    for line in np.flatnonzero(~regular).tolist():
        if line < resume:
            continue
        start = int(starts[line])
        if not dialect.is_line(text, start):
            last = min(line + MAX_LINES, len(ends) - 1)
            limit = int(ends[last])
            found = dialect.span(text, start, limit)
            if found.open:
                if last == line + MAX_LINES or final:
                    raise Unclosed(line)
                return _as_arrays(own_way, continued, faults), start
            end_line = int(np.searchsorted(ends, found.end))
            fault = found.fault or _suspicion(text, starts, ends, range(line + 1, end_line + 1), layout, dialect, sound)
            if fault:
                faults[line], resume = fault, line + 1
                continue
            continued += range(line + 1, end_line + 1)
            resume = end_line + 1
        own_way.append(line)
    return _as_arrays(own_way, continued, faults), len(text)


def _as_arrays(own_way: list[int], continued: list[int], faults: dict[int, str]) -> Quoted:
    """Returns the lines as arrays."""
    return Quoted(np.array(own_way, np.int64), np.array(continued, np.int64), faults)


def _suspicion(
    text: bytes,
    starts: np.ndarray,
    ends: np.ndarray,
    further: range,
    layout: Layout,
    dialect: Dialect,
    sound: Callable[[Sequence[list[str]]], bool],
) -> str:
    """Returns why a row that spans lines is not accepted, or '' if it is."""
    rows = [
        dialect.cells(text[starts[line] : ends[line]].decode(errors='replace'))
        for line in further
        if dialect.is_line(text, int(starts[line]))
    ]
    rows = [row for row in rows if len(row) == len(layout.columns)]
    if rows and sound(rows):
        return (
            f'a value opens a quote {layout.quote} that closes on another line, and lines after it are rows by '
            f'themselves ({ORDINARY})'
        )
    return ''
