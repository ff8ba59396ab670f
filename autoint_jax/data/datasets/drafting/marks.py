"""Finds the marks before the fraction and between thousands of numbers."""

import re
from collections.abc import Sequence
from typing import NamedTuple

_VALUES = 1000  # most values of a column that are looked at
_THOUSANDS = (',', '.', ' ', "'", '\u00a0', '\u202f', '\u2019')


class Marks(NamedTuple):
    """The marks in numbers.

    Attributes:
      decimal: '.' or ','.
      thousands: a mark, or ''.
      example: a number that shows them.
      sure: False if the numbers could also be read with other marks.
    """

    decimal: str = '.'
    thousands: str = ''
    example: str = ''
    sure: bool = True


def marks_of(columns: Sequence[Sequence[str]], separator: str) -> Marks:
    """Returns the marks with which most columns read as numbers.

    Args:
      columns: the cells of each column, '' where missing.
      separator: the separator of columns. If it is a comma, `1,234` is more likely a thousand, else a fraction.
    """
    looked = [list(dict.fromkeys(cell for cell in cells if any(map(str.isdigit, cell))))[:_VALUES] for cells in columns]
    looked = [cells for cells in looked if cells]
    marked = [cells for cells in looked if not all(map(_plain().fullmatch, cells))]
    if not any(mark in cell for cells in marked for cell in cells for mark in (',', *_THOUSANDS[2:], '.')):
        return Marks()
    order = [('.', ','), (',', '')] if separator == ',' else [(',', ''), ('.', ',')]
    order += [(',', '.')] + [(decimal, thousands) for thousands in _THOUSANDS[2:] for decimal in '.,']
    base = _numeric(looked, '.', '')
    best, score = ('.', ''), base
    alike: list[tuple[str, str]] = []
    for decimal, thousands in order:
        found = _numeric(looked, decimal, thousands)
        if found > score:
            best, score, alike = (decimal, thousands), found, []
        elif found == score > base:
            alike.append((decimal, thousands))
    if best == ('.', ''):
        return Marks()
    form = _form(*best)
    example = next(
        cell for cells in marked for cell in cells if all(map(form.fullmatch, cells)) and not _plain().fullmatch(cell)
    )
    others = {cell for cells in marked if all(map(form.fullmatch, cells)) for cell in cells}
    rivals = [marks for marks in alike if marks[0] != best[0] and all(map(_form(*marks).fullmatch, others))]
    return Marks(*best, example, not rivals)


def _numeric(columns: Sequence[Sequence[str]], decimal: str, thousands: str) -> int:
    """Returns the number of columns whose cells are all numbers with these marks."""
    form = _form(decimal, thousands)
    return sum(all(map(form.fullmatch, cells)) for cells in columns)


def _plain() -> re.Pattern:
    """Returns the pattern of numbers with a decimal point and without marks between thousands."""
    return _form('.', '')


def _form(decimal: str, thousands: str) -> re.Pattern:
    """Returns a pattern of numbers with these marks; thousands are groups of three digits."""
    whole = rf'(?:\d+|\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+)' if thousands else r'\d+'
    return re.compile(rf'[+-]?(?:{whole}(?:{re.escape(decimal)}\d*)?|{re.escape(decimal)}\d+)(?:[eE][+-]?\d+)?')
