"""The compiled programs of copies of a run. Each device of the axis `replica` takes some of the copies.

Stacked arrays have a leading axis [r] of copies. The copies of a device go one after the other (`lax.map`) on CPUs,
where the data of a copy then stay in cache, and together (`vmap`) on accelerators.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, PartitionSpec

from autoint_jax.config.rates import rates_of
from autoint_jax.data.store.columns import Columns
from autoint_jax.evaluation import sums
from autoint_jax.evaluation.sums import Scores
from autoint_jax.training.step.exchange import device_lookup
from autoint_jax.training.step.exchange_form import device_rows
from autoint_jax.training.step.layout import flushed
from autoint_jax.training.step.placement import DATA_AXIS, EVERYWHERE, TABLE_AXIS
from autoint_jax.training.step.scoring import device_logits, scored_batch, scored_rows
from autoint_jax.training.step.slices import Cut
from autoint_jax.training.step.state import Setup, TrainState
from autoint_jax.training.step.steps import device_step, steps_in_turn
from autoint_jax.training.tables.optimizer import up_to_date

REPLICA_AXIS = 'replica'
TOGETHER = 'together'  # the copies of a device that go together
BY_COPY = PartitionSpec(REPLICA_AXIS)


def replica_mesh(copies: int, devices: list[jax.Device] | None = None) -> Mesh:
    """Returns a mesh [replica, data, table] over at most `copies` devices; one device takes the whole batch of a copy.

    Args:
      copies: number of copies.
      devices: the devices to choose from; by default all visible devices of this host.
    """
    devices = (jax.local_devices() if devices is None else devices)[:copies]
    return Mesh(
        np.array(devices)[:, None, None], (REPLICA_AXIS, DATA_AXIS, TABLE_AXIS), axis_types=(AxisType.Auto,) * 3
    )


def go_together(mesh: Mesh) -> bool:
    """Returns whether the copies of a device go together, as accelerators need it, or one after the other."""
    return mesh.devices.flat[0].platform != 'cpu'


def _over_copies(function: Callable, mesh: Mesh, *, together: bool, shared: int) -> Callable:
    """Returns a function of stacked copies over a mesh from a function of one copy.

    The last `shared` arguments are common to all copies; the others are stacked.
    """

    def on_device(*arguments):
        stacked_ones, common = arguments[: len(arguments) - shared], arguments[len(arguments) - shared :]
        if together:
            return jax.vmap(lambda *own: function(*own, *common), axis_name=TOGETHER)(*stacked_ones)
        return jax.lax.map(lambda own: function(*own, *common), stacked_ones)

    def on_mesh(*arguments):
        specs = (BY_COPY,) * (len(arguments) - shared) + (EVERYWHERE,) * shared
        return jax.shard_map(on_device, mesh=mesh, check_vma=False, in_specs=specs, out_specs=BY_COPY)(*arguments)

    return on_mesh


def make_chunk(setup: Setup, mesh: Mesh, cut: Cut, *, max_steps: int, together: bool) -> jax.stages.Wrapped:
    """Returns `steps_in_turn` of every copy, compiled; it donates the states.

    The function takes (states, varied {rate: [r]}, orders [r, steps, padded_batch], count [r], columns, first []) and
    returns (states, losses [r, max_steps]). `varied` has the rates in which copies differ; the others are those of the
    setup's configuration. A copy whose count is 0 is left as it is.
    """

    def one_copy(state, varied, order, count, columns, first):
        rates = rates_of(setup.config)._replace(**varied)
        step = device_step(setup, None, cut, rates)
        if not together:
            return steps_in_turn(step, max_steps)(state, columns, order, first, count)
        return _steps_together(setup, step, max_steps)(state, columns, order, first, count)

    program = _over_copies(one_copy, mesh, together=together, shared=2)
    return jax.jit(program, donate_argnums=0, compiler_options=setup.compiler_options)


def _steps_together(setup: Setup, step: Callable, max_steps: int) -> Callable:
    """Returns `steps_in_turn` for the copies that `vmap` takes together.

    All copies loop as often as the one with most steps. A loop whose length differed between copies would select whole
    tables at every step, and so make every optimizer dense. A copy that has taken its steps sees padding instead of its
    batch, so that a sparse optimizer leaves its tables alone. The rest of its state, and tables of dense Adam, which
    that rewrites anyway, are selected.
    """
    dense = setup.config.optimizer.tables == 'adam'

    def chunk(state, columns, order, first, count):
        def body(number, carry):
            state, losses = carry
            going = number < count
            after, loss = step(state, columns, jnp.where(going, order[first + number], -1))
            if not dense:
                state = state._replace(tables=after.tables, slots=after.slots)
            after = jax.tree.map(lambda new, old: new if new is old else jnp.where(going, new, old), after, state)
            return after, losses.at[number].set(jnp.where(going, loss, 0.0))

        return jax.lax.fori_loop(0, jax.lax.pmax(count, TOGETHER), body, (state, jnp.zeros(max_steps)))

    return chunk


def make_flush(setup: Setup, mesh: Mesh, *, together: bool) -> Callable:
    """Returns (states, varied {rate: [r]}) -> the states with every row of their tables up to date; it donates them."""
    if setup.table_optimizer().flush is up_to_date:
        return lambda states, varied: states

    def one_copy(state, varied):
        rates = rates_of(setup.config)._replace(**varied)
        return flushed(state, setup.table_optimizer(rates).flush)

    program = _over_copies(one_copy, mesh, together=together, shared=0)
    return jax.jit(program, donate_argnums=0, compiler_options=setup.compiler_options)


def make_evaluator(
    setup: Setup, mesh: Mesh, *, together: bool, keep_logits: bool
) -> Callable[[Any, Any, Columns], Scores]:
    """Returns (variables, tables, whole columns [n]) -> scores of every copy, [r, ...], for `Measures.figures`."""

    found = device_lookup(setup.table_specs, mesh)

    def one_copy(variables, tables, columns):
        count = columns.labels.shape[0]
        cut = scored_batch(setup, mesh, count)
        rows = scored_rows(cut, mesh, count)
        score = device_logits(setup, found, cut.slice_rows, device_rows(cut, mesh))
        logits = score(variables, tables, columns, rows)[:count]
        return Scores(sums.sums(logits, columns.labels, columns.soft_labels), logits if keep_logits else None)

    program = _over_copies(one_copy, mesh, together=together, shared=1)
    return jax.jit(program, compiler_options=setup.compiler_options)


def stacked(states: list[TrainState], mesh: Mesh) -> TrainState:
    """Returns the states of copies as one state with a leading axis [r], which the devices of the mesh divide."""
    placed = jax.sharding.NamedSharding(mesh, BY_COPY)
    return jax.tree.map(
        lambda *arrays: jax.device_put(jnp.stack([np.asarray(array) for array in arrays]), placed), *states
    )
