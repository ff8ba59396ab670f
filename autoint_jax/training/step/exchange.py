"""The exchange of rows of tables between the devices that need them and the devices that hold them.

The gathered form: all devices learn all row numbers and all gradients of a batch. A device reads the rows that it holds
for the devices of its row of the mesh, and each of these gets the sum of what was read for it, in which all but one
summand are zero. Then each device updates the rows that it holds by the gradients of the whole batch.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from autoint_jax.models.layers.tables import (
    Rows,
    Tables,
    TableSpec,
    empty_rows,
    lookup,
    numbers_in_part,
    part_rows,
    table_rows,
)
from autoint_jax.schema import Batch
from autoint_jax.training.step.placement import DATA_AXIS, TABLE_AXIS, batch_axes, table_parts
from autoint_jax.training.tables.optimizer import TableOptimizer


class Exchange(NamedTuple):
    """How a device reads the rows of its part of a batch, and how their gradients reach the devices that hold them.

    The functions run on one device. `table` and `slots` are what it holds: all rows or a part.

    Attributes:
      named: numbers [n] of rows of the whole table, v or more for padding -> what `read` and `update` take.
      read: (table, slots, named, step) -> rows [n, d] as of `step` steps.
      received: (named, gradients [n, d]) -> gradients as `squares` and `update` take them, those of all devices.
      squares: (table, slots, named, gradients received, step) -> the sum of the squares of the gradients of all rows of
        the batch, float32 [].
      update: (table, slots, named, gradients received, step, factor of gradients or None) -> table and slots as of
        `step + 1` steps.
    """

    named: Callable[[jax.Array], Any]
    read: Callable[[jax.Array, Any, Any, jax.Array], jax.Array]
    received: Callable[[Any, jax.Array], jax.Array]
    squares: Callable[[jax.Array, Any, Any, jax.Array, jax.Array], jax.Array]
    update: Callable[..., tuple[jax.Array, Any]]


def exchange(optimizer: TableOptimizer, spec: TableSpec, mesh: Mesh | None) -> Exchange:
    """Returns the exchange of a table over a mesh. It communicates only along axes with several devices.

    Args:
      optimizer: the optimizer of the table.
      spec: the table.
      mesh: the devices; None for one device.
    """
    axes = () if mesh is None else batch_axes(mesh)
    if mesh is None or not axes:
        return Exchange(
            lambda numbers: optimizer.named(numbers, spec.rows),
            optimizer.read,
            lambda named, gradients: gradients,
            optimizer.squares,
            optimizer.update,
        )
    if table_parts(mesh) == 1:
        return _of_whole_tables(optimizer, spec, axes)
    return _of_parts(optimizer, spec, mesh, axes)


def _of_whole_tables(optimizer: TableOptimizer, spec: TableSpec, axes: tuple[str, ...]) -> Exchange:
    """Returns the exchange of devices that all hold the whole table: each reads for itself, all update all rows."""

    def named(numbers):
        everyone = jax.lax.all_gather(numbers, axes, tiled=True)
        return optimizer.named(numbers, spec.rows), optimizer.named(everyone, spec.rows)

    def read(table, slots, named, step):
        return optimizer.read(table, slots, named[0], step)

    def received(named, gradients):
        return jax.lax.all_gather(gradients, axes, tiled=True)

    def squares(table, slots, named, gradients, step):
        return optimizer.squares(table, slots, named[1], gradients, step)

    def update(table, slots, named, gradients, step, scale=None):
        return optimizer.update(table, slots, named[1], gradients, step, scale)

    return Exchange(named, read, received, squares, update)


class _Named(NamedTuple):
    """The rows of a batch that a device holds.

    Attributes:
      asked: the rows that the devices of its row of the mesh ask for, from the optimizer's `named`.
      held: which of them it holds, bool [n * devices of the row].
      updated: the rows of the whole batch, from the optimizer's `named`.
    """

    asked: Any
    held: jax.Array
    updated: Any


def _of_parts(optimizer: TableOptimizer, spec: TableSpec, mesh: Mesh, axes: tuple[str, ...]) -> Exchange:
    """Returns the exchange of devices that each hold a part of the table."""
    parts = table_parts(mesh)

    def named(numbers):
        everyone = own_numbers(jax.lax.all_gather(numbers, axes, tiled=True), spec, parts)
        asked = everyone
        if DATA_AXIS in axes:
            size = parts * len(numbers)
            asked = jax.lax.dynamic_slice(everyone, (jax.lax.axis_index(DATA_AXIS) * size,), (size,))
        count = part_rows(spec.rows, parts)
        return _Named(optimizer.named(asked, count), asked < count, optimizer.named(everyone, count))

    def read(table, slots, named, step):
        return _sent(optimizer.read(table, slots, named.asked, step), named.held)

    def received(named, gradients):
        return jax.lax.all_gather(gradients, axes, tiled=True)

    return Exchange(named, read, received, *updates_of_part(optimizer))


def updates_of_part(optimizer: TableOptimizer) -> tuple[Callable, Callable]:
    """Returns `squares` and `update` of an exchange whose devices update the rows `named.updated` of their parts."""

    def squares(table, slots, named, gradients, step):
        return jax.lax.psum(optimizer.squares(table, slots, named.updated, gradients, step), TABLE_AXIS)

    def update(table, slots, named, gradients, step, scale=None):
        return optimizer.update(table, slots, named.updated, gradients, step, scale)

    return squares, update


def own_numbers(numbers: jax.Array, spec: TableSpec, parts: int) -> jax.Array:
    """Returns row numbers within the part of this device; a number past its end for rows that it does not hold."""
    return numbers_in_part(numbers, jax.lax.axis_index(TABLE_AXIS), parts, spec.rows)


def _sent(rows: jax.Array, held: jax.Array) -> jax.Array:
    """Returns the rows [n, d] that a device asked for, from the rows [n * parts, d] that each device reads for all."""
    mine = jnp.where(held[:, None], rows, 0)
    return jax.lax.psum_scatter(mine, TABLE_AXIS, scatter_dimension=0, tiled=True)


def device_lookup(specs: dict[str, TableSpec], mesh: Mesh) -> Callable[[Tables, Batch], Rows]:
    """Returns `tables.lookup` for a device of a mesh: (its tables, its rows as a batch) -> the rows that they need."""
    parts = table_parts(mesh)
    if parts == 1:
        return lambda tables, batch: lookup(tables, specs, batch)

    def found(table, spec, ids):
        numbers = table_rows(spec, ids)  # [b, slots of the table]
        asked = own_numbers(jax.lax.all_gather(numbers.reshape(-1), TABLE_AXIS, tiled=True), spec, parts)
        rows = _sent(table.at[asked].get(mode='clip'), asked < len(table))
        return rows.reshape(*numbers.shape, table.shape[1])

    return lambda tables, batch: (
        {name: found(table, specs[name], batch.ids) for name, table in tables.items()}
        | empty_rows(specs, len(batch.labels))
    )
