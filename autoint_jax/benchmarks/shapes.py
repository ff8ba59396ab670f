"""Made-up data with given shapes."""

import functools
from typing import NamedTuple

import numpy as np

from autoint_jax.data.store.columns import Columns
from autoint_jax.models.layers.tables import table_of, table_rows
from autoint_jax.schema import CATEGORICAL, FieldSpec, Schema

PIECE_ROWS = 65536  # rows are drawn in pieces, so that float64 numbers of few rows are held at a time


class Shape(NamedTuple):
    """A shape is the number of ids of each categorical field."""

    cardinalities: tuple[int, ...]


def log_spaced(fields: int, smallest: int, total: int) -> tuple[int, ...]:
    """Returns numbers of ids that grow by one factor from `smallest` and sum to `total`.

    Args:
      fields: the number of fields.
      smallest: the number of ids of the smallest field.
      total: the sum, at least `fields * smallest`.
    """
    low, high = 1.0001, 10.0
    for _ in range(200):
        ratio = (low + high) / 2
        low, high = (ratio, high) if smallest * (ratio**fields - 1) / (ratio - 1) < total else (low, ratio)
    sizes = [max(smallest, int(smallest * ratio**number)) for number in range(fields)]
    sizes[-1] += total - sum(sizes)
    return tuple(sizes)


def criteo(features: int) -> Shape:
    """Returns the shape of Criteo: 13 bucketed numbers with 64 ids each and 26 categories; `features` ids in all."""
    return Shape((64,) * 13 + log_spaced(26, 4, features - 13 * 64))


SHAPES = {'ml1m': Shape(log_spaced(8, 2, 3500)), 'criteo': criteo(1_000_000)}


@functools.lru_cache(maxsize=2)
def made_up(shape: Shape, rows: int, seed: int) -> tuple[Schema, Columns]:
    """Makes rows whose ids are log-uniform in each field, with many repeats and a long tail.

    A quarter of the labels are 1.

    Args:
      shape: the number of ids of each field.
      rows: the number of rows.
      seed: the seed of the random numbers.

    Returns:
      The schema, and columns with ids [rows, f], no numbers [rows, 0] and labels [rows].
    """
    rng, sizes = np.random.default_rng(seed), np.array(shape.cardinalities)
    schema = Schema(
        tuple(FieldSpec(f'field_{number}', CATEGORICAL, size) for number, size in enumerate(shape.cardinalities))
    )
    ids = np.empty((rows, len(sizes)), np.int32)
    for start in range(0, rows, PIECE_ROWS):
        piece = ids[start : start + PIECE_ROWS]
        piece[:] = np.minimum(np.exp(rng.random(piece.shape) * np.log(sizes + 1.0)).astype(np.int64) - 1, sizes - 1)
    return schema, Columns(ids, np.zeros((rows, 0), np.float32), (rng.random(rows) < 0.25).astype(np.float32))


def distinct_rows(schema: Schema, columns: Columns, batch: int) -> int:
    """Returns the number of different table rows that the first batch reads."""
    return len(np.unique(table_rows(table_of(schema, 1, 0.0), columns.ids[:batch])))
