"""Turns columns of text into typed columns, and says which cells are not of their column's type."""

import re
from collections.abc import Callable, Iterator

import numpy as np
import polars as pl

from autoint_jax.data.raw.labels import LabelPlan, labels_of, refusal, weight_refusal, wrong_weights
from autoint_jax.data.text.layout import TYPES, Layout

# Takes typed columns, and returns {row: why it is bad}. It finds rows from which columns cannot be derived.
Check = Callable[[pl.DataFrame], dict[int, str]]

_NOUNS = {
    'hexadecimal': 'eight hexadecimal digits',
    'integer': 'a whole number',
    'unsigned': 'a whole number, 0 or more',
    'real': 'a number',
    'text': 'text',
}
_MARKED = re.compile(r"[+-]?\d+([.,' ]\d+)+")
_SPACES = ' \u00a0\u202f'


def checked(
    frame: pl.DataFrame,
    kinds: dict[str, str],
    layout: Layout,
    label: LabelPlan | None,
    check: Check | None = None,
    unseen: set[str] | None = None,
) -> tuple[pl.DataFrame, dict[int, str]]:
    """Turns columns of text into typed columns, and finds the rows with a cell that is not allowed.

    In real columns, `nan` is a missing number. An infinite number, or one too large for float32, is missing if the
    layout says so; otherwise it makes its row bad.

    Args:
      frame: the cells as text [n], null or '' where missing.
      kinds: types by column, as keys of TYPES. Columns are returned in this order.
      layout: the marks of numbers, the values that mean missing and the required columns.
      label: the rule of the label, or None if the rows have no labels.
      check: finds rows from which columns cannot be derived.
      unseen: values that mean missing and have not occurred yet; those that occur are removed from it.

    Returns the typed columns [n], null where missing, and {row: why it is bad}.
    """
    frame = frame.with_columns(pl.all().str.strip_chars()) if layout.strip else frame
    if unseen:
        for column in frame.iter_columns():
            unseen.difference_update(column.filter(column.is_in(list(unseen))).unique())
    frame = frame.with_columns(pl.all().replace(dict.fromkeys(('', *layout.missing))))
    typed = frame.select(_typed(name, kind, layout) for name, kind in kinds.items())
    reasons: dict[int, str] = {}
    for name, kind in kinds.items():
        is_label = label is not None and name == label.column and kind == 'real'
        more = ' (a declaration can list labels that are words under positive: and negative:)' * is_label
        for row, cell in _cells(frame[name], typed[name].is_null() & frame[name].is_not_null()):
            reasons.setdefault(row, _wrong_type(name, cell, kind, layout) + more)
        if kind == 'real':
            infinite = infinities(typed[name])
            if layout.infinite == 'bad' and not (label is not None and name == label.weight):
                for row, cell in _cells(frame[name], infinite):
                    reasons.setdefault(
                        row,
                        f'column {name!r} holds {(cell or "")[:40]!r}, which is infinite or too large for '
                        f'float32 (infinite: missing in the declaration would take it as missing)',
                    )
            typed = typed.with_columns(typed[name].set(infinite | typed[name].is_nan(), None))
    for name in layout.required:
        for row, _ in _cells(frame[name], typed[name].is_null()) if name in kinds else ():
            reasons.setdefault(
                row,
                f'column {name!r}, the time that the split needs, is missing (missing_time: in the declaration '
                f'says where such rows belong)',
            )
    if label is not None:
        for row, cell in _cells(frame[label.column], pl.Series(np.isnan(labels_of(typed, label)))):
            reasons.setdefault(row, refusal(label, cell))
        if label.weight is not None:
            for row, cell in _cells(frame[label.weight], wrong_weights(typed, label.weight)):
                reasons.setdefault(row, weight_refusal(label.weight, cell))
    for row, reason in (check(typed) if check is not None else {}).items():
        reasons.setdefault(row, reason)
    return typed, reasons


def infinities(numbers: pl.Series) -> pl.Series:
    """Returns which real numbers are infinite in float32, bool [n]. NaN and missing numbers are not."""
    return numbers.cast(pl.Float32).is_infinite().fill_null(False)


def _cells(texts: pl.Series, wanted: pl.Series) -> Iterator[tuple[int, str | None]]:
    """Yields (row, cell) for the rows where `wanted`, bool [n], is true."""
    rows = wanted.arg_true()
    return zip(rows.to_list(), texts.gather(rows).to_list(), strict=True)


def _typed(name: str, kind: str, layout: Layout) -> pl.Expr:
    """Returns the expression that turns a column of text into its type; cells of another type become null."""
    column = pl.col(name)
    if kind == 'hexadecimal':
        eight = pl.when(column.str.len_bytes() == 8).then(column)
        return eight.str.to_integer(base=16, dtype=pl.UInt32, strict=False)
    if kind == 'real' and (layout.decimal != '.' or layout.thousands):
        column = _with_a_point(column, layout)
    return column.cast(TYPES[kind], strict=False)


def _with_a_point(column: pl.Expr, layout: Layout) -> pl.Expr:
    """Returns numbers with a decimal point and without other marks; null where the marks stand at wrong places."""
    mark, point = (
        f'[{_SPACES}]' if layout.thousands == ' ' else pl.escape_regex(layout.thousands),
        pl.escape_regex(layout.decimal),
    )
    grouped = rf'|\d{{1,3}}(?:{mark}\d{{2,3}})*{mark}\d{{3}}' if layout.thousands else ''
    form = rf'^[+-]?(?:(?:(?:\d+{grouped})(?:{point}\d*)?|{point}\d+)(?:[eE][+-]?\d+)?|(?i:inf|infinity|nan))$'
    bare = column.str.replace_all(mark, '') if layout.thousands else column
    return pl.when(column.str.contains(form)).then(bare.str.replace(layout.decimal, '.', literal=True))


def _wrong_type(name: str, cell: str | None, kind: str, layout: Layout) -> str:
    """Returns the reason of a row with a cell that is not of its column's type."""
    cell = cell or ''
    reason = f'column {name!r} holds {cell[:40]!r}, not {_NOUNS[kind]}'
    if kind == 'real' and _MARKED.fullmatch(cell):
        reason += f' with the decimal mark {layout.decimal!r}'
        reason += f' and the thousands mark {layout.thousands!r}' if layout.thousands else ''
        reason += ' (see decimal: and thousands: in the declaration)'
    return reason
