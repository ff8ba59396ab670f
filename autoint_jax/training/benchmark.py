"""Speed of a training step on made-up data of a stated shape, in rows per second."""

import time
from typing import NamedTuple

import jax
import numpy as np

from autoint_jax.config import Config
from autoint_jax.data.prepared import Columns
from autoint_jax.schema import CATEGORICAL, FieldSpec, Schema
from autoint_jax.training import devices, steps
from autoint_jax.training.state import initial_state, setup

BATCHES = 16  # different batches that the windows go round


class Shape(NamedTuple):
    """Cardinalities of categorical fields."""

    cardinalities: tuple[int, ...]


def log_spaced(fields: int, smallest: int, total: int) -> tuple[int, ...]:
    """Cardinalities that grow by one factor from `smallest` and sum to `total`."""
    low, high = 1.0001, 10.0
    for _ in range(200):
        ratio = (low + high) / 2
        low, high = (ratio, high) if smallest * (ratio**fields - 1) / (ratio - 1) < total else (low, ratio)
    sizes = [max(smallest, int(smallest * ratio**number)) for number in range(fields)]
    sizes[-1] += total - sum(sizes)
    return tuple(sizes)


SHAPES = {
    'ml1m': Shape(log_spaced(8, 2, 3500)),
    'criteo': Shape((64,) * 13 + log_spaced(26, 4, 1_000_000 - 13 * 64)),
}


def made_up(shape: Shape, rows: int, seed: int) -> tuple[Schema, Columns]:
    """Rows whose ids are log-uniform in each field: many repeats, a long tail."""
    rng, sizes = np.random.default_rng(seed), np.array(shape.cardinalities)
    ids = np.exp(rng.random((rows, len(sizes))) * np.log(sizes + 1.0)).astype(np.int64) - 1
    schema = Schema(tuple(FieldSpec(f'field_{number}', CATEGORICAL, size) for number, size in enumerate(shape.cardinalities)))
    return schema, Columns(np.minimum(ids, sizes - 1).astype(np.int32), np.zeros((rows, 0), np.float32),
                           (rng.random(rows) < 0.25).astype(np.float32))


class StepBenchmark:
    """A compiled training loop on made-up data; `window` measures it."""

    def __init__(self, config: Config, shape: Shape):
        schema, columns = made_up(shape, BATCHES * config.training.batch_size, seed=1)
        mesh, made = devices.data_mesh(), setup(config, schema)
        self._batch = config.training.batch_size
        self.cut = devices.cut(self._batch, config, schema, mesh)
        order = np.full((BATCHES, self.cut.padded_batch), -1, np.int32)
        order[:, :self._batch] = np.arange(len(columns)).reshape(BATCHES, -1)
        self._chunk = steps.make_chunk(made, mesh, self.cut, max_steps=BATCHES)
        self._state = devices.replicate(initial_state(made), mesh)
        self._columns, self._order = devices.resident(columns, mesh), devices.replicate(order, mesh)
        began = time.perf_counter()
        self._run()
        self.first_seconds = time.perf_counter() - began

    def _run(self) -> None:
        self._state, losses = self._chunk(self._state, self._columns, self._order, 0, BATCHES)
        jax.block_until_ready(losses)

    def window(self, seconds: float) -> float:
        """Rows per second over at least `seconds`."""
        began, chunks = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            self._run()
            chunks += 1
        return chunks * BATCHES * self._batch / (time.perf_counter() - began)
