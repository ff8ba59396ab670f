"""Lazy Adam: Adam that updates only the rows of a batch and skips the step for all other rows.

TensorFlow calls it `LazyAdam`, PyTorch `SparseAdam`. Its values differ from those of dense Adam: while a row is not in
a batch, its moments neither decay nor move it, so its next step weighs old gradients as if they were recent. The bias
correction counts the steps of the run, not the steps of the row. `deferred_adam` reads and writes the same rows and
follows dense Adam.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from autoint_jax.training.tables.learning_rate import LearningRate
from autoint_jax.training.tables.optimizer import (
    TableOptimizer,
    distinct_as_stored,
    distinct_rows,
    gather,
    put,
    row_gradients,
    squares_as_stored,
    up_to_date,
)
from autoint_jax.training.tables.row_rules import RowRules, scaled


class LazyAdamSlots(NamedTuple):
    """The arrays that lazy Adam keeps for a table.

    Attributes:
      m: first moments [v, d], each row as of the last step whose batch had the row.
      nu: second moments [v, d], as of the same steps.
    """

    m: jax.Array
    nu: jax.Array


def lazy_adam(learning_rate: LearningRate, *, b1: float, b2: float, epsilon: float, rules: RowRules) -> TableOptimizer:
    """Returns Adam (Kingma & Ba, 2015, algorithm 1) on the rows of a batch.

    Epsilon is added to the square root of the bias-corrected second moment, as in the paper; PyTorch adds it before the
    correction. A row that a batch reads several times takes one step, with the sum of its gradients.

    Args:
      learning_rate: the rate of each step.
      b1: decay of the first moment.
      b2: decay of the second moment.
      epsilon: added to the square root of the bias-corrected second moment.
      rules: the rules for the rows of a batch.
    """

    def init(table):
        return LazyAdamSlots(jnp.zeros_like(table), jnp.zeros_like(table))

    def update(table, slots, rows, gradients, step, scale=None):
        values, rate = gather(table, rows), learning_rate.at(step)
        gradient = scaled(row_gradients(rules, gradients, rows, values), scale)
        count = (step + 1).astype(jnp.float32)
        m = b1 * gather(slots.m, rows) + (1 - b1) * gradient
        nu = b2 * gather(slots.nu, rows) + (1 - b2) * gradient**2
        direction = (m / (1 - b1**count)) / (jnp.sqrt(nu / (1 - b2**count)) + epsilon)
        return put(table, rows, rules.decayed(values, rate) - rate * direction), LazyAdamSlots(
            put(slots.m, rows, m), put(slots.nu, rows, nu)
        )

    return TableOptimizer(init, distinct_rows, distinct_as_stored, squares_as_stored(rules), update, up_to_date)
