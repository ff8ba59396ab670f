"""The two parts of a request: the context, which all its candidates share, and the candidates."""

from collections.abc import Collection
from typing import NamedTuple

import jax
import jax.numpy as jnp

from autoint_jax.errors import UsageError
from autoint_jax.export.scored_function import Weights, rows_of
from autoint_jax.models.layers.embedding import in_order
from autoint_jax.models.layers.tables import TableSpec
from autoint_jax.schema import Batch, FieldSpec, Schema


class Part(NamedTuple):
    """The context of a request, or its candidates.

    Attributes:
      names: of its fields.
      batch: its ids and numbers, in the order of the schema.
      rows: the rows of its tables.
    """

    names: frozenset[str]
    batch: Batch
    rows: dict[str, jax.Array]


def parted(schema: Schema, context: Collection[str]) -> tuple[Schema, Schema]:
    """Returns the fields of the context and those of the candidates, each in the order of the schema.

    Raises:
      UsageError: a name is no field, or no field is left for the context or the candidates.
    """
    for name in context:
        if name not in schema.names:
            raise UsageError(f'the context names {name!r}, which is no field; the fields are {", ".join(schema.names)}')
    parts = [tuple(field for field in schema.fields if (field.name in context) is held) for held in (True, False)]
    if not all(parts):
        lacking = 'candidates' if parts[0] else 'context'
        raise UsageError(f'no field is left for the {lacking}: name some fields, and not all, as those of the context')
    return Schema(parts[0]), Schema(parts[1])


def batch_of(ids: jax.Array, numeric: jax.Array) -> Batch:
    """Returns a batch of rows without labels, from ids [b, slots] and numbers [b, numeric]."""
    b = ids.shape[0]
    return Batch(ids, numeric, jnp.zeros((b,), jnp.float32), jnp.ones((b,), jnp.float32))


def joined(fields: tuple[FieldSpec, ...], parts: list[Part], values: list[jax.Array], b: int) -> jax.Array:
    """Joins columns [1, ...] of the context and [b, ...] of the candidates to those of all fields."""
    places, sources = [0, 0], []
    wide = [jnp.broadcast_to(own, (b, own.shape[1])) for own in values]
    for field in fields:
        part = 0 if field.name in parts[0].names else 1
        sources += [(wide[part], places[part] + slot) for slot in range(field.max_values)]
        places[part] += field.max_values
    return in_order(sources) if sources else wide[1]


def rows_of_part(
    weights: Weights, table: str, spec: TableSpec, schema: Schema, half: Schema, ids: jax.Array
) -> jax.Array:
    """Returns the rows of a table that the fields of a part ask for, [b, slots of the part in the table, d]."""
    slots = [slot for name, own in schema.slots.items() if name in half.names for slot in range(own.start, own.stop)]
    held = [(slots.index(slot), first) for slot, first in zip(spec.columns, spec.offsets, strict=True) if slot in slots]
    if not held:
        return jnp.zeros((ids.shape[0], 0, spec.width), jnp.float32)
    columns, offsets = zip(*held, strict=True)
    return rows_of(weights, table, spec._replace(columns=columns, offsets=offsets), ids)
