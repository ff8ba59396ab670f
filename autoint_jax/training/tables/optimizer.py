"""Optimizers of embedding tables: what a step does to the rows a batch reads, and to those it does not."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from autoint_jax.config.options import is_on


class TableOptimizer(NamedTuple):
    """How a table [v, d] learns. A step is `read`, the model's forward and backward pass, `update`.

    Row numbers, int32 [n], may repeat; numbers from v on are not in the batch: what is read for them is any row, and
    their gradients are dropped. A row whose gradient is zero (padding of a multivalued field) is in the batch.

    Attributes:
      init: table -> slots, the optimizer's arrays for it.
      read: (table, slots, numbers [n], step) -> rows [n, d] as they are after `step` steps, and whatever `update`
        needs of them again.
      update: (table, slots, what `read` left for it, gradients [n, d], step) -> table and slots after step `step + 1`.
      flush: (table, slots, step) -> table and slots with every row as it is after `step` steps.
    """

    init: Callable[[jax.Array], Any]
    read: Callable[[jax.Array, Any, jax.Array, jax.Array], tuple[jax.Array, Any]]
    update: Callable[[jax.Array, Any, Any, jax.Array, jax.Array], tuple[jax.Array, Any]]
    flush: Callable[[jax.Array, Any, jax.Array], tuple[jax.Array, Any]]


def up_to_date(table: jax.Array, slots: Any, step: jax.Array) -> tuple[jax.Array, Any]:
    """The `flush` of optimizers that leave no row behind."""
    return table, slots


def dense(
    optimizer: optax.GradientTransformation, *, l2_rows: float | jax.Array, l2_tables: float | jax.Array
) -> TableOptimizer:
    """An Optax optimizer on the gradient of the whole table: exact, and as slow as the table is long.

    Args:
      optimizer: of one array.
      l2_rows: adds l2_rows * row to the gradient of every row of the batch, once a row.
      l2_tables: adds l2_tables * table, the gradient of l2_tables / 2 * |table|^2, the penalty of FuxiCTR and BARS.
    """

    def read(table, slots, numbers, step):
        return table.at[numbers].get(mode='clip'), numbers

    def update(table, slots, numbers, gradients, step):
        gradient = jnp.zeros_like(table).at[numbers].add(gradients, mode='drop')
        if is_on(l2_rows):
            in_batch = jnp.zeros((len(table), 1), table.dtype).at[numbers].set(1.0, mode='drop')
            gradient = gradient + l2_rows * in_batch * table
        if is_on(l2_tables):
            gradient = gradient + l2_tables * table
        updates, slots = optimizer.update(gradient, slots, table)
        return optax.apply_updates(table, updates), slots

    return TableOptimizer(optimizer.init, read, update, up_to_date)


class DistinctRows(NamedTuple):
    """The rows a batch reads, each once.

    Attributes:
      numbers: int32 [n], ascending and distinct: the row numbers, then numbers past the table's end.
      order: int32 [n], the batch's places sorted by row number.
      of_sorted: int32 [n], for each place of `order` where in `numbers` its row is; ascending.
      of_batch: int32 [n], the same for the places in the batch's order.
    """

    numbers: jax.Array
    order: jax.Array
    of_sorted: jax.Array
    of_batch: jax.Array


def distinct_rows(numbers: jax.Array, table_rows: int) -> DistinctRows:
    """Row numbers of a batch, int32 [n], repeated or past the table's end -> each row once, of fixed size.

    A sort instead of a scatter that many places contend for: it costs the same however skewed the rows are.
    """
    places = jnp.arange(len(numbers), dtype=jnp.int32)
    order = jnp.argsort(jnp.minimum(numbers, table_rows)).astype(jnp.int32)
    ascending = numbers[order]
    of_sorted = jnp.cumsum(ascending != jnp.roll(ascending, 1).at[:1].set(ascending[:1]), dtype=jnp.int32)
    past_the_end = table_rows + places
    distinct = past_the_end.at[of_sorted].min(ascending, indices_are_sorted=True)
    of_batch = jnp.zeros_like(places).at[order].set(of_sorted, unique_indices=True)
    return DistinctRows(distinct, order, of_sorted, of_batch)


def gather(array: jax.Array, rows: DistinctRows) -> jax.Array:
    """Distinct rows of a table's array, [n, ...]; past the end, the last row."""
    return array.at[rows.numbers].get(mode='clip', unique_indices=True, indices_are_sorted=True)


def put(array: jax.Array, rows: DistinctRows, values: jax.Array) -> jax.Array:
    """Writes distinct rows, in place where the array is not used again; those past the end are dropped."""
    return array.at[rows.numbers].set(values, mode='drop', unique_indices=True, indices_are_sorted=True)


def summed(gradients: jax.Array, rows: DistinctRows) -> jax.Array:
    """Gradients [n, d] of a batch's places -> of its distinct rows, [n, d]."""
    return jax.ops.segment_sum(
        gradients[rows.order], rows.of_sorted, num_segments=len(rows.order), indices_are_sorted=True
    )


class _Read(NamedTuple):
    rows: DistinctRows
    values: jax.Array  # [n, d]
    accumulated: jax.Array  # [n]


def rowwise_adagrad(learning_rate: float | jax.Array, *, epsilon: float, l2_rows: float | jax.Array) -> TableOptimizer:
    """Row-wise Adagrad: one accumulator a row, the sum over steps of the mean over d of squared gradients.

    G += mean_d(g^2), row -= learning_rate * g / (sqrt(G) + epsilon): DLRM's `RWSAdagrad`, FBGEMM's
    `EXACT_ROWWISE_ADAGRAD` ("exact": the gradients of a repeated row are summed before they are squared). A step
    reads and writes the rows of the batch only, and a row not in it has a gradient of zero, so nothing is skipped.

    Args:
      learning_rate: the same at all steps; a number or, where copies of a run differ in it, an array [].
      epsilon: added to the root.
      l2_rows: adds l2_rows * row to the gradient of every row of the batch, once a row.
    """

    def init(table):
        return jnp.zeros(len(table), table.dtype)

    def read(table, accumulator, numbers, step):
        rows = distinct_rows(numbers, len(table))
        values = gather(table, rows)
        return values[rows.of_batch], _Read(rows, values, gather(accumulator, rows))

    def update(table, accumulator, was, gradients, step):
        gradient = summed(gradients, was.rows) + l2_rows * was.values
        accumulated = was.accumulated + jnp.mean(gradient**2, axis=1)
        scale = learning_rate / (jnp.sqrt(accumulated) + epsilon)
        return put(table, was.rows, was.values - scale[:, None] * gradient), put(accumulator, was.rows, accumulated)

    return TableOptimizer(init, read, update, up_to_date)
