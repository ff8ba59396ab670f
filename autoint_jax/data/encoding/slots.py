"""Slots of a multivalued field: as many as the longest row needs, and what that costs where it is far longer than the others."""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from autoint_jax.data.encoding.plan import MOST_SLOTS
from autoint_jax.errors import UsageError

# Shares of the rows with values that a number of slots to be offered has room for: the first that leaves out the longest row and is
# within MOST_SLOTS.
USUAL_SHARES = (0.999, 0.99, 0.9, 0.5)
SHARE_MEANS_SOMETHING = 1000  # rows with values; of fewer, their number is said
COSTLY_BYTES, FAR_LONGER = (
    1_000_000,
    4,
)  # what is worth saying: bytes that fewer slots would save, and times the usual length


class Slots(NamedTuple):
    """Slots of a field, and a sentence that says what they cost; '' where there is nothing to say."""

    count: int
    note: str


def slots_of(name: str, lengths: Iterable[np.ndarray], rows: int) -> Slots:
    """The slots of a field that its declaration leaves to the data: those of the longest row.

    Args:
      name: of the field.
      lengths: numbers of values of the rows it is fitted on, block by block; 0 where a row has none.
      rows: of all splits, each of which has all slots.

    Raises:
      UsageError: the longest row has more than MOST_SLOTS values.
    """
    counts = np.zeros(1, np.int64)  # rows by their number of values
    for block in lengths:
        counted = np.bincount(block)
        counted[: min(len(counts), len(counted))] += counts[: len(counted)]
        counts = np.concatenate([counted, counts[len(counted) :]])
    with_values = np.cumsum(counts[1:])
    if not len(with_values) or not with_values[-1]:
        return Slots(1, '')
    most = int(np.flatnonzero(counts)[-1])
    usual, offer = _offer(with_values)
    if most > MOST_SLOTS:
        raise UsageError(
            f'field {name!r} has a row with {most:,} values, and every row would get as many slots, {MOST_SLOTS:,} at '
            f'most; {offer} keeps the first {usual} of each row'
        )
    saved = 4 * rows * (most - usual)
    far_longer = most >= FAR_LONGER * usual and with_values[-1] >= SHARE_MEANS_SOMETHING
    if (saved < COSTLY_BYTES and not far_longer) or most == usual:
        return Slots(most, '')
    return Slots(
        most,
        f'field {name!r} takes {most:,} slots in every row, as many as its longest row has values, '
        f'{_mega(4 * rows * most)} in all; {offer} takes {_mega(4 * rows * usual)} and keeps the first {usual} of each row',
    )


def _offer(with_values: np.ndarray) -> tuple[int, str]:
    """Slots that would do for nearly all rows, and the beginning of a sentence that offers them.

    `with_values` int [most values of a row]: how many rows have at most 1, 2, ... values.
    """
    all_rows = int(with_values[-1])
    for share in USUAL_SHARES:
        rows = max(1, min(math.ceil(share * all_rows), all_rows - 1))
        usual = 1 + int(np.searchsorted(with_values, rows))
        if usual <= MOST_SLOTS:
            part = f'{share:.1%} of the' if all_rows >= SHARE_MEANS_SOMETHING else f'{rows:,} of {all_rows:,}'
            return usual, f'{part} rows with values have at most {usual}: max_values: {usual} in the declaration'
    return MOST_SLOTS, f'max_values: {MOST_SLOTS} in the declaration'


def _mega(count: int) -> str:
    return f'{count / 1e6:,.1f} MB'
