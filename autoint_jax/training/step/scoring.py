"""Logits and metrics of a whole split as one compiled sweep."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding

from autoint_jax.data.store.columns import Columns
from autoint_jax.evaluation import sums
from autoint_jax.evaluation.sums import Scores
from autoint_jax.models.layers.tables import Tables, lookup
from autoint_jax.training.step.columns import gathered, rows_from_disk
from autoint_jax.training.step.placement import BY_ROW, EVERYWHERE, replicate
from autoint_jax.training.step.slices import Cut, scoring_cut
from autoint_jax.training.step.state import Setup

# Rows that a streamed evaluation reads at a time.
BLOCK_ROWS = 1 << 16


def make_evaluator(setup: Setup, mesh: Mesh, *, keep_logits: bool) -> Callable[[Any, Tables, Columns], Scores]:
    """(variables, tables, resident columns [n]) -> scores on the devices, for `Measures.figures`; does not wait for them.

    Devices share the rows to score; each then sorts all logits, so that figures do not depend on their number. The
    logits are returned too if `keep_logits`.
    """

    @jax.jit
    def evaluate(variables, tables, columns):
        logits = jax.lax.with_sharding_constraint(
            _logits(setup, mesh, variables, tables, columns), NamedSharding(mesh, EVERYWHERE)
        )
        return Scores(sums.sums(logits, columns.labels), logits if keep_logits else None)

    return evaluate


def make_streamed_evaluator(setup: Setup, mesh: Mesh, *, keep_logits: bool) -> Callable[[Any, Tables, Columns], Scores]:
    """As `make_evaluator`, of columns on disk, which are scored block by block; logits and labels stay on the devices."""
    score = jax.jit(lambda variables, tables, columns: _logits(setup, mesh, variables, tables, columns))
    summed = jax.jit(sums.sums)

    def evaluate(variables, tables, columns):
        count, logits = len(columns), []
        batch = scoring_cut(min(count, setup.config.training.batch_size), setup, mesh).padded_batch
        block = batch * max(1, BLOCK_ROWS // batch)
        for first in range(0, count, block):
            rows = np.minimum(
                np.arange(first, first + block), count - 1
            )  # the last block repeats a row: one compilation
            logits.append(score(variables, tables, replicate(rows_from_disk(columns, rows), mesh)))
        scored = jnp.concatenate(logits)[:count]
        return Scores(summed(scored, replicate(np.array(columns.labels), mesh)), scored if keep_logits else None)

    return evaluate


def make_scorer(setup: Setup, mesh: Mesh) -> Callable[[Any, Tables, Columns], np.ndarray]:
    """(variables, tables, resident columns [n]) -> logits, float32 [n] on the host, in row order."""
    score = jax.jit(lambda variables, tables, columns: _logits(setup, mesh, variables, tables, columns))
    return lambda variables, tables, columns: np.asarray(score(variables, tables, columns))


def _logits(setup: Setup, mesh: Mesh, variables: Any, tables: Tables, columns: Columns) -> jax.Array:
    """Logits of all rows, float32 [n].

    Scored in batches of the training size; rows past the end repeat row 0 and are dropped.
    """
    count = columns.labels.shape[0]
    part, rows = scored_rows(setup, mesh, count)
    on_devices = jax.shard_map(
        device_logits(setup, part.slice_rows),
        mesh=mesh,
        check_vma=False,
        in_specs=(EVERYWHERE, EVERYWHERE, EVERYWHERE, BY_ROW),
        out_specs=BY_ROW,
    )
    return on_devices(variables, tables, columns, rows)[:count]


def scored_rows(setup: Setup, mesh: Mesh, count: int) -> tuple[Cut, jax.Array]:
    """How rows are cut for scoring, and their numbers, int32 [n]: 0 to `count - 1`, then -1 up to whole batches."""
    part = scoring_cut(min(count, setup.config.training.batch_size), setup, mesh)
    rows = jnp.arange(-(-count // part.padded_batch) * part.padded_batch)
    return part, jnp.where(rows < count, rows, -1)


def device_logits(setup: Setup, slice_rows: int) -> Callable:
    """What each device does: (variables, tables, columns, its rows [n], -1 for none) -> their logits, float32 [n],
    slice by slice.
    """

    def of_slice(variables, tables, columns, rows):
        batch = gathered(columns, rows)
        return setup.model.apply(variables, lookup(tables, setup.table_specs, batch), batch, training=None)

    def of_device(variables, tables, columns, rows):
        return jax.lax.map(
            lambda rows: of_slice(variables, tables, columns, rows), rows.reshape(-1, slice_rows)
        ).reshape(-1)

    return of_device
