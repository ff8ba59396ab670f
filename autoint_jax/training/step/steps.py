"""Training steps: rows of tables, gradients, optimizers, and many steps compiled as one loop.

The whole loop runs within one `shard_map`: each device has its rows of every batch and what it holds of the state.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh

from autoint_jax.config.options import is_on
from autoint_jax.config.rates import NOTHING_VARIED, Rates, rates_of
from autoint_jax.data.store.columns import Columns
from autoint_jax.models.layers.tables import Rows, empty_rows, table_rows
from autoint_jax.schema import Batch
from autoint_jax.training.step.all_to_all import Counted, all_to_all, taken_where_it_fits
from autoint_jax.training.step.columns import gathered
from autoint_jax.training.step.exchange import Exchange, exchange
from autoint_jax.training.step.exchange_form import capacity, device_rows, is_all_to_all
from autoint_jax.training.step.layout import held, shapes_on, state_specs, stored
from autoint_jax.training.step.loss import device_gradients
from autoint_jax.training.step.placement import BY_ROW, EVERYWHERE, OF_BATCHES, batch_axes, table_parts
from autoint_jax.training.step.row_fetch import in_groups
from autoint_jax.training.step.skipping import all_finite, skipped_unless
from autoint_jax.training.step.slices import Cut
from autoint_jax.training.step.state import Setup, TrainState, updates_taken
from autoint_jax.training.tables.row_rules import clip_scale, squared

NO_LOSS = np.float32(0)  # has the shape and type of a step's loss
Exchanges = dict[str, Exchange]  # name of a table -> its exchange


def device_step(setup: Setup, mesh: Mesh | None, cut: Cut, rates: Rates) -> Callable:
    """Returns a training step of one device: (state, columns, rows) -> state after the step, loss [] before it.

    In the all-to-all form the step returns `Counted` in place of the loss.

    The state is what the device holds (`layout.held`), and `rows` are the rows of its columns that it takes. Devices
    share the forward and backward pass. Each then updates its copy of the parameters, all alike, and the rows of tables
    that it holds.

    Args:
      setup: the setup of the run.
      mesh: the devices; None for one device.
      cut: how a batch is cut.
      rates: the rates of the run, or of one of its copies.
    """
    table_optimizer = setup.table_optimizer(rates)
    axes = () if mesh is None else batch_axes(mesh)
    gradients = device_gradients(setup, axes, cut, rates)
    gathered_exchanges: Exchanges = {
        name: exchange(table_optimizer, spec, mesh) for name, spec in setup.table_specs.items()
    }

    def numbers_of(state, batch: Batch, rows):
        """Returns {name of a table: the numbers of the rows that the batch looks up, v for padding, int32 [n]}."""
        specs = {name: setup.table_specs[name] for name in state.tables}
        return {
            name: jnp.where(rows[:, None] >= 0, table_rows(spec, batch.ids), spec.rows).reshape(-1)
            for name, spec in specs.items()
        }

    def step_by(exchanges: Exchanges, state: TrainState, batch: Batch, numbers, named):
        named, count = dict(named), updates_taken(state)
        looked_up: Rows = empty_rows(setup.table_specs, len(batch.labels))
        for name, table in state.tables.items():
            values = exchanges[name].read(table, state.slots[name], named[name], count)
            looked_up[name] = values.reshape(len(batch.labels), -1, table.shape[1])

        loss, grad_params, grad_rows, statistics = gradients(
            state.params, state.statistics, looked_up, batch, state.step
        )
        if setup.skips:
            finite = all_finite((loss, grad_params, grad_rows), axes)
            for name, in_batch in numbers.items():  # padding in place of the batch, so that no row is written
                named[name] = exchanges[name].named(jnp.where(finite, in_batch, setup.table_specs[name].rows))
        if is_on(rates.l2_params):
            grad_params = jax.tree.map(lambda own, value: own + rates.l2_params * value, grad_params, state.params)
        received = {
            name: exchanges[name].received(named[name], grad_rows[name].reshape(-1, table.shape[1]))
            for name, table in state.tables.items()
        }
        scale = None
        if is_on(rates.clip_norm):
            squares = squared(grad_params)
            for name, table in state.tables.items():
                own = table, state.slots[name], named[name], received[name]
                squares = squares + exchanges[name].squares(*own, count)
            scale = clip_scale(squares, rates.clip_norm)
            grad_params = jax.tree.map(lambda own: own * scale, grad_params)
        optimizer = setup.optimizer(rates, count)
        updates, optimizer_state = optimizer.update(grad_params, state.optimizer, state.params)
        params: Any = optax.apply_updates(state.params, updates)
        tables, slots = {}, {}
        for name, table in state.tables.items():
            own = table, state.slots[name], named[name], received[name]
            tables[name], slots[name] = exchanges[name].update(*own, count, scale)
        after = TrainState(state.step + 1, params, tables, optimizer_state, slots, statistics)
        if setup.skips:
            return skipped_unless(finite, after, state, loss, dense=setup.config.optimizer.tables == 'adam')
        return after, loss

    def gathered_step(state: TrainState, batch: Batch, numbers):
        return step_by(gathered_exchanges, state, batch, numbers, named_by(gathered_exchanges, numbers))

    def step(state: TrainState, columns: Columns, rows: jax.Array) -> tuple[TrainState, Any]:
        batch = gathered(columns, rows)
        numbers = numbers_of(state, batch, rows)
        if mesh is None or not is_all_to_all(setup, mesh, len(rows)):
            return gathered_step(state, batch, numbers)
        parts, options = table_parts(mesh), setup.config.mesh
        exchanges: Exchanges = {
            name: all_to_all(table_optimizer, spec, mesh, capacity(options, spec, parts, len(rows)))
            for name, spec in setup.table_specs.items()
        }
        named = named_by(exchanges, numbers)

        def otherwise(state):
            # Numbers that depend on the loop, out of which XLA would else move what is done with them alone: every step
            # would gather and sort the numbers of all devices.
            count, of_loop = jax.lax.optimization_barrier((state.step, numbers))
            return gathered_step(state._replace(step=count), batch, of_loop)

        return taken_where_it_fits(
            lambda state: step_by(exchanges, state, batch, numbers, named), otherwise, state, named, axes
        )

    return step


def named_by(exchanges: Exchanges, numbers: dict[str, jax.Array]) -> dict[str, Any]:
    """Returns {name of a table: rows as its exchange takes them}, from their numbers."""
    return {name: exchanges[name].named(of_table) for name, of_table in numbers.items()}


def make_chunk(setup: Setup, mesh: Mesh, cut: Cut, *, max_steps: int, streamed: bool = False) -> jax.stages.Wrapped:
    """Returns `steps_in_turn` of a run over a mesh, compiled; it donates the state, which is as `layout` has it.

    After the arguments of `steps_in_turn` it takes {name in `Rates`: value} of rates that differ from those of the
    configuration, if any. In the all-to-all form it returns `Counted` in place of losses, and `figures_of_steps` reads
    both.

    Args:
      setup: the setup of the run.
      mesh: the devices, which divide the rows of the columns.
      cut: how a batch is cut.
      max_steps: steps of a chunk at most.
      streamed: whether each device holds the rows that it takes, and the order counts within these.
    """
    axes = batch_axes(mesh)
    loss: Any = NO_LOSS
    if is_all_to_all(setup, mesh, device_rows(cut, mesh)):
        loss = Counted(loss, np.int32(0))
    specs, parts = state_specs(shapes_on(setup, mesh)), table_parts(mesh)

    def on_device(state, columns, order, first, count, varied):
        step = device_step(setup, mesh, cut, rates_of(setup.config)._replace(**varied))
        all_in_turn = steps_in_turn(step, max_steps, loss)
        if axes and not streamed:
            all_in_turn = in_groups(lambda size: steps_in_turn(step, size, loss), max_steps, axes, loss)
        state, losses = all_in_turn(held(state), columns, order, first, count)
        return stored(state, parts), losses

    in_specs = (specs, BY_ROW, OF_BATCHES, EVERYWHERE, EVERYWHERE, EVERYWHERE)
    on_devices = jax.shard_map(on_device, mesh=mesh, check_vma=False, in_specs=in_specs, out_specs=(specs, EVERYWHERE))

    def chunk(state, columns, order, first, count, varied=NOTHING_VARIED):
        return on_devices(state, columns, order, first, count, dict(varied))

    return jax.jit(chunk, donate_argnums=0, compiler_options=setup.compiler_options)


def steps_in_turn(step: Callable, max_steps: int, loss: Any = NO_LOSS) -> Callable:
    """Returns a loop over steps: (state, columns, order, first, count) -> state, losses [max_steps].

    The loop takes the batches `first` to `first + count - 1` of `order`, int32 [steps, padded_batch]. `count` is at
    most `max_steps`, and losses after the first `count` are 0. The bounds are arguments, so one compilation serves
    chunks of every length, and results do not depend on where chunks end.

    Args:
      step: the step, from `device_step`.
      max_steps: the most steps of a call.
      loss: a value of the shape and type of what the step returns beside the state.
    """

    def chunk(state, columns, order, first, count):
        def body(number, carry):
            state, losses = carry
            state, loss = step(state, columns, order[first + number])
            return state, jax.tree.map(lambda of_all, of_step: of_all.at[number].set(of_step), losses, loss)

        none = jax.tree.map(lambda value: jnp.zeros(max_steps, value.dtype), loss)
        return jax.lax.fori_loop(0, count, body, (state, none))

    return chunk


def figures_of_steps(losses: Any, count: int) -> tuple[np.ndarray, int | None]:
    """Returns the losses of the first `count` steps of a chunk, float32 [count], and how many of them overflowed.

    The latter is None where no step can overflow. It waits until the chunk has been computed.
    """
    if isinstance(losses, Counted):
        return np.asarray(losses.loss)[:count], int(np.asarray(losses.overflowed)[:count].sum())
    return np.asarray(losses)[:count], None
