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
from autoint_jax.training.tables.row_rules import RowRules, scaled, squared


class TableOptimizer(NamedTuple):
    """An optimizer of a table [v, d] as six functions.

    A step calls `named` and `read`, then the model's forward and backward pass, then `squares` if gradients are clipped
    by their global norm, then `update`. The last two may be given other rows than `read`.

    Row numbers, int32 [n], may repeat. A number of v or more stands for padding: `read` returns any row for it, and
    `update` drops its gradient. A row whose gradient is zero, such as the padding id of a multivalued field, still
    counts as a row of the batch.

    Attributes:
      init: table -> slots, which are the arrays that the optimizer keeps for the table.
      named: (numbers [n], v) -> the rows with these numbers in the form that `read` and `update` take.
      read: (table, slots, rows from `named`, step) -> rows [n, d] as of `step` steps.
      squares: (table, slots, rows from `named`, gradients [n, d], step) -> the sum of the squares of the gradients by
        which `update` moves rows, float32 []. The gradients of a repeated row are summed before they are squared.
      update: (table, slots, rows from `named`, gradients [n, d], step, factor of gradients or None) -> table and slots
        as of `step + 1` steps.
      flush: (table, slots, step) -> table and slots, every row as of `step` steps.
    """

    init: Callable[[jax.Array], Any]
    named: Callable[[jax.Array, int], Any]
    read: Callable[[jax.Array, Any, Any, jax.Array], jax.Array]
    squares: Callable[[jax.Array, Any, Any, jax.Array, jax.Array], jax.Array]
    update: Callable[..., tuple[jax.Array, Any]]
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
    rules: RowRules,
    l2_tables: float | jax.Array,
) -> TableOptimizer:
    """Returns a table optimizer that applies an Optax optimizer to the whole table at every step.

    It is exact, and its time grows with the number of rows.

    Args:
      optimizer: learning rate of a step -> the Optax optimizer, whose state is the slots.
      learning_rate: the rate of each step.
      rules: the rules for the rows of a batch.
      l2_tables: adds l2_tables * table to the gradient. That is the gradient of the penalty l2_tables / 2 * |table|^2,
        which FuxiCTR and BARS use.
    """

    def in_batch(table, numbers):
        return jnp.zeros((len(table), 1), table.dtype).at[numbers].set(1.0, mode='drop')

    def whole_gradient(table, numbers, gradients):
        gradient = jnp.zeros_like(table).at[numbers].add(gradients, mode='drop')
        if rules.clips(table.shape[1]):
            counts = jnp.zeros((len(table), 1), table.dtype).at[numbers].add(1.0, mode='drop')
            gradient = rules.clipped(gradient, table, counts)
        if is_on(rules.l2):
            gradient = gradient + rules.l2 * in_batch(table, numbers) * table
        if is_on(l2_tables):
            gradient = gradient + l2_tables * table
        return gradient

    def squares(table, slots, numbers, gradients, step):
        return squared(whole_gradient(table, numbers, gradients))

    def update(table, slots, numbers, gradients, step, scale=None):
        rate, gradient = learning_rate.at(step), scaled(whole_gradient(table, numbers, gradients), scale)
        updates, slots = optimizer(rate).update(gradient, slots, table)
        if is_on(rules.decay):
            table = jnp.where(in_batch(table, numbers) > 0, rules.decayed(table, rate), table)
        return optax.apply_updates(table, updates), slots

    return TableOptimizer(optimizer(learning_rate.rate).init, by_number, rows_as_stored, squares, update, up_to_date)


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


def row_gradients(rules: RowRules, gradients: jax.Array, rows: DistinctRows, values: jax.Array) -> jax.Array:
    """Returns the gradients of the distinct rows by which an optimizer moves them, [n, d].

    Args:
      rules: the rules for rows.
      gradients: [n, d], of the places of the batch.
      rows: the distinct rows.
      values: their values [n, d].
    """
    gradient = summed(gradients, rows)
    if rules.clips(values.shape[1]):
        counts = jnp.zeros((len(values), 1), values.dtype).at[rows.index_in_batch].add(1.0)
        gradient = rules.clipped(gradient, values, counts)
    return gradient + rules.l2 * values


def squares_as_stored(rules: RowRules) -> Callable[[jax.Array, Any, DistinctRows, jax.Array, jax.Array], jax.Array]:
    """Returns the `squares` of optimizers of distinct rows that are always up to date."""

    def squares(table, slots, rows, gradients, step):
        return squared_in_table(row_gradients(rules, gradients, rows, gather(table, rows)), rows, table)

    return squares


def squared_in_table(gradient: jax.Array, rows: DistinctRows, table: jax.Array) -> jax.Array:
    """Returns the sum of the squares of the gradients of distinct rows, without padding, float32 []."""
    return squared(jnp.where(rows.numbers[:, None] < len(table), gradient, 0))


def rowwise_adagrad(learning_rate: LearningRate, *, epsilon: float, rules: RowRules) -> TableOptimizer:
    """Returns row-wise Adagrad, which keeps one accumulator G per row.

    G += mean_d(g^2), row -= learning_rate * g / (sqrt(G) + epsilon). DLRM calls it `RWSAdagrad`, FBGEMM
    `EXACT_ROWWISE_ADAGRAD`; "exact" means that the gradients of a repeated row are summed before they are squared. A
    step reads and writes only the rows of the batch. It is exact: the gradient of any other row is zero, which changes
    nothing.

    Args:
      learning_rate: the rate of each step.
      epsilon: added to the square root.
      rules: the rules for the rows of a batch.
    """

    def init(table):
        return jnp.zeros(len(table), table.dtype)

    def update(table, accumulator, rows, gradients, step, scale=None):
        values, rate = gather(table, rows), learning_rate.at(step)
        gradient = scaled(row_gradients(rules, gradients, rows, values), scale)
        accumulated = gather(accumulator, rows) + jnp.mean(gradient**2, axis=1)
        moved = (rate / (jnp.sqrt(accumulated) + epsilon))[:, None] * gradient
        return put(table, rows, rules.decayed(values, rate) - moved), put(accumulator, rows, accumulated)

    return TableOptimizer(init, distinct_rows, distinct_as_stored, squares_as_stored(rules), update, up_to_date)
