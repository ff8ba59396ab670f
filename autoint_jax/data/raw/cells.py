"""Cells of text -> typed columns, and what is wrong with those that are not of their column's type."""

import re
from collections.abc import Callable, Iterator

import numpy as np
import polars as pl

from autoint_jax.data.raw.labels import LabelPlan, labels_of, refusal
from autoint_jax.data.text.layout import TYPES, Layout

# Typed columns -> {row: why it is bad}, where something is derived from columns that not every value of their type allows.
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
    """Columns of text -> typed columns, and {row: reason} of rows with a cell that is not allowed.

    Of real columns, `nan` is a missing number. An infinite number, or one too large for float32, is missing if the layout
    says so, and otherwise makes its row bad. Values that mean missing and occur are taken out of `unseen`.
    """
    frame = frame.with_columns(pl.all().str.strip_chars()) if layout.strip else frame
    for column in frame.iter_columns() if unseen else ():
        unseen.difference_update(column.filter(column.is_in(list(unseen))).unique())
    frame = frame.with_columns(pl.all().replace(dict.fromkeys(('', *layout.missing))))
    typed = frame.select(_typed(name, kind, layout) for name, kind in kinds.items())
    reasons: dict[int, str] = {}
    for name, kind in kinds.items():
        is_label = label is not None and name == label.column and kind == 'real'
        more = ' (list labels that are words under positive: and negative: in the declaration)' * is_label
        for row, cell in _cells(frame[name], typed[name].is_null() & frame[name].is_not_null()):
            reasons.setdefault(row, _no(name, cell, kind, layout) + more)
        if kind == 'real':
            infinite = infinities(typed[name])
            if layout.infinite == 'bad':
                for row, cell in _cells(frame[name], infinite):
                    reasons.setdefault(
                        row,
                        f'column {name!r} holds {cell[:40]!r}, which is infinite or too large for '
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
    for row, reason in (check(typed) if check is not None else {}).items():
        reasons.setdefault(row, reason)
    return typed, reasons


def infinities(numbers: pl.Series) -> pl.Series:
    """Which real numbers are infinite in float32, bool [n]; NaN and missing ones are not."""
    return numbers.cast(pl.Float32).is_infinite().fill_null(False)


def _cells(texts: pl.Series, wanted: pl.Series) -> Iterator[tuple[int, str | None]]:
    """Some rows, each with its cell."""
    rows = wanted.arg_true()
    return zip(rows.to_list(), texts.gather(rows).to_list(), strict=True)


def _typed(name: str, kind: str, layout: Layout) -> pl.Expr:
    column = pl.col(name)
    if kind == 'hexadecimal':
        eight = pl.when(column.str.len_bytes() == 8).then(column)
        return eight.str.to_integer(base=16, dtype=pl.UInt32, strict=False)
    if kind == 'real' and (layout.decimal != '.' or layout.thousands):
        column = _with_a_point(column, layout)
    return column.cast(TYPES[kind], strict=False)


def _with_a_point(column: pl.Expr, layout: Layout) -> pl.Expr:
    """Numbers as computers write them; null where marks are not at their places."""
    mark, point = (
        f'[{_SPACES}]' if layout.thousands == ' ' else pl.escape_regex(layout.thousands),
        pl.escape_regex(layout.decimal),
    )
    grouped = rf'|\d{{1,3}}(?:{mark}\d{{2,3}})*{mark}\d{{3}}' if layout.thousands else ''
    form = rf'^[+-]?(?:(?:(?:\d+{grouped})(?:{point}\d*)?|{point}\d+)(?:[eE][+-]?\d+)?|(?i:inf|infinity|nan))$'
    bare = column.str.replace_all(mark, '') if layout.thousands else column
    return pl.when(column.str.contains(form)).then(bare.str.replace(layout.decimal, '.', literal=True))


def _no(name: str, cell: str, kind: str, layout: Layout) -> str:
    """Why a cell is not of its column's type."""
    reason = f'column {name!r} holds {cell[:40]!r}, not {_NOUNS[kind]}'
    if kind == 'real' and _MARKED.fullmatch(cell):
        reason += f' with the decimal mark {layout.decimal!r}'
        reason += f' and the thousands mark {layout.thousands!r}' if layout.thousands else ''
        reason += ' (see decimal: and thousands: in the declaration)'
    return reason
