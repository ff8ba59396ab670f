"""The compiled programs of copies of a run: each device of the axis `replica` takes some of the copies.

What is stacked has a leading axis of copies. Copies of a device go one after the other (`lax.map`) on CPUs, where a copy's data then stay
in cache, and `together` (`vmap`) on accelerators.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, PartitionSpec

from autoint_jax.data.store.columns import Columns
from autoint_jax.evaluation import sums
from autoint_jax.evaluation.sums import Scores
from autoint_jax.training.step.placement import DATA_AXIS, EVERYWHERE
from autoint_jax.training.step.scoring import device_logits, scored_rows
from autoint_jax.training.step.slices import Cut
from autoint_jax.training.step.state import Setup, TrainState, varied
from autoint_jax.training.step.steps import device_gradients, flushed, make_step, steps_in_turn
from autoint_jax.training.tables.optimizer import up_to_date

REPLICA_AXIS = 'replica'
BY_COPY = PartitionSpec(REPLICA_AXIS)


def replica_mesh(copies: int, devices: list[jax.Device] | None = None) -> Mesh:
    """A mesh over the given or all visible devices of this host, no more than copies: [replica, data], one device a copy's batch."""
    devices = (jax.local_devices() if devices is None else devices)[:copies]
    return Mesh(np.array(devices)[:, None], (REPLICA_AXIS, DATA_AXIS), axis_types=(AxisType.Auto, AxisType.Auto))


def go_together(mesh: Mesh) -> bool:
    """Whether copies go together on the devices of a mesh."""
    return mesh.devices.flat[0].platform != 'cpu'


def _of_copies(of_copy: Callable, mesh: Mesh, *, together: bool, shared: int) -> Callable:
    """A function of one copy -> of stacked copies over a mesh; its last `shared` arguments are the same for all."""

    def of_device(*arguments):
        of_each, of_all = arguments[: len(arguments) - shared], arguments[len(arguments) - shared :]
        if together:
            return jax.vmap(lambda *own: of_copy(*own, *of_all))(*of_each)
        return jax.lax.map(lambda own: of_copy(*own, *of_all), of_each)

    def of_mesh(*arguments):
        specs = (BY_COPY,) * (len(arguments) - shared) + (EVERYWHERE,) * shared
        return jax.shard_map(of_device, mesh=mesh, check_vma=False, in_specs=specs, out_specs=BY_COPY)(*arguments)

    return of_mesh


def make_chunk(made: Setup, mesh: Mesh, cut: Cut, *, max_steps: int, together: bool) -> Callable:
    """(states, options {path: [r]}, orders [r, steps, padded_batch], count [r], columns, first []) -> states, losses [r, max_steps].

    `steps_in_turn` of every copy, with options in which copies differ in place of those of `made`; a copy whose count is 0 is left as
    it is. The states are donated.
    """

    def of_copy(state, options, order, count, columns, first):
        own = varied(made, options)
        return steps_in_turn(make_step(own, device_gradients(own, cut.slice_rows)), max_steps)(
            state, columns, order, first, count
        )

    return jax.jit(_of_copies(of_copy, mesh, together=together, shared=2), donate_argnums=0)


def make_flush(made: Setup, mesh: Mesh, *, together: bool) -> Callable:
    """(states, options {path: [r]}) -> the states with every row of their tables up to date; donated."""
    if made.table_optimizer.flush is up_to_date:
        return lambda states, options: states
    return jax.jit(
        _of_copies(
            lambda state, options: flushed(state, varied(made, options).table_optimizer.flush),
            mesh,
            together=together,
            shared=0,
        ),
        donate_argnums=0,
    )


def make_evaluator(
    made: Setup, mesh: Mesh, *, together: bool, keep_logits: bool
) -> Callable[[Any, Any, Columns], Scores]:
    """(variables, tables, resident columns [n]) -> scores of every copy, [r, ...], for `Measures.figures`."""

    def of_copy(variables, tables, columns):
        count = columns.labels.shape[0]
        cut, rows = scored_rows(made, mesh, count)
        logits = device_logits(made, cut.slice_rows)(variables, tables, columns, rows)[:count]
        return Scores(sums.sums(logits, columns.labels), logits if keep_logits else None)

    return jax.jit(_of_copies(of_copy, mesh, together=together, shared=1))


def stacked(states: list[TrainState], mesh: Mesh) -> TrainState:
    """States of copies -> one with a leading axis of copies, which the devices of the mesh share."""
    placed = jax.sharding.NamedSharding(mesh, BY_COPY)
    return jax.tree.map(
        lambda *arrays: jax.device_put(jnp.stack([np.asarray(array) for array in arrays]), placed), *states
    )
