"""Training steps: many steps compiled as one loop over resident data, the batch shared by all devices."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh

from autoint_jax.data.store.columns import Columns
from autoint_jax.models.layers.batch_norm import STATISTICS
from autoint_jax.models.layers.dropout import Training, row_keys
from autoint_jax.models.layers.tables import Rows, empty_rows, table_rows
from autoint_jax.schema import Batch
from autoint_jax.training.step.columns import gathered
from autoint_jax.training.step.placement import BY_ROW, DATA_AXIS, EVERYWHERE
from autoint_jax.training.step.slices import Cut
from autoint_jax.training.step.state import Setup, TrainState
from autoint_jax.training.tables.optimizer import up_to_date


def summed_logloss(logits: jax.Array, *, labels: jax.Array, weights: jax.Array) -> jax.Array:
    """Weighted sum of -log p(label) over rows (Eq. 10), from logits [b]."""
    return jnp.sum(weights * optax.sigmoid_binary_cross_entropy(logits, labels))


def device_gradients(made: Setup, slice_rows: int) -> Callable:
    """What each device of the axis `data` does in a step, with its part of the batch and of the rows looked up for it.

    (params, statistics, looked-up rows, columns, rows [b / devices], step) -> loss [], gradients of params, of the rows looked up
    for the whole batch, new statistics. The loss is the mean over the batch's rows of weight 1. A device takes its part slice by slice, so
    that a slice's activations stay in cache; parameter gradients are summed over slices, then over devices. Where the model has
    statistics of a batch, a device's part is one slice.
    """

    def of_device(params, statistics, looked_up, columns, rows, step):
        batch = gathered(columns, rows)
        places = jax.lax.axis_index(DATA_AXIS) * len(rows) + jnp.arange(len(rows))
        total = jax.lax.psum(batch.weights.sum(), DATA_AXIS)

        def loss_of_slice(params: Any, looked_up: Rows, batch: Batch, keys: jax.Array):
            logits, updated = made.model.apply(
                {'params': params, STATISTICS: statistics},
                looked_up,
                batch,
                mutable=[STATISTICS],
                training=Training(keys, batch.weights, DATA_AXIS),
            )
            loss = summed_logloss(logits, labels=batch.labels, weights=batch.weights) / total
            return loss, updated.get(STATISTICS, statistics)

        def add_slice(sums, part):
            (loss, updated), (of_params, of_rows) = jax.value_and_grad(loss_of_slice, (0, 1), has_aux=True)(
                params, *part
            )
            return (jax.tree.map(jnp.add, sums[0], (loss, of_params)), updated), of_rows

        parts = jax.tree.map(
            lambda x: x.reshape(len(x) // slice_rows, slice_rows, *x.shape[1:]),
            (looked_up, batch, row_keys(made.config.seed, step, places)),
        )
        nothing = ((jnp.zeros(()), jax.tree.map(jnp.zeros_like, params)), statistics)
        (sums, statistics), of_rows = jax.lax.scan(add_slice, nothing, parts)
        loss, of_params = jax.lax.psum(sums, DATA_AXIS)
        # Gathering the rows' gradients moves less than summing tables' over devices would.
        of_rows = jax.tree.map(
            lambda x: jax.lax.all_gather(x.reshape(len(rows), *x.shape[2:]), DATA_AXIS, tiled=True), of_rows
        )
        return loss, of_params, of_rows, statistics

    return of_device


def make_gradients(made: Setup, mesh: Mesh, slice_rows: int) -> Callable:
    """`device_gradients` of a whole batch, over the devices of a mesh."""
    return jax.shard_map(
        device_gradients(made, slice_rows),
        mesh=mesh,
        check_vma=False,
        in_specs=(EVERYWHERE, EVERYWHERE, BY_ROW, EVERYWHERE, BY_ROW, EVERYWHERE),
        out_specs=EVERYWHERE,
    )


def make_step(made: Setup, gradients: Callable) -> Callable:
    """(state, columns, rows [padded_batch]) -> state after one step, mean logloss of the batch before it.

    Devices share the forward and backward pass (`gradients`, from `make_gradients`, or `device_gradients` of one device); each then
    updates its copies of parameters and tables alike.
    """
    tables_learn = made.table_optimizer

    def step(state: TrainState, columns: Columns, rows: jax.Array) -> tuple[TrainState, jax.Array]:
        ids, read, looked_up = columns.ids[jnp.maximum(rows, 0)], {}, empty_rows(made.table_specs, len(rows))
        for name, table in state.tables.items():
            numbers = table_rows(made.table_specs[name], ids)  # [b, slots of the table]
            in_batch = jnp.where(rows[:, None] >= 0, numbers, len(table)).reshape(-1)
            values, read[name] = tables_learn.read(table, state.slots[name], in_batch, state.step)
            looked_up[name] = values.reshape(*numbers.shape, table.shape[1])

        loss, of_params, of_rows, statistics = gradients(
            state.params, state.statistics, looked_up, columns, rows, state.step
        )
        updates, optimizer = made.optimizer.update(of_params, state.optimizer, state.params)
        params = optax.apply_updates(state.params, updates)
        tables, slots = {}, {}
        for name, table in state.tables.items():
            tables[name], slots[name] = tables_learn.update(
                table, state.slots[name], read[name], of_rows[name].reshape(-1, table.shape[1]), state.step
            )
        return TrainState(state.step + 1, params, tables, optimizer, slots, statistics), loss

    return step


def make_chunk(made: Setup, mesh: Mesh, cut: Cut, *, max_steps: int) -> Callable:
    """`steps_in_turn` of a run over a mesh, compiled; the state is donated."""
    return jax.jit(
        steps_in_turn(make_step(made, make_gradients(made, mesh, cut.slice_rows)), max_steps), donate_argnums=0
    )


def steps_in_turn(step: Callable, max_steps: int) -> Callable:
    """A run of steps: (state, columns, order, first, count) -> state, losses [max_steps].

    Takes batches `first` to `first + count - 1` of `order` [steps, padded_batch]; `count` is at most `max_steps` and
    losses past it are 0. The bounds are arguments, so one compilation serves chunks of every length and results do not
    depend on where chunks end.
    """

    def chunk(state, columns, order, first, count):
        def body(number, carry):
            state, losses = carry
            state, loss = step(state, columns, order[first + number])
            return state, losses.at[number].set(loss)

        return jax.lax.fori_loop(0, count, body, (state, jnp.zeros(max_steps)))

    return chunk


def make_flush(made: Setup) -> Callable[[TrainState], TrainState]:
    """state -> the same with every row of its tables up to date, as evaluation and checkpoints need it; donated."""
    if made.table_optimizer.flush is up_to_date:
        return lambda state: state
    of_table = jax.jit(made.table_optimizer.flush, donate_argnums=(0, 1))
    return lambda state: flushed(state, of_table)


def flushed(state: TrainState, of_table: Callable) -> TrainState:
    """The state with every row of its tables up to date, by a table optimizer's `flush`."""
    tables, slots = {}, {}
    for name, table in state.tables.items():
        tables[name], slots[name] = of_table(table, state.slots[name], state.step)
    return state._replace(tables=tables, slots=slots)
