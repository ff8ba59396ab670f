"""Decides by the rows below whether the first row of a table is a header, a row of names.

Each column gives a weight for its first cell as a name. Words above numbers are names. A cell that other rows repeat is
a value. A cell that no row repeats is a name if other values of the column do repeat.
"""

import math
from typing import NamedTuple

from autoint_jax.data.datasets.drafting.columns import MISSING, Column
from autoint_jax.data.datasets.drafting.yaml_text import shown

_SURE = 20.0  # a weight that outweighs a dozen columns of repeated text
_NUMBERED = 3  # columns from which 0, 1, 2, ... in the first row are numbers of columns


class Header(NamedTuple):
    """A decision about the header: whether it is present, and why, for a comment."""

    present: bool
    reason: str


def header_of(first: list[str], columns: list[Column]) -> Header:
    """Decides whether the first row is a header.

    Args:
      first: the cells of the first row.
      columns: the rows below it, with a column for each cell.
    """
    if not any(column.known for column in columns):
        return Header(True, 'there are no rows below it')
    if _counts_columns(first, columns):
        return Header(True, f'the first row counts the columns: {", ".join(first[:4])}, ...')
    weights = [(_weight(cell, column), cell, column) for cell, column in zip(first, columns, strict=True)]
    total = sum(weight for weight, _, _ in weights)
    weight, cell, column = max(weights, key=lambda item: abs(item[0]))
    if total > 0:
        below = 'above numbers' if column.is_numeric else 'above other values'
        return Header(
            True,
            f'{shown(cell)} stands {below} such as {shown(column.known[0])}'
            if weight > 0 and column.known
            else 'no row repeats what the first one holds',
        )
    if cell in column.counts:
        return Header(False, f'{shown(cell)} of the first row is a value of other rows too')
    return Header(
        False,
        f'the first row holds {shown(cell)}, a number as in the rows below'
        if _is_number(cell, column)
        else 'the first row is like the others',
    )


def _weight(cell: str, column: Column) -> float:
    """Returns the logarithm of how much likelier the cell is a name than a value.

    The chance that another value would be new is estimated as Good and Turing do, by the values that occur once.
    """
    rows = len(column.known)
    if not rows:
        return 0.1 if cell else 0.0
    if not cell:  # pandas writes an index without a name
        return -0.5 if rows < len(column.texts) else 0.0
    if column.is_numeric:
        if not _is_number(cell, column):
            return 0.0 if _may_be_missing(cell) else _SURE
        # A number may be a name, as a year is, but not often.
        return -4.0 if cell in column.counts or not column.numbers.whole else -2.0
    if cell in column.counts:
        return -6.0
    if _is_number(cell, column) and not column.missing_words():
        return 0.0
    single = sum(count == 1 for count in column.counts.values())
    unseen = (single + 1) / (rows + 1)
    return math.log(0.9 / unseen)


def _counts_columns(first: list[str], columns: list[Column]) -> bool:
    """Returns whether the first row is 0, 1, 2, ... or 1, 2, 3, ... and the columns below do not have these values.

    An index without a name may stand before the numbers.
    """
    cells = first[1:] if first and not first[0] else first
    if len(cells) < _NUMBERED or not all(
        cell.isascii() and cell.isdigit() and cell == str(int(cell)) for cell in cells
    ):
        return False
    numbers = list(map(int, cells))
    counted = numbers[0] in (0, 1) and numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    pairs = list(zip(cells, columns[-len(cells) :], strict=True))
    return counted and any(cell not in column.counts for cell, column in pairs[2:])


def _is_number(cell: str, column: Column) -> bool:
    """Returns whether a cell reads as a number by the marks of the column."""
    return column.with_texts([cell]).is_numeric


def _may_be_missing(cell: str) -> bool:
    """Returns whether a cell may mean a missing value."""
    return cell in MISSING or not any(letter.isalpha() for letter in cell)
