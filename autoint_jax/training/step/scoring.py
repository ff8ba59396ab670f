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
from autoint_jax.training.step.columns import ResidentColumns, SharedRows, gathered, resident_columns
from autoint_jax.training.step.exchange import device_lookup
from autoint_jax.training.step.exchange_form import device_rows
from autoint_jax.training.step.layout import held_tables, tables_specs
from autoint_jax.training.step.placement import BY_ROW, EVERYWHERE, batch_devices
from autoint_jax.training.step.slices import Cut, scoring_cut
from autoint_jax.training.step.state import Setup

# The number of rows that a streamed evaluation reads at a time, about.
BLOCK_ROWS = 1 << 16
# Batches of `BlockScorer` are whole multiples of so many rows of each device, and blocks have about so many rows.
WHOLE_ROWS, SCORED_ROWS = 512, 1 << 14


def scored_columns(setup: Setup, columns: Columns, mesh: Mesh) -> ResidentColumns:
    """Copies columns from disk to the devices that score them: the devices divide the rows, each holds whole slices.

    So a row has the same place in its slice on any number of devices, and its logit the same bits.
    """
    return resident_columns(columns, mesh, scored_batch(setup, mesh, len(columns)).slice_rows)


def make_evaluator(setup: Setup, mesh: Mesh, *, keep_logits: bool) -> Callable[[Any, Tables, Columns], Scores]:
    """Returns a function (variables, tables, columns [n]) -> scores for `Measures.figures`.

    Columns and scores are on the devices, and the function does not wait for them. Each device scores the rows that it
    holds; then each gets and sorts all logits, so that metrics do not depend on the number of devices.

    Args:
      setup: the setup of the run.
      mesh: the devices.
      keep_logits: whether the scores hold the logits too.
    """

    @functools.partial(jax.jit, compiler_options=setup.compiler_options)
    def evaluate(variables, tables, columns):
        scored = _logits(setup, mesh, variables, tables, columns), columns.labels, columns.soft_labels
        scored = jax.lax.with_sharding_constraint(scored, NamedSharding(mesh, EVERYWHERE))
        logits, labels, soft_labels = jax.tree.map(lambda array: array[: len(columns)], scored)
        return Scores(sums.sums(logits, labels, soft_labels), logits if keep_logits else None)

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
        labels: list[tuple[jax.Array, ...]] = []  # of each block, and soft labels where there are any
        batch = scored_batch(setup, mesh, count).padded_batch
        block = batch * max(1, BLOCK_ROWS // batch)
        for first in range(0, count, block):
            # The last block repeats the last row, so that all blocks have one shape and one compilation.
            rows = np.minimum(np.arange(first, first + block), count - 1)
            scored = shared.on_devices(shared.read(rows))
            logits.append(score(variables, tables, scored))
            labels.append((scored.labels,) if scored.soft_labels is None else (scored.labels, scored.soft_labels))
            moved()
        whole = joined(logits)[:count]
        known = (joined(list(blocks))[:count] for blocks in zip(*labels, strict=True))
        return Scores(summed(whole, *known), whole if keep_logits else None)

    return evaluate


class BlockScorer:
    """Scores rows by one program for blocks of one size.

    So the logit of a row has the same bits wherever the row stands: in a split, in a file, or alone. Slices of a block
    that hold no row are not computed, so that few rows take little time.

    Attributes:
      rows: the number of rows of a block.
    """

    def __init__(self, setup: Setup, mesh: Mesh):
        """Takes the setup of the run and the devices."""
        self._mesh, whole = mesh, WHOLE_ROWS * batch_devices(mesh)
        batch = scoring_cut(-(-setup.config.training.batch_size // whole) * whole, setup, mesh)
        self.rows = batch.padded_batch * max(1, SCORED_ROWS // batch.padded_batch)
        self._score = jax.jit(
            lambda variables, tables, columns, present: _logits(
                setup, mesh, variables, tables, columns, batch, present
            ),
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
            present = np.int32(min(self.rows, count - first))
            logits = self._score(variables, tables, shared.on_devices(shared.read(rows)), present)
            moved()
            yield logits[: count - first]


def make_scorer(setup: Setup, mesh: Mesh) -> Callable[[Any, Tables, Columns], np.ndarray]:
    """Returns a function (variables, tables, columns [n] on the devices) -> logits [n] on the host, in row order."""
    score = _compiled_logits(setup, mesh)
    return lambda variables, tables, columns: np.asarray(score(variables, tables, columns))[: len(columns)]


def _compiled_logits(setup: Setup, mesh: Mesh) -> Callable[[Any, Tables, Columns], jax.Array]:
    """Returns `_logits` as a compiled function (variables, tables, columns)."""
    return jax.jit(
        lambda variables, tables, columns: _logits(setup, mesh, variables, tables, columns),
        compiler_options=setup.compiler_options,
    )


def _logits(
    setup: Setup,
    mesh: Mesh,
    variables: Any,
    tables: Tables,
    columns: Columns,
    batch: Cut | None = None,
    present: jax.Array | None = None,
) -> jax.Array:
    """Returns the logits of the rows on the devices, float32 [rows], those included that stand for no row.

    Each device takes its rows as parts of batches. These are cut as `batch` says, by default like batches of the size
    of training. If only the first `present` rows are wanted, int32 [], others may get 0.
    """
    lookup, cut = device_lookup(setup.table_specs, mesh), batch or scored_batch(setup, mesh, len(columns))

    def of_device(variables, tables, held, present):
        count = held.labels.shape[0]
        rows = scored_rows(cut, mesh, count)
        logits = device_logits(setup, lookup, cut.slice_rows, device_rows(cut, mesh))
        # All devices look up rows together, so all take as many turns as the first one, which holds the most rows.
        most = None if present is None else jnp.minimum(present, count)
        return logits(variables, held_tables(tables), held, rows, most)[:count]

    specs = (EVERYWHERE, tables_specs(tables), BY_ROW, EVERYWHERE)
    on_devices = jax.shard_map(of_device, mesh=mesh, check_vma=False, in_specs=specs, out_specs=BY_ROW)
    return on_devices(variables, tables, columns, present)


def scored_batch(setup: Setup, mesh: Mesh, count: int) -> Cut:
    """Returns the cut of batches, of the size of training, in which `count` rows are scored."""
    return scoring_cut(min(count, setup.config.training.batch_size), setup, mesh)


def scored_rows(cut: Cut, mesh: Mesh, held: int) -> jax.Array:
    """Returns numbers of the `held` rows that a device holds, int32 [padded]: 0 to `held - 1`, then -1.

    They fill up its parts of whole batches, which are cut as `cut` says.
    """
    part = device_rows(cut, mesh)
    rows = jnp.arange(-(-held // part) * part)
    return jnp.where(rows < held, rows, -1)


def device_logits(setup: Setup, lookup: Callable[[Tables, Batch], Rows], slice_rows: int, part_rows: int) -> Callable:
    """Returns a function of one device: (variables, tables, columns, its rows [n], -1 for padding) -> logits [n].

    As a fifth argument it takes the number of the first rows that are wanted, int32 []; others may get 0.

    It takes its rows slice by slice, and looks up the rows of tables that each slice needs. With ordered sums it looks
    them up for a whole part of a batch instead, as a training step does: in one loop with the look-up, XLA compiles the
    model in ways that depend on the mesh.

    Args:
      setup: the setup of the run.
      lookup: `exchange.device_lookup`.
      slice_rows: rows of a slice.
      part_rows: rows of a part of a batch, a multiple of slice_rows that divides n.
    """

    def in_slices(rows, size):
        return jax.tree.map(lambda x: x.reshape(len(x) // size, size, *x.shape[1:]), rows)

    def part_logits(variables, tables, columns, rows):
        batch = gathered(columns, rows)
        parts = in_slices((lookup(tables, batch), batch), slice_rows)
        return jax.lax.map(lambda part: setup.model.apply(variables, *part, training=None), parts).reshape(-1)

    def slice_logits(variables, tables, columns, rows):
        batch = gathered(columns, rows)
        return setup.model.apply(variables, lookup(tables, batch), batch, training=None)

    ordered = setup.config.mesh.ordered_sums
    logits, size = (part_logits, part_rows) if ordered else (slice_logits, slice_rows)

    def logits_of_device(variables, tables, columns, rows, most=None):
        parts = in_slices(rows, size)
        if most is None:
            return jax.lax.map(lambda rows: logits(variables, tables, columns, rows), parts).reshape(-1)

        def turn(number, found):
            return found.at[number].set(logits(variables, tables, columns, parts[number]))

        return jax.lax.fori_loop(0, -(-most // size), turn, jnp.zeros(parts.shape, jnp.float32)).reshape(-1)

    return logits_of_device
