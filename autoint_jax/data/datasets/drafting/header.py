"""Whether the first row of a table holds names: told by the rows below it.

Each column weighs the two readings of its first cell. Words above numbers are names. A cell that other rows repeat is a
value; one that no row repeats, in a column where values do repeat, is a name.
"""

import math
from typing import NamedTuple

from autoint_jax.data.datasets.drafting.columns import MISSING, Column
from autoint_jax.data.datasets.drafting.yaml_text import shown

_SURE = 20.0  # outweighs what a dozen columns of repeated text can say
_NUMBERED = 3  # columns from which 0, 1, 2, ... in the first row are taken for numbers of columns


class Header(NamedTuple):
    """Whether there is a header, and why, as a comment."""

    present: bool
    reason: str


def header_of(first: list[str], columns: list[Column]) -> Header:
    """Judges the first row.

    Args:
      first: its cells.
      columns: the rows below it, a column for each cell.
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
    """The logarithm of how much likelier the cell is as a name than as a value."""
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
    unseen = (single + 1) / (rows + 1)  # Good and Turing: how likely another value would be new
    return math.log(0.9 / unseen)


def _counts_columns(first: list[str], columns: list[Column]) -> bool:
    """The first row is 0, 1, 2, ... or 1, 2, 3, ..., perhaps after an index without a name, and no column goes on so."""
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
    return column.with_texts([cell]).is_numeric


def _may_be_missing(cell: str) -> bool:
    return cell in MISSING or not any(letter.isalpha() for letter in cell)
