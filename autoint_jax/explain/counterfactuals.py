"""Rows in which some fields have the values of another row, and their scores.

A row x is explained beside a background row z. A counterfactual row has the values of x in some fields, which are kept,
and those of z in all others.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from autoint_jax.data.store.columns import Columns
from autoint_jax.schema import NUMERIC, Schema

# The most counterfactual rows that are made and scored at once, and the most values in them. Rows are scored in blocks
# of 16,384 (`BlockScorer`), whose slices are filled up, so few large pieces waste less than many small ones.
MOST_ROWS, MOST_VALUES = 1 << 20, 1 << 25

Score = Callable[[Columns], np.ndarray]  # columns [n] -> logits float32 [n], in their order


class Explained(NamedTuple):
    """Rows to explain, each with a background row.

    Attributes:
      schema: the fields, f.
      rows: the rows, [n].
      background: a row for each of them, [n].
    """

    schema: Schema
    rows: Columns
    background: Columns

    def part(self, rows: slice) -> 'Explained':
        """Some of the rows, with their background rows."""
        return Explained(self.schema, self.rows.part(rows), self.background.part(rows))

    @property
    def differing(self) -> np.ndarray:
        """Which fields have another value in a row than in its background row, bool [n, f].

        To replace one of the other fields changes nothing, so no score is needed for that.
        """
        ids = self.rows.ids != self.background.ids
        numeric = self.rows.numeric != self.background.numeric
        numeric &= ~(np.isnan(self.rows.numeric) & np.isnan(self.background.numeric))
        found = np.zeros((len(self.rows), len(self.schema.fields)), bool)
        for column, field in enumerate(slot_fields(self.schema)):
            found[:, field] |= ids[:, column]
        for column, field in enumerate(numeric_fields(self.schema)):
            found[:, field] |= numeric[:, column]
        return found


def slot_fields(schema: Schema) -> list[int]:
    """Returns the number of the field of each id slot."""
    numbers = {name: number for number, name in enumerate(schema.names)}
    return [numbers[field.name] for field in schema.id_fields for _ in range(field.max_values)]


def numeric_fields(schema: Schema) -> list[int]:
    """Returns the number of the field of each numeric column."""
    return [number for number, field in enumerate(schema.fields) if field.kind == NUMERIC]


def counterfactuals(explained: Explained, numbers: np.ndarray, kept: np.ndarray) -> Columns:
    """Returns counterfactual rows.

    Args:
      explained: the rows, [n].
      numbers: which row each counterfactual is made of, int [k].
      kept: the fields that it keeps, bool [k, f].
    """
    rows, background, schema = explained.rows, explained.background, explained.schema
    ids = np.where(kept[:, slot_fields(schema)], rows.ids[numbers], background.ids[numbers])
    numeric = np.where(kept[:, numeric_fields(schema)], rows.numeric[numbers], background.numeric[numbers])
    return Columns(ids, numeric, np.zeros(len(numbers), np.float32))


def scored(score: Score, explained: Explained, numbers: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Returns the logits of counterfactual rows, float32 [k]; the arguments are those of `counterfactuals`."""
    if not len(numbers):
        return np.zeros(0, np.float32)
    return score(counterfactuals(explained, numbers, kept))


def pieces(explained: Explained, of_a_row: int) -> Iterator[Explained]:
    """Yields successive rows of such a number that all of their counterfactuals can be scored at once.

    Args:
      explained: the rows.
      of_a_row: the most counterfactuals of a row.
    """
    width = explained.rows.ids.shape[1] + explained.rows.numeric.shape[1]
    count = max(1, min(MOST_ROWS, MOST_VALUES // max(1, width)) // of_a_row)
    for first in range(0, len(explained.rows), count):
        yield explained.part(slice(first, first + count))


def with_background(
    schema: Schema, rows: Columns, background: Columns | None, repeats: int, seed: int
) -> Sequence[Explained]:
    """Draws a background row for each row, several times.

    Args:
      schema: the fields.
      rows: the rows to explain, [n].
      background: the rows from which background rows are drawn; None for the others among `rows`.
      repeats: how many times.
      seed: seed of the draws.
    """
    rng, n, found = np.random.default_rng((2020, seed)), len(rows), []
    for _ in range(repeats):
        if background is None:  # never the row itself
            drawn = (np.arange(n) + rng.integers(1, max(n, 2), n)) % n
        else:
            drawn = rng.integers(0, len(background), n)
        found.append(Explained(schema, rows, taken(background or rows, drawn)))
    return found


def taken(columns: Columns, rows: np.ndarray) -> Columns:
    """Returns some rows of columns, int [n], in memory."""
    return Columns(*(np.asarray(column[rows]) for column in (columns.ids, columns.numeric, columns.labels)))
