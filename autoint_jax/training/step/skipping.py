"""Steps that are skipped because their loss or a gradient is not finite.

A skipped step leaves everything as it was, but the step number advances, so that the next step takes the next batch.
There is no branch around tables, which would copy them: sparse optimizers see padding in place of the batch and write
nothing, and the rest of the state is selected. Dense Adam writes all rows anyway, so its tables are selected too, and a
step needs memory for one table more.
"""

from typing import Any

import jax
import jax.numpy as jnp

from autoint_jax.training.step.state import TrainState


def all_finite(values: Any, axes: tuple[str, ...]) -> jax.Array:
    """Returns whether all values of a tree are finite on all devices, bool [].

    Args:
      values: a tree of arrays.
      axes: the axes of the mesh that share a batch.
    """
    finite = jnp.stack([jnp.isfinite(value).all() for value in jax.tree.leaves(values)]).all()
    return jax.lax.pmin(finite.astype(jnp.int32), axes) > 0 if axes else finite


def skipped_unless(
    finite: jax.Array, after: TrainState, before: TrainState, loss: jax.Array, *, dense: bool
) -> tuple[TrainState, jax.Array]:
    """Returns the state after a step, or with the step counted as skipped; and the loss of the step, NaN if skipped.

    Args:
      finite: whether the step is taken, bool [].
      after: the state after the step.
      before: the state before the step, whose optimizer state is a `Skipping`.
      loss: the loss of the step.
      dense: whether the optimizer of tables writes all rows, also for a batch of padding.
    """

    def chosen(new: Any, old: Any) -> Any:
        return jax.tree.map(lambda one, other: jnp.where(finite, one, other), new, old)

    optimizer = chosen(after.optimizer, before.optimizer)
    found = after._replace(
        params=chosen(after.params, before.params),
        optimizer=optimizer._replace(skipped=before.optimizer.skipped + (1 - finite.astype(jnp.int32))),
        statistics=chosen(after.statistics, before.statistics),
    )
    if dense:
        found = found._replace(tables=chosen(after.tables, before.tables), slots=chosen(after.slots, before.slots))
    return found, jnp.where(finite, loss, jnp.nan)
