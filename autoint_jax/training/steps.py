"""Training steps: many steps compiled as one loop over resident data, the batch shared by all devices."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh, PartitionSpec

from autoint_jax.models.dropout import row_keys
from autoint_jax.models.tables import Rows, lookup, table_rows
from autoint_jax.schema import Batch
from autoint_jax.training.devices import DATA_AXIS, EVERYWHERE, Cut, Resident, gathered
from autoint_jax.training.state import Setup, TrainState

BY_ROW = PartitionSpec(DATA_AXIS)


def summed_logloss(logits: jax.Array, *, labels: jax.Array, weights: jax.Array) -> jax.Array:
    """Weighted sum of -log p(label) over rows (Eq. 10), from logits [b]."""
    return jnp.sum(weights * optax.sigmoid_binary_cross_entropy(logits, labels))


def make_gradients(made: Setup, mesh: Mesh, slice_rows: int) -> Callable:
    """(params, tables, columns, rows [b], step) -> loss [], gradients of params, gradients of looked-up rows.

    The loss is the mean over the batch's rows of weight 1. Each device takes its part of the batch slice by slice, so
    that a slice's activations stay in cache; parameter gradients are summed over slices, then over devices.
    """

    def of_device(params, tables, columns, rows, step):
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
                             (lookup(tables, made.schema, batch), batch, places))
        nothing = (jnp.zeros(()), jax.tree.map(jnp.zeros_like, params))
        sums, of_rows = jax.lax.scan(add_slice, nothing, parts)
        loss, of_params = jax.lax.psum(sums, DATA_AXIS)
        return loss, of_params, jax.tree.map(lambda x: x.reshape(len(rows), *x.shape[2:]), of_rows)

    return jax.shard_map(of_device, mesh=mesh, check_vma=False,
                         in_specs=(EVERYWHERE, EVERYWHERE, EVERYWHERE, BY_ROW, EVERYWHERE), out_specs=(EVERYWHERE, EVERYWHERE, BY_ROW))


def make_step(made: Setup, mesh: Mesh, cut: Cut) -> Callable:
    """(state, columns, rows [padded_batch]) -> state after one step, mean logloss of the batch before it."""
    gradients = make_gradients(made, mesh, cut.slice_rows)

    def step(state: TrainState, columns: Resident, rows: jax.Array) -> tuple[TrainState, jax.Array]:
        loss, of_params, of_rows = gradients(state.params, state.tables, columns, rows, state.step)
        numbers = table_rows(made.schema, columns.ids[jnp.maximum(rows, 0)])
        of_tables = {name: jnp.zeros_like(table).at[numbers].add(of_rows[name])
                     for name, table in state.tables.items()}
        trained = {'params': state.params, 'tables': state.tables}
        updates, optimizer = made.optimizer.update({'params': of_params, 'tables': of_tables}, state.optimizer, trained)
        trained = optax.apply_updates(trained, updates)
        return TrainState(state.step + 1, trained['params'], trained['tables'], optimizer), loss

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
