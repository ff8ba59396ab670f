"""Reads tables of a checkpoint that are whole there and split on the mesh of the run, or split there and whole here.

Tables that are split over any number of devices have one stored form, so only these two cases need a change of form.
Rows have the same order in both forms (`models/layers/tables.py`).
"""

from typing import Any

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from autoint_jax.models.layers.tables import PLACES, block_count
from autoint_jax.training.checkpoints.state_sums import named_arrays
from autoint_jax.training.step.placement import EVERYWHERE, SPLIT, TABLE_AXIS, table_parts
from autoint_jax.training.step.state import TrainState

Shape = tuple[int, ...]


def split_shape(shape: Shape) -> Shape:
    """Returns the shape of an array of a split table, [blocks, 64, ...], from that of a whole one, [v, ...]."""
    return (block_count(shape[0]), PLACES, *shape[1:]) if shape else shape


def fits(name: str, held: Shape | None, wanted: Shape | None) -> bool:
    """Returns whether an array of a checkpoint can be read as the array of a state that has its name.

    Args:
      name: the name, such as 'tables/embedding'.
      held: its shape in the checkpoint; None if it is absent.
      wanted: its shape in the state; None if it is absent.
    """
    if held == wanted or held is None or wanted is None:
        return held == wanted
    return name.partition('/')[0] in ('tables', 'slots') and wanted in (split_shape(held), _whole(held, wanted))


def _whole(held: Shape, wanted: Shape) -> Shape | None:
    """Returns the wanted shape of a whole table if a split one of the held shape has its rows, else None."""
    return wanted if held == split_shape(wanted) else None


def as_held(wanted: TrainState, held: dict[str, Shape], mesh: Mesh) -> TrainState:
    """Returns the shapes and shardings with which the arrays of a checkpoint are read, from those of the wanted state.

    A whole table that a mesh splits is read with rows of zeros at its end, so that each device reads as many blocks.
    """
    parts = table_parts(mesh)

    def of(leaf: jax.ShapeDtypeStruct, name: str) -> jax.ShapeDtypeStruct:
        shape = held[name]
        if shape == leaf.shape:
            return leaf
        if leaf.shape == split_shape(shape):
            rows = -(-leaf.shape[0] // parts) * parts * PLACES
            sharding = NamedSharding(mesh, PartitionSpec(TABLE_AXIS))
            return jax.ShapeDtypeStruct((rows, *shape[1:]), leaf.dtype, sharding=sharding)
        return jax.ShapeDtypeStruct(shape, leaf.dtype, sharding=NamedSharding(mesh, EVERYWHERE))

    return jax.tree.map(of, wanted, _names(wanted))


def as_wanted(read: TrainState, wanted: TrainState, mesh: Mesh) -> TrainState:
    """Returns the state that was read with the shapes of `as_held` in the wanted form; no device holds a split table
    whole.
    """

    def of(array: jax.Array, leaf: jax.ShapeDtypeStruct) -> jax.Array:
        if array.shape == leaf.shape:
            return array
        if array.ndim < len(leaf.shape):
            return _split(array, leaf.shape[0], mesh)
        whole = jax.jit(
            lambda blocks: blocks.reshape(-1, *leaf.shape[1:])[: leaf.shape[0]], out_shardings=leaf.sharding
        )
        return whole(array)

    return jax.tree.map(of, read, wanted)


def _split(rows: jax.Array, blocks: int, mesh: Mesh) -> jax.Array:
    """Returns rows [n, ...], of which each device has a range, as [blocks, 64, ...], of which each has places."""

    def of_device(rows: jax.Array) -> jax.Array:
        in_blocks = rows.reshape(-1, PLACES, *rows.shape[1:])
        return jax.lax.all_to_all(in_blocks, TABLE_AXIS, 1, 0, tiled=True)[:blocks]

    moved = jax.shard_map(of_device, mesh=mesh, check_vma=False, in_specs=PartitionSpec(TABLE_AXIS), out_specs=SPLIT)
    return jax.jit(moved)(rows)


def _names(state: TrainState) -> Any:
    """Returns the names of the arrays of a state, as a tree like it."""
    return jax.tree.unflatten(jax.tree.structure(state), list(named_arrays(state)))
