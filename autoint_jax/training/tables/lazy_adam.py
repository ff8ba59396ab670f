"""Lazy Adam: Adam on the rows of a batch only, as if a row that is not in it had no step.

TensorFlow's `LazyAdam` and PyTorch's `SparseAdam`. It is another optimizer than dense Adam: while a row misses steps its moments
do not decay and do not move it, so gradients of long ago weigh in its next step as if they were of the step before. The bias
correction counts the steps of the run, not those of the row. `deferred_adam` touches the same rows and follows dense Adam.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from autoint_jax.training.tables.optimizer import (
    DistinctRows,
    TableOptimizer,
    distinct_rows,
    gather,
    put,
    summed,
    up_to_date,
)


class LazyAdamSlots(NamedTuple):
    """Attributes:
    m: first moments, [v, d], as of the last step that had the row in its batch.
    nu: second moments, [v, d], as of the same.
    """

    m: jax.Array
    nu: jax.Array


class _Read(NamedTuple):
    rows: DistinctRows
    values: jax.Array  # [n, d]
    m: jax.Array  # [n, d]
    nu: jax.Array  # [n, d]


def lazy_adam(
    learning_rate: float | jax.Array, *, b1: float, b2: float, epsilon: float, l2_rows: float | jax.Array
) -> TableOptimizer:
    """Adam (Kingma & Ba, algorithm 1: epsilon is added to the root of the bias-corrected second moment) on a batch's rows.

    PyTorch adds epsilon to the root before the correction. A row read several times in a batch has one step, of its summed
    gradient.

    Args:
      learning_rate: the same at all steps; a number or, where copies of a run differ in it, an array [].
      b1: decay of the first moment.
      b2: decay of the second moment.
      epsilon: added to the root of the bias-corrected second moment.
      l2_rows: adds l2_rows * row to the gradient of every row of the batch, once a row.
    """

    def init(table):
        return LazyAdamSlots(jnp.zeros_like(table), jnp.zeros_like(table))

    def read(table, slots, numbers, step):
        rows = distinct_rows(numbers, len(table))
        values = gather(table, rows)
        return values[rows.of_batch], _Read(rows, values, gather(slots.m, rows), gather(slots.nu, rows))

    def update(table, slots, was, gradients, step):
        gradient = summed(gradients, was.rows) + l2_rows * was.values
        count = (step + 1).astype(jnp.float32)
        m = b1 * was.m + (1 - b1) * gradient
        nu = b2 * was.nu + (1 - b2) * gradient**2
        change = (m / (1 - b1**count)) / (jnp.sqrt(nu / (1 - b2**count)) + epsilon)
        return put(table, was.rows, was.values - learning_rate * change), LazyAdamSlots(
            put(slots.m, was.rows, m), put(slots.nu, was.rows, nu)
        )

    return TableOptimizer(init, read, update, up_to_date)
