"""Measures the update of a table by very many looked-up rows, without a model, as libraries of embeddings report it."""

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from autoint_jax.benchmarks import report
from autoint_jax.benchmarks.growth import of_each
from autoint_jax.benchmarks.report import Outcome
from autoint_jax.benchmarks.windows import Timing, medians
from autoint_jax.config.configuration import Config
from autoint_jax.config.rates import rates_of
from autoint_jax.training.tables.choice import chosen_table_form, table_optimizer

LOOKUPS, DISTINCT, TABLE_ROWS, DIM = 1_050_000, 350_000, 2_000_000, 128
PEER = 'FBGEMM, lazy Adam, H100'
PEER_MILLISECONDS = 1.352  # published for as many look-ups and distinct rows of this width
OPTIMIZERS = ('rowwise_adagrad', 'lazy_adam', 'deferred_adam')  # dense Adam writes the whole table
UPDATES_AT_ONCE = 8


class UpdateBenchmark:
    """Updates of a table by random gradients. `window` measures looked-up rows per second."""

    def __init__(self, config: Config, *, lookups: int, distinct: int, table_rows: int, dim: int):
        """Makes the table, on the device, and the numbers and gradients of a batch.

        Args:
          config: the configuration, of which the optimizer of the table matters.
          lookups: the rows that a batch looks up.
          distinct: how many different rows these are, at most.
          table_rows: rows of the table.
          dim: values of a row.
        """
        rng = np.random.default_rng(0)
        chosen = rng.choice(table_rows, distinct, replace=False).astype(np.int32)
        self._numbers = jnp.asarray(chosen[rng.integers(0, distinct, lookups)])
        self._gradients = 1e-3 * jax.random.normal(jax.random.key(1), (lookups, dim))
        form = chosen_table_form(config.optimizer, config.execution.tables_form)
        optimizer = table_optimizer(config.optimizer, form, rates_of(config))
        self._table = 0.01 * jax.random.normal(jax.random.key(2), (table_rows, dim))
        self._slots = jax.block_until_ready(optimizer.init(self._table))
        self._step, self._lookups = 0, lookups

        def updates(table: jax.Array, slots: Any, numbers: jax.Array, gradients: jax.Array, step: jax.Array) -> Any:
            def body(number: jax.Array, state: Any) -> Any:
                rows = optimizer.named(numbers, table_rows)
                table, slots = state
                return optimizer.update(table, slots, rows, gradients, step + number)

            return jax.lax.fori_loop(0, UPDATES_AT_ONCE, body, (table, slots))

        self._updates = jax.jit(updates, donate_argnums=(0, 1))
        self._advance()

    def _advance(self) -> None:
        arguments = (self._numbers, self._gradients, jnp.int32(self._step))
        self._table, self._slots = jax.block_until_ready(self._updates(self._table, self._slots, *arguments))
        self._step += UPDATES_AT_ONCE

    def window(self, seconds: float) -> float:
        """Updates for at least so many seconds, and returns looked-up rows per second."""
        began, updates = time.perf_counter(), 0
        while True:
            self._advance()
            updates += UPDATES_AT_ONCE
            if (passed := time.perf_counter() - began) >= seconds:
                return updates * self._lookups / passed


def row_updates(config: Config, timing: Timing, *, quick: bool) -> Outcome:
    """Measures the milliseconds of an update of 1.05 million looked-up rows of 128 values, by optimizer of the table.

    Args:
      config: the configuration whose optimizer is changed.
      timing: the windows of each optimizer.
      quick: whether there are few rows.
    """
    smaller = 1000 if quick else 1
    sizes = {
        'lookups': LOOKUPS // smaller,
        'distinct': DISTINCT // smaller,
        'table_rows': TABLE_ROWS // smaller,
        'dim': DIM,
    }
    rates, _ = of_each(
        config,
        {name: {'optimizer.tables': name} for name in OPTIMIZERS},
        lambda chosen: UpdateBenchmark(chosen, **sizes),
        timing,
    )
    milliseconds = {name: 1000 * sizes['lookups'] / rate for name, rate in medians(rates).items()}
    lines = [
        f'{sizes["lookups"]:,} look-ups of {sizes["distinct"]:,} rows of a table {sizes["table_rows"]:,} x {DIM}',
        *report.table(
            ['ms', 'of an update by'],
            [(value, name) for name, value in milliseconds.items()]
            + ([] if quick else [(PEER_MILLISECONDS, f'{PEER} (published)')]),
        ),
    ]
    return Outcome(lines, {**sizes, 'lookups_per_second': rates, 'milliseconds': milliseconds})
