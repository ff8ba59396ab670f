"""The least work of a row of data, the peak of the machine, and the fraction of the peak that is reached.

Operations are the multiplications and additions of matrix products that every form of the model needs. Softmax,
activations, normalisation and dropout are not counted. With f fields, an input of width d, w = heads * head_dim and p
projections (4, or 3 without residual), a row costs in the forward pass

    a layer: 2 f d p w (projections) + 2 f^2 w (scores) + 2 f^2 w (weighted sum),
    a perceptron with inputs h_0 and layers h_1 ... h_k: 2 (h_0 h_1 + ... + h_(k-1) h_k),

and three times that in the forward and backward pass, because each product has two gradients of its size. Bytes are
those that no cache can save: ids, looked-up rows and their gradients, each written and read once, and what the
optimizer of tables must read and write. Activations are not counted, because a good form keeps them in cache.
"""

import functools
import itertools
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from autoint_jax.config.configuration import Config
from autoint_jax.config.model_config import ModelConfig
from autoint_jax.models import registry
from autoint_jax.schema import Schema

GOAL_SHARE = 0.5
FLOAT = 4  # bytes
PRODUCT_SIZES = {'cpu': (512, 1024, 2048), 'other': (2048, 4096, 8192)}
COPIED_FLOATS = {'cpu': 1 << 25, 'other': 1 << 28}
PEAK_SECONDS, QUICK_SECONDS = 0.5, 0.02  # for each candidate


class Work(NamedTuple):
    """The work of one row.

    Attributes:
      operations: floating-point operations.
      bytes: bytes that are read from or written to memory.
    """

    operations: float
    bytes: float


class Peak(NamedTuple):
    """The measured peak of the machine.

    Attributes:
      operations: floating-point operations per second.
      bytes: bytes of memory per second.
      how: how both were measured.
    """

    operations: float
    bytes: float
    how: str


def forward_operations(schema: Schema, model: ModelConfig) -> int:
    """Returns the operations of the forward pass of a row."""
    f, width = len(schema.fields), model.num_heads * model.head_dim
    total, inputs = 0, model.embedding_dim
    for _ in range(model.num_layers):
        total += 2 * f * inputs * (4 if model.residual else 3) * width + 4 * f * f * width
        inputs = width
    total += _perceptron(f * inputs, model.head_hidden)
    return total + (_perceptron(f * model.embedding_dim, model.deep_hidden) if model.deep_hidden else 0)


def _perceptron(inputs: int, hidden: tuple[int, ...]) -> int:
    widths = (inputs, *hidden, 1)
    return sum(2 * one * other for one, other in itertools.pairwise(widths))


def scoring_work(schema: Schema, config: Config, batch: int, distinct: int) -> Work:
    """Returns the work of a row in scoring, if a batch reads `distinct` table rows."""
    width = _table_width(config, schema)
    looked_up = 2 * schema.num_slots * width + distinct / batch * width
    return Work(forward_operations(schema, config.model), FLOAT * (_input_numbers(schema) + looked_up))


def step_work(schema: Schema, config: Config, batch: int, distinct: int) -> Work:
    """Returns the work of a row in a training step, if a batch reads `distinct` table rows.

    A table of width d: 'deferred_adam' reads and writes 3 d + 1 numbers of a distinct row, 'lazy_adam' 3 d,
    'rowwise_adagrad' d + 1. Dense 'adam' reads d numbers of a distinct row, writes and reads the gradient of the whole
    table, and reads and writes the table and its two moments.
    """
    width = _table_width(config, schema)
    optimizer = {
        'deferred_adam': 2 * (3 * width + 1) * distinct,
        'lazy_adam': 2 * 3 * width * distinct,
        'rowwise_adagrad': 2 * (width + 1) * distinct,
        'adam': width * distinct + 8 * width * schema.num_ids,
    }[config.optimizer.tables]
    rows_and_gradients = 4 * schema.num_slots * width
    return Work(
        3 * forward_operations(schema, config.model),
        FLOAT * (_input_numbers(schema) + rows_and_gradients + optimizer / batch),
    )


def _table_width(config: Config, schema: Schema) -> int:
    return sum(spec.width for spec in registry.build(config.model, schema)[1].values())


def _input_numbers(schema: Schema) -> int:
    return schema.num_slots + len(schema.numeric_fields) + 1


def measured_peak(dtype: str, *, quick: bool) -> Peak:
    """Measures the fastest square matrix product of several sizes and a pass over a large array, on one device.

    On a CPU NumPy's product is tried too, because XLA's may be slower. Products of float32 have JAX's default
    precision, as those of the model; on recent GPUs this is TF32.

    Args:
      dtype: the type of the products.
      quick: whether arrays are small, to try a benchmark out.
    """
    platform = jax.default_backend()
    kind, seconds = 'cpu' if platform == 'cpu' else 'other', QUICK_SECONDS if quick else PEAK_SECONDS
    best, how = 0.0, ''
    for size in (256, 512) if quick else PRODUCT_SIZES[kind]:
        left = jnp.full((size, size), 0.5, dtype)
        products: dict[str, tuple[Callable[[Any, Any], Any], Any]] = {'XLA': (jax.jit(jnp.dot), left)}
        if kind == 'cpu' and dtype == 'float32':
            products['NumPy'] = (np.dot, np.asarray(left))
        for name, (product, factor) in products.items():
            rate = 2 * size**3 / _shortest(functools.partial(product, factor, factor), seconds)
            best, how = (rate, f'{name}, {dtype} [{size}, {size}]') if rate > best else (best, how)
    array = jnp.zeros(1 << 20 if quick else COPIED_FLOATS[kind], jnp.float32)
    # The pass works in place, because the system needs time for each page of new memory.
    size, in_place = array.nbytes, jax.jit(lambda x: x + 1, donate_argnums=0)

    def pass_over() -> jax.Array:
        nonlocal array
        array = in_place(array)
        return array

    copied = 2 * size / _shortest(pass_over, seconds)
    return Peak(best, copied, f'product: {how}; copy: XLA, {size >> 20} MiB read and written')


def _shortest(run: Callable[[], Any], seconds: float) -> float:
    """Returns the seconds of the shortest run. Runs are started for `seconds`, after one that is not counted."""
    jax.block_until_ready(run())
    began, shortest = time.perf_counter(), float('inf')
    while True:
        before = time.perf_counter()
        jax.block_until_ready(run())
        shortest = min(shortest, time.perf_counter() - before)
        if time.perf_counter() - began >= seconds:
            return shortest


def roofline(rows_per_second: float, work: Work, peak: Peak) -> dict[str, Any]:
    """Compares a rate with the peak of the machine.

    Args:
      rows_per_second: the rate.
      work: the work of a row.
      peak: the peak of the machine.

    Returns:
      The figures as a record keeps them. `share` is the rate divided by the rate that the tighter of the two bounds
      allows.
    """
    of_operations = rows_per_second * work.operations / peak.operations
    of_bytes = rows_per_second * work.bytes / peak.bytes
    return {
        'operations_per_row': work.operations,
        'bytes_per_row': work.bytes,
        'peak_operations_per_second': peak.operations,
        'peak_bytes_per_second': peak.bytes,
        'peak_measured_by': peak.how,
        'share_of_operations': of_operations,
        'share_of_bytes': of_bytes,
        'share': max(of_operations, of_bytes),
        'goal_share': GOAL_SHARE,
    }


def sentence(figures: dict[str, Any]) -> str:
    """Returns the figures of `roofline` as one line."""
    return (
        f'peak: {figures["peak_operations_per_second"] / 1e9:,.0f} Gop/s, '
        f'{figures["peak_bytes_per_second"] / 1e9:,.1f} GB/s ({figures["peak_measured_by"]}); '
        f'a row needs {figures["operations_per_row"] / 1e6:.3g} Mop and {figures["bytes_per_row"] / 1e3:.3g} kB; '
        f'reached {figures["share_of_operations"]:.2f} of the operations, {figures["share_of_bytes"]:.2f} of '
        f'the bytes (goal: {GOAL_SHARE:.2f} of either)'
    )
