"""Parses blocks of text into typed columns. Rows that cannot be parsed are set aside with the reason."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from autoint_jax.data.raw.cells import Check, checked, infinities
from autoint_jax.data.raw.labels import LabelPlan, labels_of
from autoint_jax.data.raw.lines import BadRow, Lines
from autoint_jax.data.text.blocks import Block, occurrences
from autoint_jax.data.text.decoding import as_text
from autoint_jax.data.text.dialect import NEWLINE, Dialect
from autoint_jax.data.text.layout import TYPES, Layout
from autoint_jax.units import counted


class Raw(NamedTuple):
    """The parsed rows of a block.

    Attributes:
      frame: typed columns [n], null where missing.
      bad: the rows that cannot be parsed; they are not in `frame`.
      blank: number of lines that are no rows.
      spanning: (first line, number of lines) of the rows in `frame` that span lines.
      places: the place of each row of `frame` among all rows of the block, bad ones too, int [n]; None if no row is
        bad.
    """

    frame: pl.DataFrame
    bad: list[BadRow]
    blank: int = 0
    spanning: Sequence[tuple[int, int]] = ()
    places: np.ndarray | None = None


def places_of(lines: np.ndarray, bad: Sequence[BadRow]) -> np.ndarray | None:
    """Returns `Raw.places`.

    Args:
      lines: number of the first line of each row that is not bad, as in `BadRow.line`, int [n], ascending.
      bad: the bad rows.
    """
    if not bad:
        return None
    return np.arange(len(lines)) + np.searchsorted(np.sort([row.line for row in bad]), lines)


class _Malformed(Exception):
    """A block that must be parsed cell by cell."""


def parsed(
    block: Block,
    layout: Layout,
    columns: Sequence[str],
    label: LabelPlan | None,
    check: Check | None = None,
    unseen: set[str] | None = None,
) -> Raw:
    """Parses the named columns of a block.

    A sound block is parsed at once. A block with anything wrong in it is parsed as text, cell by cell.

    Args:
      block: whole rows.
      layout: the layout of the rows.
      columns: names of the columns to return.
      label: the rule of the label, or None if the rows have no labels.
      check: finds rows from which columns cannot be derived.
      unseen: values that mean missing and have not occurred yet; those that occur are removed from it if the layout
        strips blanks.

    Raises UsageError if the bytes are not UTF-8.
    """
    if not layout.strip:
        try:
            frame = _strict(block, layout, columns)
            if (label is None or not np.isnan(labels_of(frame, label)).any()) and not (check and check(frame)):
                return Raw(frame, [])
        except (_Malformed, pl.exceptions.PolarsError):
            pass
    return _careful(block, layout, columns, label, check, unseen)


def sound_rows(
    layout: Layout, columns: Sequence[str], label: LabelPlan | None
) -> Callable[[Sequence[list[str]]], bool]:
    """Returns a function that takes rows as lists of cells and says whether at least one can be a row of the table."""

    def sound(rows: Sequence[list[str]]) -> bool:
        frame = _of_cells(rows, len(layout.columns)).select(_chosen(layout, columns))
        return len(checked(frame, _kinds(layout, columns), layout, label)[1]) < len(rows)

    return sound


def _kinds(layout: Layout, columns: Sequence[str]) -> dict[str, str]:
    """Returns the types of the named columns, in the order of the layout."""
    wanted = set(columns)
    return {name: kind for name, kind in layout.columns if name in wanted}


def _strict(block: Block, layout: Layout, columns: Sequence[str]) -> pl.DataFrame:
    """Parses a block at once. Raises _Malformed or PolarsError if anything in it may be wrong."""
    text = block.text
    rows = occurrences(text, NEWLINE) + (not text.endswith(NEWLINE))
    if b'\0' in text or (layout.quote is not None and layout.quote.encode() in text):
        raise _Malformed
    if len(layout.columns) == 1 and (text.startswith(NEWLINE) or 2 * NEWLINE in text):
        raise _Malformed  # blank lines, which are no rows
    # Too few columns would pass as missing values; too many are an error of the parser's own.
    if occurrences(text, block.separator) != rows * (len(layout.columns) - 1):
        raise _Malformed
    types = [TYPES['text'] if kind == 'hexadecimal' else TYPES[kind] for _, kind in layout.columns]
    frame = _read(text, block.separator, None, types).select(_chosen(layout, columns))
    if frame.height != rows:
        raise _Malformed
    kinds = _kinds(layout, columns)
    if any(frame[name].null_count() for name in layout.required if name in kinds):
        raise _Malformed
    for name in (name for name, kind in kinds.items() if kind == 'real'):
        if layout.decimal != '.' or layout.thousands or (infinities(frame[name]) | frame[name].is_nan()).any():
            raise _Malformed
    whole = [name for name in columns if kinds[name] == 'hexadecimal']
    if whole:
        if frame.select(pl.any_horizontal((pl.col(name).str.len_bytes() != 8).any() for name in whole)).item():
            raise _Malformed
        frame = frame.with_columns(pl.col(whole).str.to_integer(base=16, dtype=pl.UInt32))
    return frame


def _careful(
    block: Block,
    layout: Layout,
    columns: Sequence[str],
    label: LabelPlan | None,
    check: Check | None,
    unseen: set[str] | None,
) -> Raw:
    """Parses a block as text, cell by cell, and sets bad rows aside. Raises UsageError if it is not UTF-8."""
    if not block.text.isascii():
        as_text(block.path, block.text, block.first_line)
    lines, wanted, bad, blank = Lines(block, layout), len(layout.columns), dict(block.quoted.faults), 0
    counts = lines.counts()
    wrong = np.flatnonzero(lines.plain & ((counts != wanted) | (lines.starts == lines.ends)))
    lines.plain[wrong] = False
    for line, text in zip(wrong.tolist(), lines.rows(wrong), strict=True):
        if text.strip():
            bad[line] = (
                f'it has {counted(counts[line], "column")}, not {wanted}'
                + ', and a carriage return within it' * (b'\r' in text)
            )
        else:
            blank += 1
    own: dict[int, list[str]] = {}
    if layout.quote is not None and len(block.quoted.own_way):
        dialect = Dialect(block.separator, layout.quote, layout.strip)
        own = {
            line: dialect.cells(text.decode())
            for line, text in zip(block.quoted.own_way.tolist(), lines.rows(block.quoted.own_way), strict=True)
        }
    bad |= {
        line: f'it has {counted(len(cells), "column")}, not {wanted}'
        for line, cells in own.items()
        if len(cells) != wanted
    }
    if b'\0' in block.text:
        bad |= dict.fromkeys(lines.heads(lines.places(b'\0')), 'it has a NUL character')
    lines.plain[list(bad)] = False
    own = {line: cells for line, cells in own.items() if line not in bad}
    rows = np.concatenate([np.flatnonzero(lines.plain), np.fromiter(own, np.int64)])
    frame = _texts(lines, list(own.values()), columns)
    if own:
        order = np.argsort(rows)
        rows, frame = rows[order], frame[order]
    typed, reasons = checked(frame, _kinds(layout, columns), layout, label, check, unseen)
    found = lines.bad(bad | {int(rows[row]): reason for row, reason in reasons.items()})
    if reasons:
        kept = ~np.isin(np.arange(len(rows)), list(reasons))
        typed, rows = typed.filter(kept), rows[kept]
    spans = lines.spans(rows)
    wide = [(block.first_line + int(rows[row]), int(spans[row])) for row in np.flatnonzero(spans > 1)]
    return Raw(typed, sorted(found), blank, wide, places_of(block.first_line + rows, found))


def _texts(lines: Lines, own: list[list[str]], columns: Sequence[str]) -> pl.DataFrame:
    """Returns columns of text: the cells of the plain lines, then the rows in `own`, which are given as cells."""
    layout, separator = lines.layout, lines.block.separator
    width, expected, kept = len(layout.columns), int(lines.plain.sum()), lines.kept()
    try:
        frame = _read(kept, separator, layout.quote, [TYPES['text']] * width) if expected else _of_cells([], width)
    except pl.exceptions.PolarsError:
        frame = _of_cells([], width)
    if frame.height != expected:  # in case the CSV parser finds other rows than the lines
        cut = (
            Dialect(separator, layout.quote, layout.strip).cells
            if layout.quote
            else lambda row: row.split(separator.decode())
        )
        frame = _of_cells([cut(row) for row in kept.decode().removesuffix('\n').split('\n')], width)
    frame = pl.concat([frame, _of_cells(own, width)]) if own else frame
    if separator != layout.separator.encode() and layout.quote is not None:
        frame = frame.with_columns(pl.all().str.replace_all(separator.decode(), layout.separator, literal=True))
    return frame.select(_chosen(layout, columns))


def _of_cells(rows: Sequence[list[str]], width: int) -> pl.DataFrame:
    """Returns rows, given as cells, as columns of text named by their places."""
    columns = zip(*rows, strict=True) if rows else [()] * width
    return pl.DataFrame({str(place): pl.Series(values, dtype=pl.String) for place, values in enumerate(columns)})


def _read(text: bytes, separator: bytes, quote: str | None, types: Sequence[pl.DataType]) -> pl.DataFrame:
    """Parses rows into columns named by their places, because a file may have two unused columns of one name."""
    schema = {str(place): dtype for place, dtype in enumerate(types)}
    return pl.read_csv(text, has_header=False, separator=separator.decode(), quote_char=quote, schema=schema)


def _chosen(layout: Layout, columns: Sequence[str]) -> list[pl.Expr]:
    """Returns expressions that choose the named columns by their places and name them."""
    places = {name: place for place, (name, _) in enumerate(layout.columns)}
    return [pl.col(str(places[name])).alias(name) for name in columns]
