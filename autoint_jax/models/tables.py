"""Embedding tables and the lookup: the only code that sees whole tables.

The forward pass is split in two, so that an optimizer can touch only a batch's rows and tables can be sharded:
`lookup(tables, batch) -> rows`, then `model.apply(params, rows, batch) -> logits`.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from autoint_jax.schema import Batch, Schema

Tables = dict[str, jax.Array]  # name -> [v, d]
Rows = dict[str, jax.Array]  # name -> [b, slots, d]


class TableSpec(NamedTuple):
    """A table of all fields' ids, `width` values a row, drawn from N(0, stddev^2)."""

    width: int
    stddev: float


def initial_tables(specs: dict[str, TableSpec], schema: Schema, key: jax.Array) -> Tables:
    """Tables {name: float32 [v, d]}; v counts the ids of all fields, one field after the other."""
    return {
        name: spec.stddev * jax.random.normal(jax.random.fold_in(key, number), (schema.num_ids, spec.width))
        for number, (name, spec) in enumerate(sorted(specs.items()))
    }


def table_rows(schema: Schema, ids: Any) -> Any:
    """Ids within their fields -> row numbers of a table, int32 [b, slots]."""
    return ids + np.asarray(schema.slot_offsets, np.int32)


def lookup(tables: Tables, schema: Schema, batch: Batch) -> Rows:
    """The rows a batch needs, {name: [b, slots, d]}. Prepared ids are in range; they are clipped, not checked."""
    if not schema.num_slots:  # numeric fields only
        return {name: jnp.zeros((len(batch.labels), 0, table.shape[1])) for name, table in tables.items()}
    numbers = table_rows(schema, batch.ids)
    return {name: jnp.take(table, numbers, axis=0, mode='clip') for name, table in tables.items()}
