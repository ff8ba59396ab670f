"""Training steps: many steps compiled as one loop over resident data, the batch shared by all devices."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from autoint_jax.models.dropout import row_keys
from autoint_jax.models.tables import Rows, table_rows
from autoint_jax.schema import Batch
from autoint_jax.training.devices import DATA_AXIS, EVERYWHERE, Cut, Resident, gathered
from autoint_jax.training.state import Setup, TrainState
from autoint_jax.training.table_optimizers import up_to_date

BY_ROW = PartitionSpec(DATA_AXIS)


def summed_logloss(logits: jax.Array, *, labels: jax.Array, weights: jax.Array) -> jax.Array:
    """Weighted sum of -log p(label) over rows (Eq. 10), from logits [b]."""
    return jnp.sum(weights * optax.sigmoid_binary_cross_entropy(logits, labels))


def make_gradients(made: Setup, mesh: Mesh, slice_rows: int) -> Callable:
    """(params, looked-up rows, columns, rows [b], step) -> loss [], gradients of params, gradients of looked-up rows.

    The loss is the mean over the batch's rows of weight 1. Each device takes its part of the batch slice by slice, so
    that a slice's activations stay in cache; parameter gradients are summed over slices, then over devices.
    """

    def of_device(params, looked_up, columns, rows, step):
        batch = gathered(columns, rows)
        places = jax.lax.axis_index(DATA_AXIS) * len(rows) + jnp.arange(len(rows))
        total = jax.lax.psum(batch.weights.sum(), DATA_AXIS)

        def loss_of_slice(params: Any, looked_up: Rows, batch: Batch, places: jax.Array) -> jax.Array:
            keys = row_keys(made.config.seed, step, places)
            logits = made.model.apply({'params': params}, looked_up, batch, train=True, dropout_keys=keys)
            return summed_logloss(logits, labels=batch.labels, weights=batch.weights) / total

        def add_slice(sums, part):
            loss, (of_params, of_rows) = jax.value_and_grad(loss_of_slice, (0, 1))(params, *part)
            return jax.tree.map(jnp.add, sums, (loss, of_params)), of_rows

        parts = jax.tree.map(lambda x: x.reshape(len(x) // slice_rows, slice_rows, *x.shape[1:]),
                             (looked_up, batch, places))
        nothing = (jnp.zeros(()), jax.tree.map(jnp.zeros_like, params))
        sums, of_rows = jax.lax.scan(add_slice, nothing, parts)
        loss, of_params = jax.lax.psum(sums, DATA_AXIS)
        return loss, of_params, jax.tree.map(lambda x: x.reshape(len(rows), *x.shape[2:]), of_rows)

    return jax.shard_map(of_device, mesh=mesh, check_vma=False,
                         in_specs=(EVERYWHERE, BY_ROW, EVERYWHERE, BY_ROW, EVERYWHERE),
                         out_specs=(EVERYWHERE, EVERYWHERE, BY_ROW))


def make_step(made: Setup, mesh: Mesh, cut: Cut) -> Callable:
    """(state, columns, rows [padded_batch]) -> state after one step, mean logloss of the batch before it.

    Devices share the forward and backward pass; each then updates its copies of parameters and tables alike.
    """
    gradients, tables_learn = make_gradients(made, mesh, cut.slice_rows), made.table_optimizer

    def step(state: TrainState, columns: Resident, rows: jax.Array) -> tuple[TrainState, jax.Array]:
        numbers = table_rows(made.schema, columns.ids[jnp.maximum(rows, 0)])  # [b, slots]
        in_batch = jnp.where(rows[:, None] >= 0, numbers, made.schema.num_ids).reshape(-1)
        read = {name: tables_learn.read(table, state.slots[name], in_batch, state.step)
                for name, table in state.tables.items()}
        looked_up = {name: values.reshape(*numbers.shape, values.shape[1]) for name, (values, _) in read.items()}

        loss, of_params, of_rows = gradients(state.params, looked_up, columns, rows, state.step)
        updates, optimizer = made.optimizer.update(of_params, state.optimizer, state.params)
        params = optax.apply_updates(state.params, updates)
        # Gathering the rows' gradients moves less than summing tables' over devices would.
        of_rows = jax.lax.with_sharding_constraint(of_rows, NamedSharding(mesh, EVERYWHERE))
        tables, slots = {}, {}
        for name, table in state.tables.items():
            tables[name], slots[name] = tables_learn.update(
                table, state.slots[name], read[name][1], of_rows[name].reshape(-1, table.shape[1]), state.step)
        return TrainState(state.step + 1, params, tables, optimizer, slots), loss

    return step


def make_chunk(made: Setup, mesh: Mesh, cut: Cut, *, max_steps: int) -> Callable:
    """A compiled run of steps: (state, columns, order, first, count) -> state, losses [max_steps].

    Takes batches `first` to `first + count - 1` of `order` [steps, padded_batch]; `count` is at most `max_steps` and
    losses past it are 0. The bounds are arguments, so one compilation serves chunks of every length and results do not
    depend on where chunks end. The state is donated.
    """
    step = make_step(made, mesh, cut)

    def chunk(state, columns, order, first, count):
        def body(number, carry):
            state, losses = carry
            state, loss = step(state, columns, order[first + number])
            return state, losses.at[number].set(loss)

        return jax.lax.fori_loop(0, count, body, (state, jnp.zeros(max_steps)))

    return jax.jit(chunk, donate_argnums=0)


def make_flush(made: Setup) -> Callable[[TrainState], TrainState]:
    """state -> the same with every row of its tables up to date, as evaluation and checkpoints need it; donated."""
    if made.table_optimizer.flush is up_to_date:
        return lambda state: state
    of_table = jax.jit(made.table_optimizer.flush, donate_argnums=(0, 1))

    def flush(state):
        tables, slots = {}, {}
        for name, table in state.tables.items():
            tables[name], slots[name] = of_table(table, state.slots[name], state.step)
        return state._replace(tables=tables, slots=slots)

    return flush
