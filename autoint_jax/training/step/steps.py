"""Training steps: forward and backward pass shared by all devices, optimizers, and many steps compiled as one loop."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh

from autoint_jax.config.rates import Rates, rates_of
from autoint_jax.data.store.columns import Columns
from autoint_jax.models.layers.batch_norm import STATISTICS
from autoint_jax.models.layers.dropout import Training, row_keys
from autoint_jax.models.layers.tables import Rows, empty_rows, table_rows
from autoint_jax.training.step.columns import gathered
from autoint_jax.training.step.loss import summed_logloss
from autoint_jax.training.step.placement import BY_ROW, DATA_AXIS, EVERYWHERE
from autoint_jax.training.step.slices import Cut
from autoint_jax.training.step.state import Setup, TrainState
from autoint_jax.training.tables.optimizer import up_to_date


def device_gradients(setup: Setup, slice_rows: int, rates: Rates) -> Callable:
    """Returns the forward and backward pass of one device of the axis `data`, for its part of the batch.

    The function takes (params, statistics, looked-up rows, columns, rows [b / devices], step); looked-up rows and row
    numbers are those of the device's part. It returns (loss [], gradients of params, gradients of the looked-up rows of
    the whole batch, new statistics). The loss is the mean over the rows of the batch that are no padding.

    A device takes its part slice by slice, so that the activations of a slice stay in cache. It sums the gradients of
    parameters over slices, then over devices. A model with statistics of a batch needs a part that is one slice.

    Args:
      setup: the setup of the run.
      slice_rows: rows of a slice; they divide the rows of a part.
      rates: the rates of the run, or of one of its copies.
    """

    def pass_of_device(params, statistics, looked_up, columns, rows, step):
        batch = gathered(columns, rows)
        places = jax.lax.axis_index(DATA_AXIS) * len(rows) + jnp.arange(len(rows))
        total = jax.lax.psum(batch.weights.sum(), DATA_AXIS)

        def slice_loss(params, looked_up, batch, keys):
            logits, updated = setup.model.apply(
                {'params': params, STATISTICS: statistics},
                looked_up,
                batch,
                mutable=[STATISTICS],
                training=Training(keys, batch.weights, DATA_AXIS, rates),
            )
            loss = summed_logloss(logits, labels=batch.labels, weights=batch.weights) / total
            return loss, updated.get(STATISTICS, statistics)

        def add_slice(sums, part):
            (loss, updated), (grad_params, grad_rows) = jax.value_and_grad(slice_loss, (0, 1), has_aux=True)(
                params, *part
            )
            return (jax.tree.map(jnp.add, sums[0], (loss, grad_params)), updated), grad_rows

        parts = jax.tree.map(
            lambda x: x.reshape(len(x) // slice_rows, slice_rows, *x.shape[1:]),
            (looked_up, batch, row_keys(rates.seed, step, places)),
        )
        zeros = ((jnp.zeros(()), jax.tree.map(jnp.zeros_like, params)), statistics)
        (sums, statistics), grad_rows = jax.lax.scan(add_slice, zeros, parts)
        loss, grad_params = jax.lax.psum(sums, DATA_AXIS)
        # Gathering the gradients of rows moves less data than summing the gradients of tables over devices would.
        grad_rows = jax.tree.map(
            lambda x: jax.lax.all_gather(x.reshape(len(rows), *x.shape[2:]), DATA_AXIS, tiled=True), grad_rows
        )
        return loss, grad_params, grad_rows, statistics

    return pass_of_device


def make_gradients(setup: Setup, mesh: Mesh, slice_rows: int) -> Callable:
    """Returns `device_gradients` for a whole batch [b], over the devices of a mesh with an axis `data`."""
    return jax.shard_map(
        device_gradients(setup, slice_rows, rates_of(setup.config)),
        mesh=mesh,
        check_vma=False,
        in_specs=(EVERYWHERE, EVERYWHERE, BY_ROW, EVERYWHERE, BY_ROW, EVERYWHERE),
        out_specs=EVERYWHERE,
    )


def make_step(setup: Setup, gradients: Callable, rates: Rates) -> Callable:
    """Returns a training step: (state, columns, rows [padded_batch]) -> state after the step, loss [] before it.

    Devices share the forward and backward pass. Each device then updates its own copy of parameters and tables, all
    alike.

    Args:
      setup: the setup of the run.
      gradients: from `make_gradients`, or `device_gradients` for one device.
      rates: the rates of the run, or of one of its copies.
    """
    optimizer, table_optimizer = setup.optimizer(rates), setup.table_optimizer(rates)

    def step(state: TrainState, columns: Columns, rows: jax.Array) -> tuple[TrainState, jax.Array]:
        ids, named = columns.ids[jnp.maximum(rows, 0)], {}
        looked_up: Rows = empty_rows(setup.table_specs, len(rows))
        for name, table in state.tables.items():
            numbers = table_rows(setup.table_specs[name], ids)  # [b, slots of the table]
            in_batch = jnp.where(rows[:, None] >= 0, numbers, len(table)).reshape(-1)
            named[name] = table_optimizer.named(in_batch, len(table))
            values = table_optimizer.read(table, state.slots[name], named[name], state.step)
            looked_up[name] = values.reshape(*numbers.shape, table.shape[1])

        loss, grad_params, grad_rows, statistics = gradients(
            state.params, state.statistics, looked_up, columns, rows, state.step
        )
        updates, optimizer_state = optimizer.update(grad_params, state.optimizer, state.params)
        params: Any = optax.apply_updates(state.params, updates)
        tables, slots = {}, {}
        for name, table in state.tables.items():
            tables[name], slots[name] = table_optimizer.update(
                table, state.slots[name], named[name], grad_rows[name].reshape(-1, table.shape[1]), state.step
            )
        return TrainState(state.step + 1, params, tables, optimizer_state, slots, statistics), loss

    return step


def make_chunk(setup: Setup, mesh: Mesh, cut: Cut, *, max_steps: int) -> jax.stages.Wrapped:
    """Returns `steps_in_turn` of a run over a mesh, compiled; it donates the state."""
    step = make_step(setup, make_gradients(setup, mesh, cut.slice_rows), rates_of(setup.config))
    return jax.jit(steps_in_turn(step, max_steps), donate_argnums=0, compiler_options=setup.compiler_options)


def steps_in_turn(step: Callable, max_steps: int) -> Callable:
    """Returns a loop over steps: (state, columns, order, first, count) -> state, losses [max_steps].

    The loop takes the batches `first` to `first + count - 1` of `order`, int32 [steps, padded_batch]. `count` is at
    most `max_steps`, and losses after the first `count` are 0. The bounds are arguments, so one compilation serves
    chunks of every length, and results do not depend on where chunks end.
    """

    def chunk(state, columns, order, first, count):
        def body(number, carry):
            state, losses = carry
            state, loss = step(state, columns, order[first + number])
            return state, losses.at[number].set(loss)

        return jax.lax.fori_loop(0, count, body, (state, jnp.zeros(max_steps)))

    return chunk


def make_flush(setup: Setup) -> Callable[[TrainState], TrainState]:
    """Returns state -> state with every row of its tables up to date, as evaluation and checkpoints need it.

    It donates the tables and slots of the state.
    """
    table_optimizer = setup.table_optimizer()
    if table_optimizer.flush is up_to_date:
        return lambda state: state
    flush_table = jax.jit(table_optimizer.flush, donate_argnums=(0, 1), compiler_options=setup.compiler_options)
    return lambda state: flushed(state, flush_table)


def flushed(state: TrainState, flush_table: Callable) -> TrainState:
    """Returns the state with every row of its tables up to date, by the `flush` of a table optimizer."""
    tables, slots = {}, {}
    for name, table in state.tables.items():
        tables[name], slots[name] = flush_table(table, state.slots[name], state.step)
    return state._replace(tables=tables, slots=slots)
