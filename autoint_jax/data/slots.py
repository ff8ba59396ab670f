"""Slots of a multivalued field: as many as the longest row needs, and what that costs where it is far longer than the others."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from autoint_jax.data.declared_field import MOST_SLOTS
from autoint_jax.errors import UsageError

USUAL_SHARE = 0.999  # of the rows with values, that a number of slots to be offered has room for
COSTLY_BYTES, FAR_LONGER = 1_000_000, 4  # what is worth saying: bytes that fewer slots would save, and times the usual length


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
        counted[:min(len(counts), len(counted))] += counts[:len(counted)]
        counts = np.concatenate([counted, counts[len(counted):]])
    with_values = np.cumsum(counts[1:])
    if not len(with_values) or not with_values[-1]:
        return Slots(1, '')
    most = int(np.flatnonzero(counts)[-1])
    usual = 1 + int(np.searchsorted(with_values, USUAL_SHARE * with_values[-1]))
    offer = f'{USUAL_SHARE:.1%} of the rows with values have at most {usual}: max_values: {usual} in the declaration'
    if most > MOST_SLOTS:
        raise UsageError(f'field {name!r} has a row with {most:,} values, and every row would get as many slots, {MOST_SLOTS:,} at most; '
                         f'{offer} keeps the first {usual} of each row')
    saved = 4 * rows * (most - usual)
    if saved < COSTLY_BYTES and most < FAR_LONGER * usual or most == usual:
        return Slots(most, '')
    return Slots(most, f'field {name!r} takes {most:,} slots in every row, as many as its longest row has values, {_mega(4 * rows * most)} '
                       f'in all; {offer} takes {_mega(4 * rows * usual)} and keeps the first {usual} of each row')


def _mega(count: int) -> str:
    return f'{count / 1e6:,.1f} MB'
