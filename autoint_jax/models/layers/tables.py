"""Embedding tables and the lookup. No other code of the forward pass sees whole tables.

The forward pass is split in two, so that an optimizer can touch only a batch's rows and tables can be sharded:
`lookup(tables, specs, batch) -> rows`, then `model.apply(variables, rows, batch) -> logits`.

A table that is whole on every device is [v, d]. A table that is split over T devices is stored as blocks of 64 rows,
[blocks, 64, d], in the same order: row r is place r % 64 of block r // 64, and zeros fill the last block. Each device
holds 64 / T neighbouring places of every block, its part. So rows that are looked up often, which stand together in a
field, are spread over the devices, and the stored array is the same for every T. This module alone knows that order.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from autoint_jax.models.layers.randomness import normal_values
from autoint_jax.schema import Batch, Schema

PLACES = 64  # rows of a block; the number of devices that split a table divides it
DRAWN_ROWS = 1 << 15  # rows of a part that are drawn at a time

Tables = dict[str, jax.Array]  # name -> [v, d], or [blocks, 64, d] if they are split
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
        name: specs[name].stddev * jax.random.normal(own, (specs[name].rows, specs[name].width), jnp.float32)
        for name, own in table_keys(specs, key).items()
    }


def table_keys(specs: dict[str, TableSpec], key: jax.Array) -> dict[str, jax.Array]:
    """Returns {name: key} of the tables with rows, with which their initial values are drawn."""
    numbered = enumerate(sorted(specs.items()))
    return {name: jax.random.fold_in(key, number) for number, (name, spec) in numbered if spec.rows}


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
    found = {name: _rows_of(table, table_rows(specs[name], batch.ids)) for name, table in tables.items()}
    return found | empty_rows(specs, len(batch.labels))


def _rows_of(table: jax.Array, numbers: jax.Array) -> jax.Array:
    """Returns rows [..., d] of a table, which may be split."""
    if table.ndim == 2:
        return jnp.take(table, numbers, axis=0, mode='clip')
    return table.at[numbers // PLACES, numbers % PLACES].get(mode='clip')


def empty_rows(specs: dict[str, TableSpec], count: int) -> Rows:
    """Returns float32 [count, 0, d] for each table that was left out because it has no rows."""
    return {name: jnp.zeros((count, 0, spec.width), jnp.float32) for name, spec in specs.items() if not spec.rows}


def block_count(rows: int) -> int:
    """Returns the number of blocks of a split table of so many rows."""
    return -(-rows // PLACES)


def part_rows(rows: int, parts: int) -> int:
    """Returns the number of rows of each part of a table of `rows` rows, with those that fill the last block."""
    return block_count(rows) * (PLACES // parts)


def numbers_in_part(numbers: jax.Array, part: Any, parts: int, rows: int) -> jax.Array:
    """Turns row numbers [n] of a table into row numbers within one of its parts.

    A row that is not in the part, or not in the table, gets the number `part_rows`, which is past the part's end.

    Args:
      numbers: int32 [n].
      part: the number of the part.
      parts: number of parts of the table.
      rows: rows of the table, v.
    """
    each = PLACES // parts
    block, place = numbers // PLACES, numbers % PLACES
    held = (place // each == part) & (numbers < rows)
    return jnp.where(held, block * each + place % each, part_rows(rows, parts))


def whole_numbers(at: jax.Array, part: Any, parts: int) -> jax.Array:
    """Returns the numbers in the whole table of rows `at` of a part; v or more for rows that only fill the last block.

    It is the inverse of `numbers_in_part`, whose arguments it takes.
    """
    each = PLACES // parts
    return at // each * PLACES + part * each + at % each


def places_by_part(numbers: jax.Array, parts: int, rows: int) -> jax.Array:
    """Turns row numbers [n] of a table into places, which count the rows of all parts, one part after the other.

    Row i of part p has the place p * part_rows + i. A row that is not in the table gets the place past the last part.

    Args:
      numbers: int32 [n].
      parts: number of parts of the table.
      rows: rows of the table, v.
    """
    each, size = PLACES // parts, part_rows(rows, parts)
    block, place = numbers // PLACES, numbers % PLACES
    return jnp.where(numbers < rows, place // each * size + block * each + place % each, parts * size)


def initial_part(spec: TableSpec, key: jax.Array, part: Any, parts: int) -> jax.Array:
    """Draws the rows of a part, float32 [part_rows, d], with the values that `initial_tables` draws for them.

    It draws a few rows at a time, so that it needs little memory beside the part.

    Args:
      spec: the table.
      key: the key of the table, from `table_keys`.
      part: the number of the part.
      parts: number of parts of the table.
    """
    count = part_rows(spec.rows, parts)
    drawn = min(DRAWN_ROWS, count)

    def draw(turn, table):
        first = jnp.minimum(turn * drawn, count - drawn)  # the last rows may be drawn twice
        at = first + jnp.arange(drawn, dtype=jnp.int32)
        numbers = whole_numbers(at, part, parts)
        values = np.float32(spec.stddev) * normal_values(key, numbers, spec.width)
        return jax.lax.dynamic_update_slice(table, jnp.where(numbers[:, None] < spec.rows, values, 0), (first, 0))

    return jax.lax.fori_loop(0, -(-count // drawn), draw, jnp.zeros((count, spec.width), jnp.float32))
