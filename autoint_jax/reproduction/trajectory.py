"""Follows two configurations step by step from one start and compares their parameters."""

from typing import Any

import jax
import numpy as np

from autoint_jax.config.configuration import Config
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.training.fields import fitted_schema
from autoint_jax.training.step import order, placement, slices, steps
from autoint_jax.training.step.columns import resident_columns
from autoint_jax.training.step.layout import make_flush
from autoint_jax.training.step.state import TrainState, initial_state, make_setup


def after_steps(config: Config, data: PreparedData, count: int) -> TrainState:
    """Trains a run for some steps.

    Args:
      config: the configuration of the run.
      data: the prepared data.
      count: the number of steps; 0 gives the start.

    Returns:
      The state, with every table row up to date.
    """
    setup, mesh, columns = make_setup(config, fitted_schema(config, data)), placement.data_mesh(), data.split('train')
    batch_size = min(config.training.batch_size, len(columns))
    cut = slices.cut(batch_size, setup, mesh)
    chunk = steps.make_chunk(setup, mesh, cut, max_steps=count)
    state, resident = placement.replicate(initial_state(setup), mesh), resident_columns(columns, mesh)
    per_epoch = order.steps_per_epoch(len(columns), batch_size)
    for epoch in range(-(-count // per_epoch)):
        ordered = placement.replicate(
            order.epoch_order(
                config.seed, epoch, rows=len(columns), batch_size=batch_size, padded_batch=cut.padded_batch
            ),
            mesh,
        )
        state, _ = chunk(state, resident, ordered, 0, min(per_epoch, count - epoch * per_epoch))
    return make_flush(setup, mesh)(state)


def distances(start: TrainState, reference: TrainState, other: TrainState) -> dict[str, float]:
    """Compares two states.

    Returns:
      For tables and params, '..._difference': the mean absolute difference of `other` from `reference`, and
      '..._movement': that of `start` from `reference`.
    """
    return {
        f'{part}_{name}': _mean_difference(getattr(state, part), getattr(reference, part))
        for part in ('tables', 'params')
        for name, state in (('difference', other), ('movement', start))
    }


def _mean_difference(one: Any, other: Any) -> float:
    differences = [
        np.abs(np.asarray(a - b, np.float64)) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    ]
    return float(sum(array.sum() for array in differences) / sum(array.size for array in differences))
