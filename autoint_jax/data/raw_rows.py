"""Blocks of text -> typed columns. Rows that cannot be parsed are set aside with the reason."""

import csv
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from autoint_jax.data.field_plan import LabelPlan
from autoint_jax.data.labels import labels_of
from autoint_jax.data.layout import TYPES, Layout
from autoint_jax.data.text_blocks import NEWLINE, Block, line_ends, occurrences, outside_quotes


class BadRow(NamedTuple):
    path: pathlib.Path
    line: int
    reason: str
    text: str


class Raw(NamedTuple):
    """Rows of a block: typed columns, null where missing, and the rows set aside."""

    frame: pl.DataFrame
    bad: list[BadRow]


class _Malformed(Exception):
    """A block needs the careful way."""


def parsed(block: Block, layout: Layout, columns: Sequence[str], label: LabelPlan | None) -> Raw:
    """The named columns of a block; `label` is None where rows have none.

    A sound block is parsed at once. One with anything wrong in it is parsed as text, cell by cell.
    """
    if not layout.strip:
        try:
            frame = _strict(block.text, layout, columns)
            if label is None or not np.isnan(labels_of(frame, label)).any():
                return Raw(frame, [])
        except (_Malformed, pl.exceptions.PolarsError):
            pass
    return _careful(block, layout, columns, label)


def _strict(text: bytes, layout: Layout, columns: Sequence[str]) -> pl.DataFrame:
    rows = occurrences(text, NEWLINE) + (not text.endswith(NEWLINE))
    if layout.quote is not None and layout.quote.encode() in text:
        raise _Malformed
    # Too few columns would pass as missing values; too many are an error of the parser's own.
    if occurrences(text, layout.separator.encode()) != rows * (len(layout.columns) - 1):
        raise _Malformed
    read = {name: pl.String if kind == 'hexadecimal' else TYPES[kind] for name, kind in layout.columns}
    frame = _read(text, layout, read).select(columns)
    if frame.height != rows:
        raise _Malformed
    kinds = dict(layout.columns)
    whole = [name for name in columns if kinds[name] == 'hexadecimal']
    if whole:
        if frame.select(pl.any_horizontal((pl.col(name).str.len_bytes() != 8).any() for name in whole)).item():
            raise _Malformed
        frame = frame.with_columns(pl.col(whole).str.to_integer(base=16, dtype=pl.UInt32))
    return frame


def _careful(block: Block, layout: Layout, columns: Sequence[str], label: LabelPlan | None) -> Raw:
    text = np.frombuffer(block.text, np.uint8)
    ends = line_ends(block.text, layout.quote)
    if not block.text.endswith(b'\n'):
        ends = np.append(ends, len(text))
    starts = np.concatenate([[0], ends[:-1] + 1])
    # With quotes, a row may span lines of the file; its number is that of its first line.
    newlines = np.flatnonzero(text == ord('\n'))
    numbers = block.first_line + np.searchsorted(newlines, starts)
    separators = outside_quotes(text, np.flatnonzero(text == ord(layout.separator)), layout.quote)
    counts = np.searchsorted(separators, ends) - np.searchsorted(separators, starts) + 1

    def bad(row: int, reason: str) -> BadRow:
        line = block.text[starts[row]:ends[row]].decode(errors='replace')
        return BadRow(block.path, int(numbers[row]), reason, line)

    wrong = counts != len(layout.columns)
    found = [bad(row, f'it has {counts[row]} columns, not {len(layout.columns)}') for row in np.flatnonzero(wrong)]
    if layout.quote is not None:
        for row in np.flatnonzero(_misquoted(text, starts, ends, layout) & ~wrong):
            found.append(bad(row, f'its quotes {layout.quote} are not in pairs round whole values'))
            wrong[row] = True
    rows = np.flatnonzero(~wrong)
    if len(rows):
        sizes = np.diff(np.append(starts, len(text)))
        kept = text[np.repeat(~wrong, sizes)].tobytes() if wrong.any() else block.text
        frame = _read(kept, layout, dict.fromkeys(layout.types, pl.String)).select(columns)
    else:
        frame = pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
    typed, reasons = checked(frame, {name: kind for name, kind in layout.columns if name in columns}, layout, label)
    if reasons:
        found += [bad(rows[row], reason) for row, reason in reasons.items()]
        typed = typed.filter(~np.isin(np.arange(typed.height), list(reasons)))
    return Raw(typed, sorted(found))


def _misquoted(text: np.ndarray, starts: np.ndarray, ends: np.ndarray, layout: Layout) -> np.ndarray:
    """Rows whose quotes do not enclose whole values, bool [rows]."""
    wrong = np.zeros(len(starts), bool)
    quotes = np.flatnonzero(text == ord(layout.quote))
    for row in np.flatnonzero(np.searchsorted(quotes, ends) > np.searchsorted(quotes, starts)):
        line = text[starts[row]:ends[row]].tobytes().decode(errors='replace')
        try:
            list(csv.reader([line], delimiter=layout.separator, quotechar=layout.quote, strict=True))
        except csv.Error:
            wrong[row] = True
    return wrong


def checked(frame: pl.DataFrame, kinds: dict[str, str], layout: Layout,
            label: LabelPlan | None) -> tuple[pl.DataFrame, dict[int, str]]:
    """Columns of text -> typed columns, and {row: reason} of rows with a cell that is not of its column's type."""
    clean = pl.all().str.strip_chars() if layout.strip else pl.all()
    frame = frame.with_columns(clean.replace({value: None for value in ('', *layout.missing)}))
    typed = frame.select(_typed(pl.col(name), kind) for name, kind in kinds.items())
    reasons: dict[int, str] = {}
    for name, kind in kinds.items():
        for row in np.flatnonzero((typed[name].is_null() & frame[name].is_not_null()).to_numpy()):
            reasons.setdefault(int(row), f'column {name!r} holds {frame[name][int(row)][:40]!r}, not {_NOUNS[kind]}')
    if label is not None:
        for row in np.flatnonzero(np.isnan(labels_of(typed, label))):
            reasons.setdefault(int(row), f'its label, column {label.column!r}, is {frame[label.column][int(row)]!r}')
    return typed, reasons


_NOUNS = {'hexadecimal': 'eight hexadecimal digits', 'integer': 'a whole number', 'unsigned': 'a whole number, 0 or more',
          'real': 'a number', 'text': 'text'}


def _typed(column: pl.Expr, kind: str) -> pl.Expr:
    if kind == 'hexadecimal':
        eight = pl.when(column.str.len_bytes() == 8).then(column)
        return eight.str.to_integer(base=16, dtype=pl.UInt32, strict=False)
    return column.cast(TYPES[kind], strict=False)


def _read(text: bytes, layout: Layout, schema: dict[str, pl.DataType]) -> pl.DataFrame:
    return pl.read_csv(text, has_header=False, separator=layout.separator, quote_char=layout.quote, schema=schema)
