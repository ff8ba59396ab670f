"""The all-to-all exchange of rows of split tables, with a capacity, and the step that falls back to the gathered one.

A device asks each device of its row of the mesh for the distinct rows that its part of the batch needs, and sends it
the summed gradients of these rows. What it sends to each has a fixed size, the capacity. The devices of a column of the
mesh hold the same rows of tables, and update them by what all of them have received.

If a device needs more rows of another one than the capacity, all devices take this step in the gathered form.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from autoint_jax.models.layers.tables import TableSpec, part_rows, places_by_part
from autoint_jax.training.step.exchange import Exchange, updates_of_part
from autoint_jax.training.step.placement import DATA_AXIS, TABLE_AXIS, batch_axes, table_parts
from autoint_jax.training.step.state import TrainState
from autoint_jax.training.tables.optimizer import DistinctRows, TableOptimizer, distinct_rows, summed


class Counted(NamedTuple):
    """The loss of a step in the all-to-all form, or the losses of several.

    Attributes:
      loss: float32 [...].
      overflowed: int32 [...], 1 if the step was taken in the gathered form.
    """

    loss: Any
    overflowed: Any


class _Named(NamedTuple):
    """The rows that a device asks for, T devices with at most C each, and those that it is asked for.

    Attributes:
      rows: the distinct rows of its part of the batch, by place (`places_by_part`).
      sent: int32 [T, C], for each device the indices in `rows` of what it is asked for.
      filled: bool [T, C], whether it is asked for a row there.
      got: int32 [n], for each place of the batch the index of its row among the T * C rows that come back.
      asked: what the devices of the row of the mesh ask of this one, from the optimizer's `named`.
      updated: what all devices ask of this one and of those that hold the same rows, from the optimizer's `named`.
      overflowed: bool [], whether this device needs more than C rows of another one.
    """

    rows: DistinctRows
    sent: jax.Array
    filled: jax.Array
    got: jax.Array
    asked: Any
    updated: Any
    overflowed: jax.Array


def all_to_all(optimizer: TableOptimizer, spec: TableSpec, mesh: Mesh, capacity: int) -> Exchange:
    """Returns the all-to-all exchange of a table. What `named` returns has a field `overflowed`; if that holds on any
    device, `read` and `received` leave out rows.

    Args:
      optimizer: the optimizer of the table.
      spec: the table.
      mesh: the devices, of which several split tables.
      capacity: the most distinct rows that a device asks of each device.
    """
    parts, count = table_parts(mesh), part_rows(spec.rows, table_parts(mesh))
    several_hold = DATA_AXIS in batch_axes(mesh)

    def named(numbers):
        rows = distinct_rows(places_by_part(numbers, parts, spec.rows), parts * count)
        starts = jnp.searchsorted(rows.numbers, jnp.arange(parts + 1, dtype=jnp.int32) * count).astype(jnp.int32)
        sent = starts[:-1, None] + jnp.arange(capacity, dtype=jnp.int32)
        filled = sent < starts[1:, None]
        sent = jnp.minimum(sent, len(numbers) - 1)
        first = jnp.arange(parts, dtype=jnp.int32)[:, None] * count  # the place of the first row of each part
        asked = _swapped(jnp.where(filled, rows.numbers[sent] - first, count).reshape(-1))
        part = jnp.minimum(rows.numbers // count, parts - 1)
        index = jnp.arange(len(numbers), dtype=jnp.int32) - starts[part]
        asked_named = updated_named = optimizer.named(asked, count)
        if several_hold:
            updated_named = optimizer.named(jax.lax.all_gather(asked, DATA_AXIS, tiled=True), count)
        return _Named(
            rows=rows,
            sent=sent,
            filled=filled,
            got=(part * capacity + jnp.minimum(index, capacity - 1))[rows.index_in_batch],
            asked=asked_named,
            updated=updated_named,
            overflowed=jnp.max(starts[1:] - starts[:-1]) > capacity,
        )

    def read(table, slots, named, step):
        return _swapped(optimizer.read(table, slots, named.asked, step))[named.got]

    def received(named, gradients):
        sent = jnp.where(named.filled[..., None], summed(gradients, named.rows)[named.sent], 0)
        found = _swapped(sent.reshape(parts * capacity, -1))
        return jax.lax.all_gather(found, DATA_AXIS, tiled=True) if several_hold else found

    return Exchange(named, read, received, *updates_of_part(optimizer))


def _swapped(values: jax.Array) -> jax.Array:
    """Returns what each device of the row of the mesh has for this one, from [T * C, ...] that this one has for all."""
    return jax.lax.all_to_all(values, TABLE_AXIS, 0, 0, tiled=True)


def taken_where_it_fits(
    fitting: Callable[[TrainState], tuple[TrainState, jax.Array]],
    otherwise: Callable[[TrainState], tuple[TrainState, jax.Array]],
    state: TrainState,
    named: dict[str, _Named],
    axes: tuple[str, ...],
) -> tuple[TrainState, Counted]:
    """Takes a step in one of two ways: returns the state after it, and its loss with whether it overflowed.

    All devices take the same one: collectives would wait for ever for a device that took the other one. They are loops
    of one turn or none, because XLA copies all tables for a conditional, but writes in place in a loop.

    Args:
      fitting: the step in the all-to-all form.
      otherwise: the step in the gathered form.
      state: what the device holds of the state.
      named: {name of a table: the rows of the batch, from the all-to-all exchange}.
      axes: the axes of the mesh that share a batch.
    """
    overflowed = jnp.stack([of_table.overflowed for of_table in named.values()]).any().astype(jnp.int32)
    overflowed = jax.lax.pmax(overflowed, axes)
    carry = state, jnp.zeros(())
    carry = jax.lax.fori_loop(0, 1 - overflowed, lambda _, carry: fitting(carry[0]), carry)
    state, loss = jax.lax.fori_loop(0, overflowed, lambda _, carry: otherwise(carry[0]), carry)
    return state, Counted(loss, overflowed)
