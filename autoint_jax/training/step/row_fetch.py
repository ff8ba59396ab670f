"""The rows of batches, which each device fetches from the devices that hold them, for several steps at once."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from autoint_jax.data.store.columns import Columns
from autoint_jax.schema import ROW_COLUMNS

# Steps whose rows are fetched at once: many enough that waiting for other devices costs little. They are fewer where
# their rows have more bytes than this; a device holds these rows of all devices while it fetches.
FETCH_STEPS, FETCH_BYTES = 8, 8_000_000


def fetched(columns: Columns, rows: jax.Array, axes: tuple[str, ...]) -> Columns:
    """Returns the rows that a device needs, from columns whose rows the devices divide. It runs on each device.

    All devices learn the numbers that any of them needs. Each reads those that it holds, and each gets the sum of what
    was read for it, in which all but one summand are zero. The summands are the 32-bit words of the values, so that
    every value arrives as it is, NaN included.

    Args:
      columns: what the device holds; each device has equally many successive rows.
      rows: int32 [n], numbers among the rows of all devices.
      axes: the axes of the mesh over which the rows are divided.
    """
    (held, slots), numeric = columns.ids.shape, columns.numeric.shape[1]
    local = jax.lax.all_gather(rows, axes, tiled=True) - jax.lax.axis_index(axes) * held  # [n * devices]
    found = jax.tree.map(lambda column: column[jnp.clip(local, 0, held - 1)], columns)
    names = ['labels', *_others(columns)]
    values = jnp.concatenate([found.numeric, *(getattr(found, name)[:, None] for name in names)], axis=1)
    words = jnp.concatenate([found.ids, jax.lax.bitcast_convert_type(values, jnp.int32)], axis=1)
    words = jnp.where(((local >= 0) & (local < held))[:, None], words, 0)
    words = jax.lax.psum_scatter(words, axes, scatter_dimension=0, tiled=True)
    values = jax.lax.bitcast_convert_type(words[:, slots:], jnp.float32)
    alone = {name: values[:, numeric + place] for place, name in enumerate(names)}
    return Columns(words[:, :slots], values[:, :numeric], **alone)


def _others(columns: Columns) -> list[str]:
    """Returns the names of the columns that rows have beside ids, numbers and labels."""
    return [name for name in ROW_COLUMNS if getattr(columns, name) is not None]


def in_groups(in_turn: Callable[[int], Callable], max_steps: int, axes: tuple[str, ...], loss: Any) -> Callable:
    """Returns `steps_in_turn` for columns whose rows the devices divide: it fetches the rows of a group of steps.

    Args:
      in_turn: the number of steps of a group -> `steps_in_turn` for columns that hold the rows of these steps.
      max_steps: the most steps of the returned function.
      axes: the axes of the mesh over which the rows are divided.
      loss: a value of the shape and type of what a step returns beside the state.
    """

    def chunk(state, columns, order, first, count):
        places = order.shape[1]  # of a batch, on this device
        row_bytes = 4 * (columns.ids.shape[1] + columns.numeric.shape[1] + 1 + len(_others(columns)))
        fitting = FETCH_BYTES // (places * jax.lax.axis_size(axes) * row_bytes)
        size = max(1, min(FETCH_STEPS, max_steps, fitting))
        group_steps, numbers = in_turn(size), jnp.arange(size)

        def body(group, carry):
            state, losses = carry
            taken = group * size
            rows = order.at[first + taken + numbers].get(mode='clip')  # beyond the last step, rows of no use
            own = fetched(columns, jnp.maximum(rows, 0).reshape(-1), axes)
            own_order = jnp.where(rows >= 0, jnp.arange(rows.size).reshape(rows.shape), -1)
            state, of_group = group_steps(state, own, own_order, 0, jnp.minimum(size, count - taken))
            at = taken + numbers
            return state, jax.tree.map(lambda of_all, own: of_all.at[at].set(own, mode='drop'), losses, of_group)

        groups = (count + size - 1) // size
        none = jax.tree.map(lambda value: jnp.zeros(max_steps, value.dtype), loss)
        return jax.lax.fori_loop(0, groups, body, (state, none))

    return chunk
