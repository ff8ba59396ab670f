"""The logits of a whole split, and the scores from which its metrics are computed, by compiled programs."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding

from autoint_jax.data.store.columns import Columns
from autoint_jax.evaluation import sums
from autoint_jax.evaluation.sums import Scores
from autoint_jax.models.layers.tables import Rows, Tables
from autoint_jax.schema import Batch
from autoint_jax.training.processes.group import moved
from autoint_jax.training.step.columns import SharedRows, gathered
from autoint_jax.training.step.exchange import device_lookup
from autoint_jax.training.step.layout import held_tables, tables_specs
from autoint_jax.training.step.placement import BY_ROW, EVERYWHERE, batch_devices, replicate
from autoint_jax.training.step.slices import Cut, scoring_cut
from autoint_jax.training.step.state import Setup

# The number of rows that a streamed evaluation reads at a time, about.
BLOCK_ROWS = 1 << 16
# Batches of `BlockScorer` are whole multiples of so many rows of each device, and blocks have about so many rows.
WHOLE_ROWS, SCORED_ROWS = 512, 1 << 14


def make_evaluator(setup: Setup, mesh: Mesh, *, keep_logits: bool) -> Callable[[Any, Tables, Columns], Scores]:
    """Returns a function (variables, tables, columns [n]) -> scores for `Measures.figures`.

    Columns and scores are on the devices, and the function does not wait for them. They divide the rows to score; then
    each sorts all logits, so that metrics do not depend on the number of devices.

    Args:
      setup: the setup of the run.
      mesh: the devices.
      keep_logits: whether the scores hold the logits too.
    """

    @functools.partial(jax.jit, compiler_options=setup.compiler_options)
    def evaluate(variables, tables, columns):
        logits = jax.lax.with_sharding_constraint(
            _logits(setup, mesh, variables, tables, columns), NamedSharding(mesh, EVERYWHERE)
        )
        return Scores(sums.sums(logits, columns.labels), logits if keep_logits else None)

    return evaluate


def make_streamed_evaluator(setup: Setup, mesh: Mesh, *, keep_logits: bool) -> Callable[[Any, Tables, Columns], Scores]:
    """Returns a function like that of `make_evaluator` for columns on disk, which it reads and scores block by block.

    Only logits and labels stay on the devices.
    """
    score = _compiled_logits(setup, mesh)
    summed = jax.jit(sums.sums, compiler_options=setup.compiler_options)
    joined = jax.jit(jnp.concatenate, out_shardings=NamedSharding(mesh, EVERYWHERE))

    def evaluate(variables, tables, columns):
        count, logits, shared = len(columns), [], SharedRows(columns, mesh)
        batch = scoring_cut(min(count, setup.config.training.batch_size), setup, mesh).padded_batch
        block = batch * max(1, BLOCK_ROWS // batch)
        for first in range(0, count, block):
            # The last block repeats the last row, so that all blocks have one shape and one compilation.
            rows = np.minimum(np.arange(first, first + block), count - 1)
            logits.append(score(variables, tables, shared.on_devices(shared.read(rows), block)))
            moved()
        scored = joined(logits)[:count]
        return Scores(summed(scored, replicate(np.array(columns.labels), mesh)), scored if keep_logits else None)

    return evaluate


class BlockScorer:
    """Scores rows by one program for blocks of one size.

    So the logit of a row has the same bits wherever the row stands: in a split, in a file, or alone.

    Attributes:
      rows: the number of rows of a block.
    """

    def __init__(self, setup: Setup, mesh: Mesh):
        """Takes the setup of the run and the devices."""
        self._mesh, whole = mesh, WHOLE_ROWS * batch_devices(mesh)
        batch = scoring_cut(-(-setup.config.training.batch_size // whole) * whole, setup, mesh)
        self.rows = batch.padded_batch * max(1, SCORED_ROWS // batch.padded_batch)
        self._score = jax.jit(
            lambda variables, tables, columns: _logits(setup, mesh, variables, tables, columns, batch),
            out_shardings=NamedSharding(mesh, EVERYWHERE),
            compiler_options=setup.compiler_options,
        )

    def __call__(self, variables: Any, tables: Tables, columns: Columns) -> Iterator[jax.Array]:
        """Yields the logits of columns on the host or on disk, block by block, float32 [at most `rows`].

        The next block is read while the devices score one. All processes must call it, and take the same blocks.
        """
        shared, count = SharedRows(columns, self._mesh), len(columns)
        for first in range(0, count, self.rows):
            # The last block repeats the last row, so that all blocks have one shape.
            rows = np.minimum(np.arange(first, first + self.rows), count - 1)
            logits = self._score(variables, tables, shared.on_devices(shared.read(rows), self.rows))
            moved()
            yield logits[: count - first]


def make_scorer(setup: Setup, mesh: Mesh) -> Callable[[Any, Tables, Columns], np.ndarray]:
    """Returns a function (variables, tables, columns [n] on the devices) -> logits [n] on the host, in row order."""
    score = _compiled_logits(setup, mesh)
    return lambda variables, tables, columns: np.asarray(score(variables, tables, columns))


def _compiled_logits(setup: Setup, mesh: Mesh) -> Callable[[Any, Tables, Columns], jax.Array]:
    """Returns `_logits` as a compiled function (variables, tables, columns)."""
    return jax.jit(
        lambda variables, tables, columns: _logits(setup, mesh, variables, tables, columns),
        compiler_options=setup.compiler_options,
    )


def _logits(
    setup: Setup, mesh: Mesh, variables: Any, tables: Tables, columns: Columns, batch: Cut | None = None
) -> jax.Array:
    """Returns the logits of all rows, float32 [n]. It scores batches, the last one padded.

    They are cut as `batch` says, by default like batches of the size of training.
    """
    count = columns.labels.shape[0]
    part, rows = scored_rows(setup, mesh, count, batch)
    logits = device_logits(setup, device_lookup(setup.table_specs, mesh), part.slice_rows)
    on_devices = jax.shard_map(
        lambda variables, tables, columns, rows: logits(variables, held_tables(tables), columns, rows),
        mesh=mesh,
        check_vma=False,
        in_specs=(EVERYWHERE, tables_specs(tables), EVERYWHERE, BY_ROW),
        out_specs=BY_ROW,
    )
    return on_devices(variables, tables, columns, rows)[:count]


def scored_rows(setup: Setup, mesh: Mesh, count: int, batch: Cut | None = None) -> tuple[Cut, jax.Array]:
    """Returns how batches of scored rows are cut, and row numbers, int32 [padded]: 0 to `count - 1`, then -1.

    They are cut as `batch` says, by default like batches of the size of training.
    """
    part = batch or scoring_cut(min(count, setup.config.training.batch_size), setup, mesh)
    rows = jnp.arange(-(-count // part.padded_batch) * part.padded_batch)
    return part, jnp.where(rows < count, rows, -1)


def device_logits(setup: Setup, lookup: Callable[[Tables, Batch], Rows], slice_rows: int) -> Callable:
    """Returns a function of one device: (variables, tables, columns, its rows [n], -1 for padding) -> logits [n].

    It takes its rows slice by slice, and looks up the rows of tables that each slice needs.
    """

    def slice_logits(variables, tables, columns, rows):
        batch = gathered(columns, rows)
        return setup.model.apply(variables, lookup(tables, batch), batch, training=None)

    def logits_of_device(variables, tables, columns, rows):
        return jax.lax.map(
            lambda rows: slice_logits(variables, tables, columns, rows), rows.reshape(-1, slice_rows)
        ).reshape(-1)

    return logits_of_device
