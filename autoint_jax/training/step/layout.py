"""How the state of a run lies on a mesh: its tables whole or split, everything else whole on every device.

The shapes tell which: a split table has three axes (`models/layers/tables.py`), and so have the arrays that its
optimizer keeps an axis more. Inside a program each device works on what it holds as on a table of its own, [rows, d].

Evaluation and checkpoints need states whose rows are all up to date, which `make_flush` makes.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding

from autoint_jax.config.rates import NOTHING_VARIED, rates_of
from autoint_jax.models.layers.batch_norm import STATISTICS
from autoint_jax.models.layers.randomness import pinned, seed_key
from autoint_jax.models.layers.tables import PLACES, Tables, block_count, initial_part, table_keys, whole_numbers
from autoint_jax.training.step.placement import EVERYWHERE, SPLIT, TABLE_AXIS, replicate, table_parts
from autoint_jax.training.step.state import (
    Setup,
    TrainState,
    drawn_variables,
    initial_state,
    state_shapes,
    updates_taken,
)
from autoint_jax.training.tables.optimizer import up_to_date


def is_split(state: TrainState) -> bool:
    """Returns whether the tables of a state, which may be shapes, are split."""
    return any(table.ndim == 3 for table in state.tables.values())


def state_specs(state: TrainState) -> TrainState:
    """Returns how each array of a state, which may be shapes, lies on a mesh: a tree of PartitionSpecs."""
    split = is_split(state)

    def of_rows(tree):
        return jax.tree.map(lambda leaf: SPLIT if split and leaf.ndim > 1 else EVERYWHERE, tree)

    everywhere = jax.tree.map(lambda _: EVERYWHERE, state)
    return everywhere._replace(tables=of_rows(state.tables), slots=of_rows(state.slots))


def placed_shapes(state: TrainState, mesh: Mesh) -> TrainState:
    """Returns the shapes, types and shardings of a state, which may be shapes, on a mesh."""
    return jax.tree.map(
        lambda leaf, spec: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=NamedSharding(mesh, spec)),
        state,
        state_specs(state),
    )


def shapes_on(setup: Setup, mesh: Mesh) -> TrainState:
    """Returns the shapes, types and shardings of the state of a run on a mesh; it allocates nothing."""
    shapes = state_shapes(setup)
    if table_parts(mesh) > 1:
        shapes = of_rows_of_tables(lambda leaf: jax.eval_shape(as_blocks, leaf), shapes)
    return placed_shapes(shapes, mesh)


def initial_state_on(setup: Setup, mesh: Mesh) -> TrainState:
    """Returns the state of a run at step 0 on a mesh; the values are those of `initial_state`.

    If tables are split, each device draws the rows that it holds, so that no table is ever whole in one place.
    """
    parts = table_parts(mesh)
    if parts == 1:
        return replicate(initial_state(setup), mesh)
    shapes, table_optimizer = shapes_on(setup, mesh), setup.table_optimizer()
    specs = state_specs(shapes)

    def part_of_device(keys):
        part = jax.lax.axis_index(TABLE_AXIS)
        tables = {name: initial_part(setup.table_specs[name], key, part, parts) for name, key in keys.items()}
        slots = {name: table_optimizer.init(table) for name, table in tables.items()}
        return jax.tree.map(lambda leaf: _in_blocks(leaf, parts), (tables, slots))

    with pinned():
        key = seed_key(setup.config.seed)
        variables = drawn_variables(setup, jax.random.fold_in(key, 1))
        keys = table_keys(setup.table_specs, jax.random.fold_in(key, 0))
        draw = jax.shard_map(
            part_of_device, mesh=mesh, check_vma=False, in_specs=EVERYWHERE, out_specs=(specs.tables, specs.slots)
        )
        tables, slots = jax.jit(draw)(keys)
    params = variables['params']
    whole = TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        tables={},
        optimizer=jax.jit(setup.optimizer().init)(params),
        slots={},
        statistics=variables.get(STATISTICS, {}),
    )
    return replicate(whole, mesh)._replace(tables=tables, slots=slots)


def tables_specs(tables: Tables) -> Any:
    """Returns how tables, which may be shapes, lie on a mesh."""
    return jax.tree.map(lambda table: SPLIT if table.ndim == 3 else EVERYWHERE, tables)


def held_tables(tables: Tables) -> Tables:
    """Returns what a device of a mesh holds of tables, as rows [rows, d]."""
    return jax.tree.map(lambda table: table.reshape(-1, table.shape[-1]), tables)


def held(state: TrainState) -> TrainState:
    """Returns what a device of a mesh holds of a state, with tables as rows [rows, d]."""
    if not is_split(state):
        return state
    return of_rows_of_tables(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]) if leaf.ndim > 1 else leaf, state)


def stored(state: TrainState, parts: int) -> TrainState:
    """Returns what a device holds as the mesh stores it: the inverse of `held`, for tables in so many parts."""
    return state if parts == 1 else of_rows_of_tables(lambda leaf: _in_blocks(leaf, parts), state)


def of_rows_of_tables(function: Any, state: TrainState) -> TrainState:
    """Returns the state with a function applied to each array of its tables and of what their optimizer keeps."""
    return state._replace(tables=jax.tree.map(function, state.tables), slots=jax.tree.map(function, state.slots))


def _in_blocks(leaf: jax.Array, parts: int) -> jax.Array:
    """Returns rows [rows, ...] of a part as [blocks, 64 / parts, ...]; a number [] as it is."""
    return leaf.reshape(-1, PLACES // parts, *leaf.shape[1:]) if leaf.ndim else leaf


def as_blocks(leaf: jax.Array) -> jax.Array:
    """Returns an array of a whole table, [v, ...], as that of a split one, [blocks, 64, ...]; a number [] as it is."""
    if not leaf.ndim:
        return leaf
    filled = block_count(len(leaf)) * PLACES - len(leaf)
    return jnp.pad(leaf, [(0, filled)] + [(0, 0)] * (leaf.ndim - 1)).reshape(-1, PLACES, *leaf.shape[1:])


def make_flush(setup: Setup, mesh: Mesh) -> Callable[..., TrainState]:
    """Returns state -> state with every row of its tables up to date, as evaluation and checkpoints need it.

    It donates the tables and slots of the state, which lies on the mesh. After the state it takes {name in `Rates`:
    value} of rates that differ from those of the configuration, if any.
    """
    parts = table_parts(mesh)
    if setup.table_optimizer().flush is up_to_date:
        return lambda state, varied=NOTHING_VARIED: state

    def flush_of(varied):
        return setup.table_optimizer(rates_of(setup.config)._replace(**varied)).flush

    if parts == 1:
        flush_table = jax.jit(
            lambda table, slots, step, varied: flush_of(varied)(table, slots, step),
            donate_argnums=(0, 1),
            compiler_options=setup.compiler_options,
        )
        return lambda state, varied=NOTHING_VARIED: flushed(
            state, lambda table, slots, step: flush_table(table, slots, step, dict(varied))
        )

    specs = state_specs(shapes_on(setup, mesh))

    def flush(state, turns, varied):
        flush_part = flush_of(varied)
        # In a loop, of one turn, a kernel writes in place; outside one XLA would copy tables and slots for it.
        state = jax.lax.fori_loop(0, turns, lambda _, state: flushed(state, flush_part), held(state))
        return stored(state._replace(slots={name: filled(slots, name) for name, slots in state.slots.items()}), parts)

    def filled(slots, name):
        """Returns slots with 0 for steps of rows that only fill the last block, so that all meshes store the same."""
        rows, part = setup.table_specs[name].rows, jax.lax.axis_index(TABLE_AXIS)

        def of_array(array):
            if array.ndim != 1:
                return array
            return jnp.where(whole_numbers(jnp.arange(len(array)), part, parts) < rows, array, 0)

        return jax.tree.map(of_array, slots)

    in_specs = (specs, EVERYWHERE, EVERYWHERE)
    on_devices = jax.shard_map(flush, mesh=mesh, check_vma=False, in_specs=in_specs, out_specs=specs)
    compiled = jax.jit(on_devices, donate_argnums=0, compiler_options=setup.compiler_options)
    return lambda state, varied=NOTHING_VARIED: compiled(state, 1, dict(varied))


def flushed(state: TrainState, flush_table: Callable) -> TrainState:
    """Returns the state with every row of its tables up to date, by the `flush` of a table optimizer."""
    tables, slots = {}, {}
    for name, table in state.tables.items():
        tables[name], slots[name] = flush_table(table, state.slots[name], updates_taken(state))
    return state._replace(tables=tables, slots=slots)
