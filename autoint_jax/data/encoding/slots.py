"""How many slots a multivalued field gets, and the memory that a single long row costs."""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from autoint_jax.data.encoding.plan import MOST_SLOTS
from autoint_jax.errors import UsageError

# A smaller number of slots is offered that is enough for one of these shares of the rows with values: the first share
# that leaves out the longest row and needs at most MOST_SLOTS.
USUAL_SHARES = (0.999, 0.99, 0.9, 0.5)
SHARE_MEANS_SOMETHING = 1000  # of fewer rows with values, the number is told instead of a share
# A note is made if fewer slots would save so many bytes, or if the longest row has so many times the usual number of
# values.
COSTLY_BYTES, FAR_LONGER = 1_000_000, 4


class Slots(NamedTuple):
    """The slots of a multivalued field.

    Attributes:
      number: of slots.
      note: a sentence about what they cost; '' if there is nothing to note.
    """

    number: int
    note: str


def slots_of(name: str, lengths: Iterable[np.ndarray], rows: int) -> Slots:
    """Returns the slots of a field whose declaration does not give their number: as many as the longest row has values.

    Args:
      name: of the field.
      lengths: number of values of each row that the field is fitted on, int [n], block by block.
      rows: of all splits; each takes memory for all slots.

    Raises:
      UsageError: the longest row has more than MOST_SLOTS values.
    """
    counts = np.zeros(1, np.int64)  # counts[k]: rows with k values
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
        f'{_mega(4 * rows * most)} in all; {offer} takes {_mega(4 * rows * usual)} and keeps the first {usual} of each '
        'row',
    )


def _offer(with_values: np.ndarray) -> tuple[int, str]:
    """Returns a number of slots that is enough for most rows, and the beginning of a sentence that offers it.

    Args:
      with_values: int [most values of a row]; how many rows have at most 1, 2, ... values.
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
