"""Embedding tables and the lookup. No other code of the forward pass sees whole tables.

The forward pass is split in two, so that an optimizer can touch only a batch's rows and tables can be sharded:
`lookup(tables, specs, batch) -> rows`, then `model.apply(variables, rows, batch) -> logits`.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from autoint_jax.schema import Batch, Schema

Tables = dict[str, jax.Array]  # name -> [v, d]
Rows = dict[str, jax.Array]  # name -> [b, slots of its fields, d]


class TableSpec(NamedTuple):
    """A table with a row for each id of some fields, one field after the other.

    Attributes:
      width: number of values in a row, d.
      stddev: initial values are drawn from N(0, stddev^2).
      rows: number of rows, v.
      columns: the id slots of a batch that the table serves.
      offsets: for each of these slots, the first row of its field.
    """

    width: int
    stddev: float
    rows: int
    columns: tuple[int, ...]
    offsets: tuple[int, ...]


def table_of(schema: Schema, width: int, stddev: float, names: Sequence[str] | None = None) -> TableSpec:
    """Returns the table of the named id fields (of all by default), in the schema's order."""
    columns: list[int] = []
    offsets: list[int] = []
    slots, rows = schema.slots, 0
    for field in schema.id_fields:
        if names is None or field.name in names:
            columns += range(slots[field.name].start, slots[field.name].stop)
            offsets += [rows] * field.max_values
            rows += field.cardinality
    return TableSpec(width, stddev, rows, tuple(columns), tuple(offsets))


def initial_tables(specs: dict[str, TableSpec], key: jax.Array) -> Tables:
    """Draws the initial tables {name: float32 [v, d]}.

    A table without rows, as a schema with only numeric fields has it, is left out, because a checkpoint cannot hold an
    empty array.
    """
    return {
        name: spec.stddev * jax.random.normal(jax.random.fold_in(key, number), (spec.rows, spec.width), jnp.float32)
        for number, (name, spec) in enumerate(sorted(specs.items()))
        if spec.rows
    }


def table_rows(spec: TableSpec, ids: Any) -> Any:
    """Turns ids within their fields, int32 [b, slots of the batch], into row numbers of a table, [b, slots of its
    fields].
    """
    if spec.columns != tuple(range(ids.shape[1])):
        ids = ids[:, np.asarray(spec.columns, np.int32)]
    return ids + np.asarray(spec.offsets, np.int32)


def lookup(tables: Tables, specs: dict[str, TableSpec], batch: Batch) -> Rows:
    """Returns the rows of tables that a batch needs.

    Ids are clipped, not checked, because prepared ids are in range.
    """
    found = {
        name: jnp.take(table, table_rows(specs[name], batch.ids), axis=0, mode='clip') for name, table in tables.items()
    }
    return found | empty_rows(specs, len(batch.labels))


def empty_rows(specs: dict[str, TableSpec], count: int) -> Rows:
    """Returns float32 [count, 0, d] for each table that was left out because it has no rows."""
    return {name: jnp.zeros((count, 0, spec.width), jnp.float32) for name, spec in specs.items() if not spec.rows}
