"""Measures a whole training step, and scoring, on made-up data in rows per second."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from autoint_jax.benchmarks.roofline import Work, scoring_work, step_work
from autoint_jax.benchmarks.shapes import Shape, distinct_rows, made_up
from autoint_jax.config.configuration import Config
from autoint_jax.data.store.columns import Columns
from autoint_jax.training.step import placement, scoring, slices, steps
from autoint_jax.training.step.columns import resident_columns
from autoint_jax.training.step.layout import make_flush
from autoint_jax.training.step.state import Setup, TrainState, initial_state, make_setup

DATA_ROWS = 1 << 18  # windows go round so many different rows, or two batches if they have more
CHUNK_STEPS = 64  # a program has at most so many steps, as in training
CHUNK_SECONDS = 0.1  # a program runs for about so long, so that windows end in time
SCORED_BATCHES = 4


def batches_in_order(rows: int, batch: int, padded_batch: int) -> np.ndarray:
    """Returns the row numbers of whole batches in their order, int32 [rows // batch, padded_batch], padded with -1."""
    order = np.full((rows // batch, padded_batch), -1, np.int32)
    order[:, :batch] = np.arange(rows // batch * batch).reshape(-1, batch)
    return order


class Ready(NamedTuple):
    """The data and devices of a benchmark of steps.

    Attributes:
      setup: the setup of the model.
      mesh: the devices.
      cut: how a batch is cut into slices.
      columns: the rows on the devices.
      order: their row numbers in batches [batches, padded_batch].
      work: the work of a row.
    """

    setup: Setup
    mesh: Mesh
    cut: slices.Cut
    columns: Columns
    order: jax.Array
    work: Work


def ready(config: Config, shape: Shape, mesh: Mesh) -> Ready:
    """Makes up rows, puts them on the devices and sets up the model."""
    batch = config.training.batch_size
    schema, columns = made_up(shape, max(DATA_ROWS, 2 * batch), seed=1)
    setup = make_setup(config, schema)
    cut = slices.cut(batch, setup, mesh)
    order = batches_in_order(len(columns), batch, cut.padded_batch)
    return Ready(
        setup,
        mesh,
        cut,
        resident_columns(columns, mesh),
        placement.replicate(jnp.asarray(order), mesh),
        step_work(schema, config, batch, distinct_rows(schema, columns, batch)),
    )


class Rounds:
    """Rounds take a compiled chunk of steps over all batches, again and again, and measure its rate."""

    def __init__(self, chunk: Callable, state: TrainState, columns: Columns, order: jax.Array, *, rows_of_step: int):
        """Makes rounds and compiles the chunk.

        Args:
          chunk: the function (state, columns, order, first, count) -> state, losses. Its state is donated.
          state: the state before the first step.
          columns: the rows on the devices.
          order: their row numbers in batches [batches, padded_batch].
          rows_of_step: the number of rows that a step takes.
        """
        self._chunk, self.state, self._columns, self._order = chunk, state, columns, order
        self._batches, self._rows_of_step, self._first = len(order), rows_of_step, 0
        self.first_seconds = self._run(1)
        self._chunk_steps = max(1, min(CHUNK_STEPS, self._batches, int(CHUNK_SECONDS / self._run(1))))

    def _run(self, count: int) -> float:
        """Takes `count` steps. Returns their seconds."""
        began = time.perf_counter()
        if self._first + count > self._batches:
            self._first = 0
        self.state, losses = self._chunk(self.state, self._columns, self._order, self._first, count)
        jax.block_until_ready((self.state, losses))
        self._first += count
        return time.perf_counter() - began

    def window(self, seconds: float) -> float:
        """Returns rows per second, measured for at least `seconds`."""
        began, taken = time.perf_counter(), 0
        while True:
            self._run(self._chunk_steps)
            taken += self._chunk_steps
            if (passed := time.perf_counter() - began) >= seconds:
                return taken * self._rows_of_step / passed


class StepBenchmark:
    """The compiled training loop on made-up data. `window` measures its rows per second."""

    def __init__(self, config: Config, shape: Shape):
        prepared = ready(config, shape, placement.data_mesh())
        self.cut, self.work = prepared.cut, prepared.work
        self._flush = make_flush(prepared.setup, prepared.mesh)
        self._rounds = Rounds(
            steps.make_chunk(prepared.setup, prepared.mesh, prepared.cut, max_steps=CHUNK_STEPS),
            placement.replicate(initial_state(prepared.setup), prepared.mesh),
            prepared.columns,
            prepared.order,
            rows_of_step=config.training.batch_size,
        )
        self.first_seconds = self._rounds.first_seconds
        self.window = self._rounds.window

    def flush(self) -> None:
        """Brings all table rows up to date, as training does before an evaluation."""
        self._rounds.state = jax.block_until_ready(self._flush(self._rounds.state))

    def table_bytes(self) -> int:
        """Returns the bytes of the tables and of the state of their optimizer."""
        state = self._rounds.state
        return sum(array.nbytes for array in jax.tree.leaves((state.tables, state.slots)))


class ScoringBenchmark:
    """Scoring of made-up rows in batches of the configuration. `window` measures it with the transfer of logits."""

    def __init__(self, config: Config, shape: Shape):
        batch = config.training.batch_size
        schema, columns = made_up(shape, SCORED_BATCHES * batch, seed=1)
        mesh, setup = placement.data_mesh(), make_setup(config, schema)
        self.cut = slices.scoring_cut(batch, setup, mesh)
        self.work = scoring_work(schema, config, batch, distinct_rows(schema, columns, batch))
        state = placement.replicate(initial_state(setup), mesh)
        self._score = scoring.make_scorer(setup, mesh)
        self._arguments: tuple[Any, ...] = (state.variables, state.tables, resident_columns(columns, mesh))
        self._rows = len(columns)
        began = time.perf_counter()
        self._score(*self._arguments)
        self.first_seconds = time.perf_counter() - began

    def window(self, seconds: float) -> float:
        """Returns rows per second, measured for at least `seconds`."""
        began, calls = time.perf_counter(), 0
        while True:
            self._score(*self._arguments)
            calls += 1
            if (passed := time.perf_counter() - began) >= seconds:
                return calls * self._rows / passed
