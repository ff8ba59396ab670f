"""The state with which a run begins that goes on from the state of another run.

Fields of the new run may have more ids than before, after the old ones. So rows of tables move, and ids stay. A row of
an old id, and what the table optimizer keeps for it, is copied bit for bit; everything else of a table is as in a fresh
run.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from autoint_jax.models.layers.tables import DRAWN_ROWS, TableSpec, numbers_in_part
from autoint_jax.schema import Schema
from autoint_jax.training.step.layout import held, initial_state_on, state_specs, stored
from autoint_jax.training.step.placement import TABLE_AXIS, table_parts
from autoint_jax.training.step.state import Setup, Skipping, TrainState, updates_taken


class MovedRows(NamedTuple):
    """Where the rows of a table come to stand in a larger table.

    Attributes:
      old_rows: rows of the old table.
      firsts: the first row of each field in the old table, ascending.
      shifts: how far the rows of each field move.
      new_rows: rows of the new table.
    """

    old_rows: int
    firsts: tuple[int, ...]
    shifts: tuple[int, ...]
    new_rows: int


def fields_of(schema: Schema, spec: TableSpec) -> dict[str, int]:
    """Returns {field: its first row} of the fields that a table serves, in their order."""
    first = dict(zip(spec.columns, spec.offsets, strict=True))
    return {name: first[slots.start] for name, slots in schema.slots.items() if slots.start in first}


def moved_rows(old: Setup, new: Setup) -> dict[str, MovedRows]:
    """Returns where the rows of each table come to stand; both runs have the same tables of the same fields."""
    found = {}
    for name, spec in old.table_specs.items():
        before, after = fields_of(old.schema, spec), fields_of(new.schema, new.table_specs[name])
        shifts = tuple(after[field] - first for field, first in before.items())
        found[name] = MovedRows(spec.rows, tuple(before.values()), shifts, new.table_specs[name].rows)
    return found


def inherited_state(setup: Setup, old_setup: Setup, old: TrainState, mesh: Mesh) -> TrainState:
    """Returns the first state of a run that goes on from another run.

    Parameters, statistics and the state of their optimizer are those of the other run. So are the rows of old ids in
    tables, and what the table optimizer keeps for them. Rows of new ids are as in a fresh run of this seed: drawn with
    the table's key, seed -> 0 -> number of the table, at their place. The step is the number of updates that the other
    run has taken, by which optimizers go on counting.

    Args:
      setup: the setup of the run.
      old_setup: the setup of the other run; it has the same fields with at most as many ids, and the same options of
        model and optimizers.
      old: the state of the other run, its tables up to date, on the mesh.
      mesh: the devices.
    """
    fresh = initial_state_on(setup, mesh)
    carried = {name: rows for name, rows in moved_rows(old_setup, setup).items() if name in fresh.tables}
    tables, slots = _carrier(fresh, old, carried, mesh)((fresh.tables, fresh.slots), (old.tables, old.slots))
    optimizer = old.optimizer.inner if isinstance(old.optimizer, Skipping) else old.optimizer
    if isinstance(fresh.optimizer, Skipping):
        optimizer = Skipping(optimizer, fresh.optimizer.skipped)
    step = jax.jit(updates_taken, out_shardings=fresh.step.sharding)(old)
    return TrainState(step, old.params, tables, optimizer, slots, old.statistics)


def _carrier(fresh: TrainState, old: TrainState, carried: Mapping[str, MovedRows], mesh: Mesh) -> Any:
    """Returns the compiled function that copies old rows into tables and slots: (new, old) -> new, which it donates."""
    parts = table_parts(mesh)
    new_specs, old_specs = ((specs.tables, specs.slots) for specs in (state_specs(fresh), state_specs(old)))

    def of_device(new, old_rows):
        new, old_rows = (held(fresh._replace(tables=tables, slots=slots)) for tables, slots in (new, old_rows))
        part = jax.lax.axis_index(TABLE_AXIS) if parts > 1 else 0
        made = []
        for group, old_group in ((new.tables, old_rows.tables), (new.slots, old_rows.slots)):
            made.append(
                {
                    name: jax.tree.map(
                        lambda one, other, name=name: _copied(one, other, carried[name], part, parts),
                        own,
                        old_group[name],
                    )
                    for name, own in group.items()
                }
            )
        state = stored(fresh._replace(tables=made[0], slots=made[1]), parts)
        return state.tables, state.slots

    on_devices = jax.shard_map(
        of_device, mesh=mesh, check_vma=False, in_specs=(new_specs, old_specs), out_specs=new_specs
    )
    return jax.jit(on_devices, donate_argnums=0)


def _copied(new: jax.Array, old: jax.Array, rows: MovedRows, part: Any, parts: int) -> jax.Array:
    """Returns what a device holds of an array of rows with the old rows in their places.

    It copies a few rows at a time. A number that is not of rows, such as a count of steps, is the old one.

    Args:
      new: what the device holds of the new array, [rows of its part, ...].
      old: what it holds of the old array.
      rows: where the rows come to stand.
      part: the number of its part.
      parts: number of parts of the table.
    """
    if not new.ndim:
        return old
    firsts, shifts = np.array(rows.firsts, np.int32), np.array(rows.shifts, np.int32)
    size = min(DRAWN_ROWS, rows.old_rows)

    def copy(turn, array):
        numbers = turn * size + jnp.arange(size, dtype=jnp.int32)
        values = old.at[numbers_in_part(numbers, part, parts, rows.old_rows)].get(mode='fill', fill_value=0)
        if parts > 1:  # bits, because a sum of numbers would lose the sign of a zero
            bits = jax.lax.psum(jax.lax.bitcast_convert_type(values, jnp.int32), TABLE_AXIS)
            values = jax.lax.bitcast_convert_type(bits, values.dtype)
        targets = numbers + jnp.asarray(shifts)[jnp.searchsorted(jnp.asarray(firsts), numbers, side='right') - 1]
        targets = jnp.where(numbers < rows.old_rows, targets, rows.new_rows)
        return array.at[numbers_in_part(targets, part, parts, rows.new_rows)].set(values, mode='drop')

    return jax.lax.fori_loop(0, -(-rows.old_rows // size), copy, new)
