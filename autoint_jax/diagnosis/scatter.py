"""Measures how fast the device adds many gradients to few rows. This is the gradient of an embedding.

Scatter-add with repeated rows became 450 to 2000 times slower on GPUs in jaxlib 0.10.2 and 0.11.0 (openxla/xla#46225,
jax-ml/jax#38806). It is compared with a sum without a scatter: sort by row, running sums, and their differences at the
borders of rows. (`jax.ops.segment_sum` is itself a scatter-add and would be as slow.)
"""

import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from autoint_jax.diagnosis.checks import BAD, NOTE, OK, Check

PLACES, WIDTH = 1024 * 39, 16  # gradients and their width in a batch of Criteo rows
TABLE_ROWS = 39 * 4  # fields with few values: 256 gradients for each row
BOUND = 20.0  # scatter-add may be so many times slower than the sorted sum
CALLS, WINDOWS = 5, 5


@jax.jit
def scatter_add(rows: jax.Array, gradients: jax.Array) -> jax.Array:
    """Sums gradients by row with a scatter: row numbers [n] and gradients [n, d] -> sums [TABLE_ROWS, d]."""
    return jnp.zeros((TABLE_ROWS, gradients.shape[1])).at[rows].add(gradients, mode='drop')


@jax.jit
def sorted_sum(rows: jax.Array, gradients: jax.Array) -> jax.Array:
    """Sums gradients by row without a scatter: row numbers [n] and gradients [n, d] -> sums [TABLE_ROWS, d]."""
    order = jnp.argsort(rows)
    running = jnp.pad(jnp.cumsum(gradients[order], axis=0), ((1, 0), (0, 0)))
    borders = jnp.searchsorted(rows[order], jnp.arange(TABLE_ROWS + 1))
    return running[borders[1:]] - running[borders[:-1]]


def seconds(function: Callable, *arguments: jax.Array) -> float:
    """Returns the seconds of one compiled call: the smallest of several windows."""
    jax.block_until_ready(function(*arguments))
    best = float('inf')
    for _ in range(WINDOWS):
        began = time.perf_counter()
        jax.block_until_ready([function(*arguments) for _ in range(CALLS)])
        best = min(best, (time.perf_counter() - began) / CALLS)
    return best


def check() -> Check:
    """Measures both sums on the default device, in about a second."""
    rng = np.random.default_rng(0)
    rows = jnp.asarray(rng.integers(0, TABLE_ROWS, PLACES), jnp.int32)
    gradients = jnp.asarray(rng.normal(size=(PLACES, WIDTH)), jnp.float32)
    return judged(seconds(scatter_add, rows, gradients), seconds(sorted_sum, rows, gradients), jax.default_backend())


def judged(scatter_seconds: float, sorted_seconds: float, platform: str) -> Check:
    """Returns a check that is BAD if scatter-add is more than BOUND times slower on an accelerator."""
    ratio = scatter_seconds / sorted_seconds
    text = (
        f'scatter-add of {PLACES:,} gradients to {TABLE_ROWS} rows: {scatter_seconds * 1e3:.2f} ms, by sorting '
        f'{sorted_seconds * 1e3:.2f} ms ({ratio:.2g} times)'
    )
    if ratio <= BOUND:
        return Check(OK, text)
    if platform == 'cpu':
        return Check(NOTE, text + ': unusual, perhaps the machine is busy')
    return Check(BAD, text + ': training will be slow, install another jaxlib (see versions)')
