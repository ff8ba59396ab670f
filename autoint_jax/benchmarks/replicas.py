"""Compares copies of a run, which one compiled program trains, with a run alone."""

import math
from collections.abc import Callable

import jax
import numpy as np
from jax.sharding import NamedSharding

from autoint_jax.benchmarks import report
from autoint_jax.benchmarks.autoint_sizes import named_shape
from autoint_jax.benchmarks.report import Outcome
from autoint_jax.benchmarks.roofline import measured_peak, roofline, sentence
from autoint_jax.benchmarks.shapes import Shape
from autoint_jax.benchmarks.speed import described, headline
from autoint_jax.benchmarks.stepping import CHUNK_STEPS, Rounds, ready
from autoint_jax.benchmarks.windows import Timing, in_turn, medians
from autoint_jax.config.configuration import Config, replace
from autoint_jax.data.store.columns import Columns
from autoint_jax.training.copies import programs
from autoint_jax.training.copies.programs import BY_COPY
from autoint_jax.training.step import placement, steps
from autoint_jax.training.step.state import TrainState, initial_state, make_setup


class AloneBenchmark:
    """A run alone, on one device with all its cores. `window` measures its rows per second."""

    def __init__(self, config: Config, shape: Shape):
        prepared = ready(config, shape, placement.data_mesh(jax.local_devices()[:1]))
        self.work = prepared.work
        chunk = steps.make_chunk(prepared.setup, prepared.mesh, prepared.cut, max_steps=CHUNK_STEPS)
        self.window = Rounds(
            chunk,
            placement.replicate(initial_state(prepared.setup), prepared.mesh),
            prepared.columns,
            prepared.order,
            rows_of_step=config.training.batch_size,
        ).window


class CopyRounds(Rounds):
    """Rounds of copies.

    Each device steps several copies in turn, and a chunk has as many steps of each as that of a run alone.
    """

    def __init__(
        self, chunk: Callable, states: TrainState, columns: Columns, order: jax.Array, *, rows_of_step: int, turns: int
    ):
        """Makes rounds as `Rounds` does. A device steps `turns` copies in turn."""
        super().__init__(chunk, states, columns, order, rows_of_step=rows_of_step)
        self._chunk_steps = min(CHUNK_STEPS, self._batches, turns * self._chunk_steps)


class ReplicaBenchmark:
    """Copies with different seeds, on as many devices as share them evenly. `window` counts the rows of all copies."""

    def __init__(self, config: Config, shape: Shape, copies: int):
        mesh = programs.replica_mesh(copies, jax.local_devices()[: math.gcd(copies, jax.local_device_count())])
        prepared = ready(config, shape, mesh)
        self.work = prepared.work
        together = programs.go_together(mesh)
        chunk = programs.make_chunk(prepared.setup, mesh, prepared.cut, max_steps=CHUNK_STEPS, together=together)
        states = programs.stacked(
            [
                initial_state(make_setup(replace(config, {'seed': seed}), prepared.setup.schema))
                for seed in range(copies)
            ],
            mesh,
        )
        by_copy = NamedSharding(mesh, BY_COPY)
        options = {'seed': jax.device_put(np.arange(copies, dtype=np.int32), by_copy)}
        orders = jax.device_put(np.broadcast_to(np.asarray(prepared.order), (copies, *prepared.order.shape)), by_copy)

        def taken(states, columns, order, first, count):
            return chunk(
                states, options, orders, jax.device_put(np.full(copies, count, np.int32), by_copy), columns, first
            )

        self.window = CopyRounds(
            taken,
            states,
            prepared.columns,
            prepared.order,
            rows_of_step=copies * config.training.batch_size,
            turns=1 if together else copies // mesh.size,
        ).window


def replicas(config: Config, shape: str, copies: list[int], timing: Timing, *, quick: bool) -> Outcome:
    """Measures rows per second of all copies, and the time of a step as a multiple of that of a run alone.

    Args:
      config: the configuration of every copy except its seed.
      shape: a name that `named_shape` knows.
      copies: the numbers of copies.
      timing: the windows of each number.
      quick: whether the peak of the machine is measured from small arrays.
    """
    made = named_shape(shape)
    built = {'1': AloneBenchmark(config, made)} | {
        str(count): ReplicaBenchmark(config, made, count) for count in sorted({*copies} - {1})
    }
    rates = in_turn({count: benchmark.window for count, benchmark in built.items()}, timing)
    middle = medians(rates)
    costs = {count: int(count) * middle['1'] / rate for count, rate in middle.items()}
    peak = measured_peak(config.model.compute_dtype, quick=quick)
    reached = {count: roofline(rate, built[count].work, peak) for count, rate in middle.items()}
    on = f'{jax.local_device_count()} devices'
    way = (
        f'one after the other on each of {on} (lax.map)'
        if jax.default_backend() == 'cpu'
        else f'together on each of {on} (vmap)'
    )
    lines = [f'{headline(config, shape)}, copies {way}']
    lines += report.table(
        ['copies', 'rows/s of all', 'times the cost of one', 'a copy'],
        [(int(count), rate, costs[count], costs[count] / int(count)) for count, rate in middle.items()],
    )
    return Outcome(
        [*lines, sentence(reached[max(reached, key=int)])],
        {
            **described(config, shape),
            'copies': sorted({1, *copies}),
            'way': way,
            'rows_per_second': rates,
            'medians': middle,
            'cost_relative_to_one': costs,
            'roofline': reached,
        },
    )
