"""The contract of table optimizers, with dense optimizers and row-wise Adagrad.

A table optimizer says how a training step changes the rows of a table that the batch reads, and the other rows.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from autoint_jax.config.options import is_on
from autoint_jax.training.tables.learning_rate import LearningRate


class TableOptimizer(NamedTuple):
    """An optimizer of a table [v, d] as five functions.

    A step calls `named` and `read`, then the model's forward and backward pass, then `update`, which may be given other
    rows than `read`.

    Row numbers, int32 [n], may repeat. A number of v or more stands for padding: `read` returns any row for it, and
    `update` drops its gradient. A row whose gradient is zero, such as the padding id of a multivalued field, still
    counts as a row of the batch.

    Attributes:
      init: table -> slots, which are the arrays that the optimizer keeps for the table.
      named: (numbers [n], v) -> the rows with these numbers in the form that `read` and `update` take.
      read: (table, slots, rows from `named`, step) -> rows [n, d] as of `step` steps.
      update: (table, slots, rows from `named`, gradients [n, d], step) -> table and slots as of `step + 1` steps.
      flush: (table, slots, step) -> table and slots, every row as of `step` steps.
    """

    init: Callable[[jax.Array], Any]
    named: Callable[[jax.Array, int], Any]
    read: Callable[[jax.Array, Any, Any, jax.Array], jax.Array]
    update: Callable[[jax.Array, Any, Any, jax.Array, jax.Array], tuple[jax.Array, Any]]
    flush: Callable[[jax.Array, Any, jax.Array], tuple[jax.Array, Any]]


def by_number(numbers: jax.Array, table_rows: int) -> jax.Array:
    """Returns its first argument: the `named` of optimizers that take row numbers as they are."""
    return numbers


def rows_as_stored(table: jax.Array, slots: Any, numbers: jax.Array, step: jax.Array) -> jax.Array:
    """Returns rows [n, d] of the table: the `read` of optimizers whose rows are always up to date."""
    return table.at[numbers].get(mode='clip')


def up_to_date(table: jax.Array, slots: Any, step: jax.Array) -> tuple[jax.Array, Any]:
    """Returns its arguments: the `flush` of optimizers whose rows are always up to date."""
    return table, slots


def dense(
    optimizer: Callable[[float | jax.Array], optax.GradientTransformation],
    learning_rate: LearningRate,
    *,
    l2_rows: float | jax.Array,
    l2_tables: float | jax.Array,
) -> TableOptimizer:
    """Returns a table optimizer that applies an Optax optimizer to the whole table at every step.

    It is exact, and its time grows with the number of rows.

    Args:
      optimizer: learning rate of a step -> the Optax optimizer, whose state is the slots.
      learning_rate: the rate of each step.
      l2_rows: adds l2_rows * row to the gradient of every row of the batch, once per row.
      l2_tables: adds l2_tables * table to the gradient. That is the gradient of the penalty l2_tables / 2 * |table|^2,
        which FuxiCTR and BARS use.
    """

    def update(table, slots, numbers, gradients, step):
        gradient = jnp.zeros_like(table).at[numbers].add(gradients, mode='drop')
        if is_on(l2_rows):
            in_batch = jnp.zeros((len(table), 1), table.dtype).at[numbers].set(1.0, mode='drop')
            gradient = gradient + l2_rows * in_batch * table
        if is_on(l2_tables):
            gradient = gradient + l2_tables * table
        updates, slots = optimizer(learning_rate.at(step)).update(gradient, slots, table)
        return optax.apply_updates(table, updates), slots

    return TableOptimizer(optimizer(learning_rate.rate).init, by_number, rows_as_stored, update, up_to_date)


class DistinctRows(NamedTuple):
    """The rows that a batch reads, each once. A batch has n places, each with a row number.

    Attributes:
      numbers: int32 [n], the distinct row numbers in ascending order, then distinct numbers past the table's end.
      order: int32 [n], the places of the batch sorted by row number.
      index_in_order: int32 [n], ascending; entry i is the index in `numbers` of the row of place order[i].
      index_in_batch: int32 [n]; entry i is the index in `numbers` of the row of place i.
    """

    numbers: jax.Array
    order: jax.Array
    index_in_order: jax.Array
    index_in_batch: jax.Array


def distinct_rows(numbers: jax.Array, table_rows: int) -> DistinctRows:
    """Returns the distinct rows of a batch, as arrays of fixed size.

    It sorts. A scatter would be slow where many places have the same row; a sort takes the same time for all batches.

    Args:
      numbers: int32 [n], the row number of each place; may repeat, and a number past the table's end stands for
        padding.
      table_rows: rows of the table, v.
    """
    places = jnp.arange(len(numbers), dtype=jnp.int32)
    order = jnp.argsort(jnp.minimum(numbers, table_rows)).astype(jnp.int32)
    ascending = numbers[order]
    index_in_order = jnp.cumsum(ascending != jnp.roll(ascending, 1).at[:1].set(ascending[:1]), dtype=jnp.int32)
    past_the_end = table_rows + places
    distinct = past_the_end.at[index_in_order].min(ascending, indices_are_sorted=True)
    index_in_batch = jnp.zeros_like(places).at[order].set(index_in_order, unique_indices=True)
    return DistinctRows(distinct, order, index_in_order, index_in_batch)


def gather(array: jax.Array, rows: DistinctRows) -> jax.Array:
    """Returns the distinct rows [n, ...] of a table or slot [v, ...]; the last row for a number past the end."""
    return array.at[rows.numbers].get(mode='clip', unique_indices=True, indices_are_sorted=True)


def distinct_as_stored(table: jax.Array, slots: Any, rows: DistinctRows, step: jax.Array) -> jax.Array:
    """Returns the rows of all places of a batch, [n, d], as `rows_as_stored` does; it reads each distinct row once."""
    return gather(table, rows)[rows.index_in_batch]


def put(array: jax.Array, rows: DistinctRows, values: jax.Array) -> jax.Array:
    """Returns the array [v, ...] with `values` [n, ...] in its distinct rows; values past the end are dropped.

    XLA writes in place if the array is not used afterwards.
    """
    return array.at[rows.numbers].set(values, mode='drop', unique_indices=True, indices_are_sorted=True)


def summed(gradients: jax.Array, rows: DistinctRows) -> jax.Array:
    """Returns the gradients of the distinct rows, [n, d], from `gradients` [n, d] of the places, which it sums."""
    return jax.ops.segment_sum(
        gradients[rows.order], rows.index_in_order, num_segments=len(rows.order), indices_are_sorted=True
    )


def rowwise_adagrad(learning_rate: LearningRate, *, epsilon: float, l2_rows: float | jax.Array) -> TableOptimizer:
    """Returns row-wise Adagrad, which keeps one accumulator G per row.

    G += mean_d(g^2), row -= learning_rate * g / (sqrt(G) + epsilon). DLRM calls it `RWSAdagrad`, FBGEMM
    `EXACT_ROWWISE_ADAGRAD`; "exact" means that the gradients of a repeated row are summed before they are squared. A
    step reads and writes only the rows of the batch. It is exact: the gradient of any other row is zero, which changes
    nothing.

    Args:
      learning_rate: the rate of each step.
      epsilon: added to the square root.
      l2_rows: adds l2_rows * row to the gradient of every row of the batch, once per row.
    """

    def init(table):
        return jnp.zeros(len(table), table.dtype)

    def update(table, accumulator, rows, gradients, step):
        values = gather(table, rows)
        gradient = summed(gradients, rows) + l2_rows * values
        accumulated = gather(accumulator, rows) + jnp.mean(gradient**2, axis=1)
        scale = learning_rate.at(step) / (jnp.sqrt(accumulated) + epsilon)
        return put(table, rows, values - scale[:, None] * gradient), put(accumulator, rows, accumulated)

    return TableOptimizer(init, distinct_rows, distinct_as_stored, update, up_to_date)
