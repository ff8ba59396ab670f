"""Training steps: forward and backward pass shared by all devices, optimizers, and many steps compiled as one loop.

The whole loop runs within one `shard_map`: each device has its rows of every batch and what it holds of the state.
"""

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
from autoint_jax.models.layers.tables import Rows, empty_rows, table_rows, whole_numbers
from autoint_jax.schema import Batch
from autoint_jax.training.step.columns import gathered
from autoint_jax.training.step.exchange import Exchange, exchange
from autoint_jax.training.step.layout import held, shapes_on, state_specs, stored
from autoint_jax.training.step.loss import summed_logloss
from autoint_jax.training.step.placement import BY_ROW, EVERYWHERE, OF_BATCHES, TABLE_AXIS, batch_axes, table_parts
from autoint_jax.training.step.row_fetch import in_groups
from autoint_jax.training.step.skipping import all_finite, skipped_unless
from autoint_jax.training.step.slices import Cut
from autoint_jax.training.step.state import Setup, TrainState, updates_taken
from autoint_jax.training.step.turns import in_turn
from autoint_jax.training.tables.optimizer import up_to_date


def device_gradients(setup: Setup, axes: tuple[str, ...], slice_rows: int, rates: Rates) -> Callable:
    """Returns the forward and backward pass of one device, for its part of the batch.

    The function takes (params, statistics, looked-up rows, batch [b / devices], step); looked-up rows and batch are
    those of the device's part. It returns (loss [], gradients of params, gradients of the looked-up rows, new
    statistics). The loss is the mean over the rows of the whole batch that are no padding.

    A device takes its part slice by slice, so that the activations of a slice stay in cache. It sums the gradients of
    parameters over slices, then over devices. With mesh.ordered_sums each device gets the gradients of all slices, and
    sums them in the order of the batch. A model with statistics of a batch needs a part that is one slice.

    Args:
      setup: the setup of the run.
      axes: the axes of the mesh over which the batch is spread; () for one device.
      slice_rows: rows of a slice; they divide the rows of a part.
      rates: the rates of the run, or of one of its copies.
    """

    ordered = setup.config.mesh.ordered_sums

    def over_devices(values):
        return jax.lax.psum(values, axes) if axes else values

    def of_all_devices(of_slices):
        return jax.lax.all_gather(of_slices, axes, tiled=True) if axes else of_slices

    def add(sums, of_slice):
        return jax.tree.map(jnp.add, sums, of_slice), None

    def pass_of_device(params, statistics, looked_up, batch: Batch, step):
        count = len(batch.labels)
        places = (jax.lax.axis_index(axes) if axes else 0) * count + jnp.arange(count)
        total = over_devices(batch.weights.sum())

        def slice_loss(params, looked_up, batch, keys):
            logits, updated = setup.model.apply(
                {'params': params, STATISTICS: statistics},
                looked_up,
                batch,
                mutable=[STATISTICS],
                training=Training(keys, batch.weights, axes or None, rates),
            )
            loss = summed_logloss(logits, labels=batch.labels, weights=batch.weights) / total
            return loss, updated.get(STATISTICS, statistics)

        def add_slice(sums, part):
            (loss, updated), (grad_params, grad_rows) = jax.value_and_grad(slice_loss, (0, 1), has_aux=True)(
                params, *part
            )
            return (jax.tree.map(jnp.add, sums[0], (loss, grad_params)), updated), grad_rows

        def of_slice(_, part):
            # The barriers keep the program of a slice apart from the loop.
            own, part = jax.lax.optimization_barrier((params, part))
            (loss, _), (grad_params, grad_rows) = jax.value_and_grad(slice_loss, (0, 1), has_aux=True)(own, *part)
            return None, jax.lax.optimization_barrier(((loss, grad_params), grad_rows))

        parts = jax.tree.map(
            lambda x: x.reshape(len(x) // slice_rows, slice_rows, *x.shape[1:]),
            (looked_up, batch, row_keys(rates.seed, step, places)),
        )
        zeros = ((jnp.zeros(()), jax.tree.map(jnp.zeros_like, params)), statistics)
        if ordered:
            sums, grad_rows = in_turn(of_slice, None, parts, step)[1]
            (loss, grad_params), _ = jax.lax.scan(add, zeros[0], jax.tree.map(of_all_devices, sums))
        else:
            (sums, statistics), grad_rows = (
                in_turn(add_slice, zeros, parts, step)
                if axes and setup.config.execution.slice_rows  # with automatic slices meshes round differently anyway
                else jax.lax.scan(add_slice, zeros, parts)
            )
            loss, grad_params = over_devices(sums)
        grad_rows = jax.tree.map(lambda x: x.reshape(count, *x.shape[2:]), grad_rows)
        return loss, grad_params, grad_rows, statistics

    return pass_of_device


def device_step(setup: Setup, mesh: Mesh | None, slice_rows: int, rates: Rates) -> Callable:
    """Returns a training step of one device: (state, columns, rows) -> state after the step, loss [] before it.

    The state is what the device holds (`layout.held`), and `rows` are the rows of its columns that it takes. Devices
    share the forward and backward pass. Each then updates its copy of the parameters, all alike, and the rows of tables
    that it holds.

    Args:
      setup: the setup of the run.
      mesh: the devices; None for one device.
      slice_rows: rows of a slice; they divide the rows that a device takes.
      rates: the rates of the run, or of one of its copies.
    """
    optimizer, table_optimizer = setup.optimizer(rates), setup.table_optimizer(rates)
    axes = () if mesh is None else batch_axes(mesh)
    gradients = device_gradients(setup, axes, slice_rows, rates)
    exchanges: dict[str, Exchange] = {
        name: exchange(table_optimizer, spec, mesh) for name, spec in setup.table_specs.items()
    }

    def step(state: TrainState, columns: Columns, rows: jax.Array) -> tuple[TrainState, jax.Array]:
        batch, named, in_batches, count = gathered(columns, rows), {}, {}, updates_taken(state)
        looked_up: Rows = empty_rows(setup.table_specs, len(rows))
        for name, table in state.tables.items():
            spec = setup.table_specs[name]
            numbers = table_rows(spec, batch.ids)  # [b, slots of the table]
            in_batches[name] = jnp.where(rows[:, None] >= 0, numbers, spec.rows).reshape(-1)
            named[name] = exchanges[name].named(in_batches[name])
            values = exchanges[name].read(table, state.slots[name], named[name], count)
            looked_up[name] = values.reshape(*numbers.shape, table.shape[1])

        loss, grad_params, grad_rows, statistics = gradients(
            state.params, state.statistics, looked_up, batch, state.step
        )
        if setup.skips:
            finite = all_finite((loss, grad_params, grad_rows), axes)
            for name, in_batch in in_batches.items():  # padding in place of the batch, so that no row is written
                named[name] = exchanges[name].named(jnp.where(finite, in_batch, setup.table_specs[name].rows))
        updates, optimizer_state = optimizer.update(grad_params, state.optimizer, state.params)
        params: Any = optax.apply_updates(state.params, updates)
        tables, slots = {}, {}
        for name, table in state.tables.items():
            tables[name], slots[name] = exchanges[name].update(
                table, state.slots[name], named[name], grad_rows[name].reshape(-1, table.shape[1]), count
            )
        after = TrainState(state.step + 1, params, tables, optimizer_state, slots, statistics)
        if setup.skips:
            return skipped_unless(finite, after, state, loss, dense=setup.config.optimizer.tables == 'adam')
        return after, loss

    return step


def make_chunk(setup: Setup, mesh: Mesh, cut: Cut, *, max_steps: int, streamed: bool = False) -> jax.stages.Wrapped:
    """Returns `steps_in_turn` of a run over a mesh, compiled; it donates the state, which is as `layout` has it.

    Args:
      setup: the setup of the run.
      mesh: the devices, which divide the rows of the columns.
      cut: how a batch is cut.
      max_steps: steps of a chunk at most.
      streamed: whether each device holds the rows that it takes, and the order counts within these.
    """
    step, axes = device_step(setup, mesh, cut.slice_rows, rates_of(setup.config)), batch_axes(mesh)
    in_turn = steps_in_turn(step, max_steps)
    if axes and not streamed:
        in_turn = in_groups(lambda size: steps_in_turn(step, size), max_steps, axes)
    specs, parts = state_specs(shapes_on(setup, mesh)), table_parts(mesh)

    def chunk(state, columns, order, first, count):
        state, losses = in_turn(held(state), columns, order, first, count)
        return stored(state, parts), losses

    in_specs = (specs, BY_ROW, OF_BATCHES, EVERYWHERE, EVERYWHERE)
    on_devices = jax.shard_map(chunk, mesh=mesh, check_vma=False, in_specs=in_specs, out_specs=(specs, EVERYWHERE))
    return jax.jit(on_devices, donate_argnums=0, compiler_options=setup.compiler_options)


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


def make_flush(setup: Setup, mesh: Mesh) -> Callable[[TrainState], TrainState]:
    """Returns state -> state with every row of its tables up to date, as evaluation and checkpoints need it.

    It donates the tables and slots of the state, which lies on the mesh.
    """
    table_optimizer, parts = setup.table_optimizer(), table_parts(mesh)
    if table_optimizer.flush is up_to_date:
        return lambda state: state
    if parts == 1:
        flush_table = jax.jit(table_optimizer.flush, donate_argnums=(0, 1), compiler_options=setup.compiler_options)
        return lambda state: flushed(state, flush_table)

    specs = state_specs(shapes_on(setup, mesh))

    def flush(state, turns):
        # In a loop, of one turn, a kernel writes in place; outside one XLA would copy tables and slots for it.
        state = jax.lax.fori_loop(0, turns, lambda _, state: flushed(state, table_optimizer.flush), held(state))
        return stored(state._replace(slots={name: filled(slots, name) for name, slots in state.slots.items()}), parts)

    def filled(slots, name):
        """Returns slots with 0 for steps of rows that only fill the last block, so that all meshes store the same."""
        rows, part = setup.table_specs[name].rows, jax.lax.axis_index(TABLE_AXIS)

        def of_array(array):
            if array.ndim != 1:
                return array
            return jnp.where(whole_numbers(jnp.arange(len(array)), part, parts) < rows, array, 0)

        return jax.tree.map(of_array, slots)

    on_devices = jax.shard_map(flush, mesh=mesh, check_vma=False, in_specs=(specs, EVERYWHERE), out_specs=specs)
    compiled = jax.jit(on_devices, donate_argnums=0, compiler_options=setup.compiler_options)
    return lambda state: compiled(state, 1)


def flushed(state: TrainState, flush_table: Callable) -> TrainState:
    """Returns the state with every row of its tables up to date, by the `flush` of a table optimizer."""
    tables, slots = {}, {}
    for name, table in state.tables.items():
        tables[name], slots[name] = flush_table(table, state.slots[name], updates_taken(state))
    return state._replace(tables=tables, slots=slots)
