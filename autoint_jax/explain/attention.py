"""The attention weights of a trained run, over a split and for single rows (paper section 5.4)."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import numpy as np

from autoint_jax.data.store.columns import Columns
from autoint_jax.errors import UsageError
from autoint_jax.models.layers.tables import lookup
from autoint_jax.schema import Batch
from autoint_jax.training.memory import room
from autoint_jax.training.step import placement
from autoint_jax.training.step.state import Setup, TrainState
from autoint_jax.units import counted, shown_bytes

# The most rows that are explained at a time, and the most bytes of their attention. One head of 401 fields takes 0.6 MB
# for each row.
BLOCK_ROWS, BLOCK_BYTES = 1024, 64_000_000


class Explained(NamedTuple):
    """The logits of some rows, and their attention.

    Attributes:
      logits: float32 [b].
      attention: float32 [b, l, n, f, g]; row f sums to 1 (DESTINE: 2) over the fields g that it attends to.
    """

    logits: np.ndarray
    attention: np.ndarray


class Attention(NamedTuple):
    """The attention of some rows.

    Attributes:
      fields: names of the fields, f.
      weights: float32 [n, layers, heads, f, f]; row f of a map says how much field f attends to every field.
    """

    fields: list[str]
    weights: np.ndarray


def explained_batch(setup: Setup, variables, tables, batch: Batch) -> Explained:
    """Returns logits and attention of a batch. Raises UsageError if the model has no attention over fields."""
    logits, captured = setup.model.apply(
        variables, lookup(tables, setup.table_specs, batch), batch, training=None, mutable=['intermediates']
    )
    if 'attention' not in captured.get('intermediates', {}):
        raise UsageError(
            f'model {setup.config.model.name!r} with model.num_layers {setup.config.model.num_layers} has no attention '
            'over fields to show'
        )
    return Explained(logits, captured['intermediates']['attention'][0])


def of_rows(setup: Setup, state: TrainState, columns: Columns, rows: Sequence[int]) -> Explained:
    """Returns logits and attention of single rows of a split.

    Raises:
      UsageError: the split has no such row, or the model has no attention over fields.
    """
    for row in rows:
        if not 0 <= row < len(columns):
            raise UsageError(
                f'row {row} is not in this split: '
                + (f'it has rows 0 to {len(columns) - 1}' if len(columns) else 'it has no rows')
            )
    explained = explained_batch(setup, state.variables, state.tables, columns.batch(np.array(rows)))
    return Explained(*map(np.asarray, explained))


def attention_of(setup: Setup, state: TrainState, columns: Columns) -> Attention:
    """Returns the attention of all rows of some columns, computed block by block by the einsum form of the layers.

    Raises:
      UsageError: there are no rows, the model has no attention over fields, or the result does not fit into memory.
    """
    count, of_row = block_rows(setup, state, columns)
    needed, mesh = len(columns) * math.prod(of_row) * 4, placement.reading_mesh(setup.config.mesh)
    available = room.available(mesh)
    if available is not None and needed > available:
        raise UsageError(
            f'the attention of {counted(len(columns), "row")} takes {shown_bytes(needed)}, and '
            f'{shown_bytes(available)} of memory are available: pass fewer rows at a time'
        )
    found = np.empty((len(columns), *of_row), np.float32)
    explained = jax.jit(
        lambda variables, tables, batch: explained_batch(setup, variables, tables, batch).attention,
        compiler_options=setup.compiler_options,
    )
    for first in range(0, len(columns), count):
        rows = np.minimum(np.arange(first, first + count), len(columns) - 1)  # the last block has the same shape
        block = explained(state.variables, state.tables, columns.batch(rows))
        found[first : first + count] = np.asarray(block)[: len(columns) - first]
    return Attention(setup.schema.names, found)


def averaged(
    setup: Setup, state: TrainState, columns: Columns, progress: Callable[[int], None] = lambda done: None
) -> np.ndarray:
    """Returns the attention averaged over all rows of a split, float64 [l, n, f, g].

    `progress` is called with the number of rows that are done.

    Raises:
      UsageError: the split has no rows, or the model has no attention over fields.
    """
    if not len(columns):
        raise UsageError('this split has no rows to average attention over')
    parts = np.zeros(len(columns), np.int64)
    return summed(setup, state, columns, parts, 1, progress)[0] / len(columns)


def summed(
    setup: Setup,
    state: TrainState,
    columns: Columns,
    parts: np.ndarray,
    count: int,
    progress: Callable[[int], None] = lambda done: None,
) -> np.ndarray:
    """Returns the attention summed over each of several parts of some rows, float64 [count, l, n, f, g].

    Args:
      setup, state: the run.
      columns: the rows, [k]; at least one.
      parts: the number of the part of each row, int [k]; from `count` on for a row that is in none.
      count: number of parts.
      progress: is called with the number of rows that are done.

    Raises:
      UsageError: the model has no attention over fields.
    """

    def sums(variables, tables, batch, members):  # members float32 [b, parts]
        attention = explained_batch(setup, variables, tables, batch).attention
        return (members.T @ attention.reshape(len(members), -1)).reshape(-1, *attention.shape[1:])

    compiled = jax.jit(sums, compiler_options=setup.compiler_options)
    size, of_row = block_rows(setup, state, columns)
    total = np.zeros((count, *of_row))
    for first in range(0, len(columns), size):
        progress(first)
        rows = np.arange(first, first + size)
        there = rows < len(columns)  # the last block repeats the last row, so that all blocks share one program
        members = ((parts[np.minimum(rows, len(columns) - 1)][:, None] == np.arange(count)) & there[:, None]).astype(
            np.float32
        )
        batch = columns.batch(np.minimum(rows, len(columns) - 1))
        total += np.asarray(compiled(state.variables, state.tables, batch, members), np.float64)
    return total


def block_rows(setup: Setup, state: TrainState, columns: Columns) -> tuple[int, tuple[int, ...]]:
    """Returns the number of rows of a block, and the shape of the attention of a row, (l, n, f, g).

    A block has as many rows as BLOCK_BYTES hold the attention of, but at most BLOCK_ROWS.
    """
    of_row = jax.eval_shape(
        lambda variables, tables: explained_batch(setup, variables, tables, columns.batch(slice(0, 1))).attention,
        state.variables,
        state.tables,
    )
    rows = max(1, min(BLOCK_ROWS, BLOCK_BYTES // (of_row.size * of_row.dtype.itemsize)))
    return rows, of_row.shape[1:]
