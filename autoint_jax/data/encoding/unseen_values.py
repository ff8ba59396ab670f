"""Counts the values that no vocabulary holds, so that a report can name the most frequent ones, in bounded memory."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import polars as pl

from autoint_jax.data.encoding.value_texts import as_text
from autoint_jax.terminal import shown
from autoint_jax.units import counted

MOST_KEPT = 10_000  # values of a field that are counted; the rarer half is dropped when there are more
SHOWN_VALUES, SHOWN_FIELDS = 3, 20
VALUE, COUNT = 'value', 'count'
# There is a warning about a field if unseen values are in more than the share MANY of the rows, and in MORE of them
# than in training. A share of fewer than LEAST_ROWS rows says little.
MANY, MORE, LEAST_ROWS = 0.5, 0.1, 20
_WARNED = 8  # most fields that the warning names
_WIDEST = 40  # most characters of a value in the report


class Unseen(NamedTuple):
    """The unseen values of a field.

    Attributes:
      rows: number of rows with at least one such value.
      most: (value as text, its count) of the most frequent ones. If there are very many values, a count may be too low.
    """

    rows: int
    most: list[tuple[str, int]]


class UnseenValues:
    """Counts of values without an id of their own, which grow block by block.

    These are values that training rows did not have, or had too rarely. A field must be counted by one thread at a
    time.
    """

    def __init__(self, fields: Iterable[str]):
        """`fields`: the names of all fields that are counted."""
        self._counts: dict[str, pl.DataFrame | None] = dict.fromkeys(fields)  # the columns VALUE and COUNT
        self._rows = dict.fromkeys(self._counts, 0)

    def add(self, name: str, values: pl.Series, rows: int) -> None:
        """Adds unseen values [n] of a field, n > 0, none of which is null, which stand in so many rows."""
        counted = (_integers if values.dtype.is_integer() else _others)(values, self._counts[name])
        self._counts[name] = _most_frequent(counted, MOST_KEPT // 2) if counted.height > MOST_KEPT else counted
        self._rows[name] += rows

    def of(self, name: str) -> Unseen:
        """Returns the unseen values of a field."""
        counted = self._counts[name]
        counts = [] if counted is None else zip(as_text(counted[VALUE]), counted[COUNT].to_list(), strict=True)
        ordered = sorted(counts, key=lambda item: (-item[1], item[0]))
        return Unseen(self._rows[name], ordered[:SHOWN_VALUES])

    def lines(self, rows: int, usual: Mapping[str, float]) -> Iterator[str]:
        """Yields the report on `rows` rows: a line for each field with unseen values, the most affected first.

        Args:
          rows: number of rows.
          usual: {field: share of the training values that have no id of their own}, of fields where it is known.
        """
        affected = sorted((name for name, count in self._rows.items() if count), key=lambda name: -self._rows[name])
        if not affected:
            yield 'every value is one that the run knows'
            return
        yield 'values that the run does not know, by field (training rows did not have them, or too rarely):'
        for name in affected[:SHOWN_FIELDS]:
            unseen = self.of(name)
            most = ', '.join(f'{shown(value)[:_WIDEST]!r} ({count:,})' for value, count in unseen.most)
            yield f'  {shown(name)}: {counted(unseen.rows, "row")} ({_percent(unseen.rows / rows)}); most often {most}'
        if len(affected) > SHOWN_FIELDS:
            yield f'  and {counted(len(affected) - SHOWN_FIELDS, "field")} more'
        if warning := self.warning(rows, usual):
            yield f'WARNING: {warning}'

    def warning(self, rows: int, usual: Mapping[str, float]) -> str:
        """Returns a sentence about fields with far more unseen values than in training; '' if there is none.

        Args:
          rows: number of rows.
          usual: as for `lines`.
        """
        if rows < LEAST_ROWS:
            return ''
        many = [name for name, count in self._rows.items() if count / rows > max(MANY, usual.get(name, 0.0) + MORE)]
        if not many:
            return ''
        many.sort(key=lambda name: -self._rows[name])
        named = ', '.join(f'{shown(name)} ({_percent(self._rows[name] / rows)})' for name in many[:_WARNED])
        more = f' and {counted(len(many) - _WARNED, "field")} more' if len(many) > _WARNED else ''
        return (
            'far more rows have values that the run does not know than training rows had, in '
            f'{named}{more}: are they written as in the training files?'
        )


def _integers(values: pl.Series, before: pl.DataFrame | None) -> pl.DataFrame:
    """Adds integers [n] to the counts before, in ascending order. Sorting takes a tenth of the time of hashing."""
    ordered = np.sort(values.to_numpy())
    firsts = _firsts(ordered)
    counts = np.diff(np.append(firsts, len(ordered)))
    found = ordered[firsts]
    if before is not None:
        found = np.concatenate([before[VALUE].to_numpy(), found])
        order = np.argsort(found, kind='stable')  # which merges two ascending parts
        found, counts = found[order], np.concatenate([before[COUNT].to_numpy(), counts])[order]
        firsts = _firsts(found)
        found, counts = found[firsts], np.add.reduceat(counts, firsts)
    return pl.DataFrame([pl.Series(VALUE, found, values.dtype), pl.Series(COUNT, counts, pl.Int64)])


def _firsts(ordered: np.ndarray) -> np.ndarray:
    """Ascending values [n], n > 0 -> the places of those that differ from the one before, and 0."""
    return np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))


def _others(values: pl.Series, before: pl.DataFrame | None) -> pl.DataFrame:
    """Adds values of any type [n] to the counts before, in the order of their first places."""
    counted = values.to_frame(VALUE).group_by(VALUE, maintain_order=True).agg(pl.len().cast(pl.Int64).alias(COUNT))
    if before is None:
        return counted
    return pl.concat([before, counted]).group_by(VALUE, maintain_order=True).agg(pl.col(COUNT).sum())


def _most_frequent(counted: pl.DataFrame, most: int) -> pl.DataFrame:
    """Returns the `most` values with the largest counts, in their order; of those with the least one, the first."""
    counts = counted[COUNT].to_numpy()
    least = np.partition(counts, -most)[-most]
    above = np.flatnonzero(counts > least)
    equal = np.flatnonzero(counts == least)[: most - len(above)]
    return counted[np.sort(np.append(above, equal))]


def _percent(share: float) -> str:
    """A share above 0 in per cent."""
    return '<0.1%' if share < 0.0005 else f'{share:.1%}'
