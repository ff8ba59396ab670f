"""Copies of a run trained in one compiled program."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from autoint_jax.benchmarks import report
from autoint_jax.benchmarks.report import Outcome
from autoint_jax.benchmarks.roofline import measured_peak, roofline, sentence
from autoint_jax.benchmarks.shapes import SHAPES, Shape
from autoint_jax.benchmarks.speed import described, headline
from autoint_jax.benchmarks.stepping import Rounds, ready
from autoint_jax.benchmarks.windows import Timing, in_turn, medians
from autoint_jax.config import Config, replace
from autoint_jax.schema import Schema
from autoint_jax.training import devices, steps
from autoint_jax.training.state import TrainState, initial_state, setup


def make_copies_chunk(step: Callable, *, together: bool) -> Callable:
    """(stacked states, columns, order, first, count) -> stacked states, last losses [copies]; the states are donated.

    Args:
      step: of one copy, from `make_step`.
      together: all copies take each step together (`vmap`, for accelerators), else one copy after the other takes all
        steps (`lax.map`, for CPUs, where a copy's data then stay in cache).
    """

    def chunk(states: TrainState, columns: devices.Resident, order: jax.Array, first: jax.Array, count: jax.Array):
        def of_copy(state):
            return jax.lax.fori_loop(0, count, lambda number, carry: step(carry[0], columns, order[first + number]),
                                     (state, jnp.zeros(())))

        return jax.vmap(of_copy)(states) if together else jax.lax.map(of_copy, states)

    return jax.jit(chunk, donate_argnums=0)


def stacked_states(config: Config, schema: Schema, copies: int) -> TrainState:
    """Initial states of seeds 0 to `copies - 1`, each array with a leading axis of copies."""
    states = [initial_state(setup(replace(config, {'seed': seed}), schema)) for seed in range(copies)]
    return jax.tree.map(lambda *arrays: jnp.stack(arrays), *states)


class ReplicaBenchmark:
    """Copies that differ in their initial state and share order and dropout; `window` counts the rows of all."""

    def __init__(self, config: Config, shape: Shape, copies: int):
        prepared = ready(config, shape)
        self.work = prepared.work
        step = steps.make_step(prepared.made, prepared.mesh, prepared.cut)
        states = devices.replicate(stacked_states(config, prepared.made.schema, copies), prepared.mesh)
        self.window = Rounds(make_copies_chunk(step, together=jax.default_backend() != 'cpu'), states, prepared,
                             rows_of_step=copies * config.training.batch_size).window


def replicas(config: Config, shape: str, copies: list[int], timing: Timing, *, quick: bool) -> Outcome:
    """Rows per second of all copies, and the time of a step of all against that of one copy."""
    built = {str(count): ReplicaBenchmark(config, SHAPES[shape], count) for count in sorted({1, *copies})}
    rates = in_turn({count: benchmark.window for count, benchmark in built.items()}, timing)
    middle = medians(rates)
    costs = {count: int(count) * middle['1'] / rate for count, rate in middle.items()}
    peak = measured_peak(config.model.compute_dtype, quick=quick)
    reached = {count: roofline(rate, built[count].work, peak) for count, rate in middle.items()}
    way = 'one after the other (lax.map)' if jax.default_backend() == 'cpu' else 'together (vmap)'
    lines = [f'{headline(config, shape)}, copies {way}']
    lines += report.table(['copies', 'rows/s of all', 'times the cost of one', 'a copy'], [
        (int(count), rate, costs[count], costs[count] / int(count)) for count, rate in middle.items()])
    return Outcome([*lines, sentence(reached[max(reached, key=int)])], {
        **described(config, shape), 'copies': sorted({1, *copies}), 'way': way, 'rows_per_second': rates,
        'medians': middle, 'cost_relative_to_one': costs, 'roofline': reached})
