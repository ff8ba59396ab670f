"""The size of a configuration: its parameters, and the time that training takes for each row."""

import time
from typing import NamedTuple

import jax
import jax.numpy as jnp

from autoint_jax.config.configuration import Config
from autoint_jax.cores import usable_cores
from autoint_jax.leaderboard.draws import OF_A_SHAPE
from autoint_jax.models.registry import embedding_parameter_count, parameter_count
from autoint_jax.schema import Schema
from autoint_jax.training.memory.activations import gradient_shapes, lowered_gradient
from autoint_jax.training.step.state import make_setup, state_shapes

REPEATS = 5
# A step also looks rows up and updates parameters, and every epoch is evaluated and saved.
STEP_PER_GRADIENT = 1.5
# A run compiles its steps, its evaluation and its initial state.
PROGRAMS_PER_GRADIENT = 3.0


class Size(NamedTuple):
    """The size of a configuration.

    Attributes:
      parameters: parameters outside the embeddings.
      embedding_parameters: those of the embeddings.
    """

    parameters: int
    embedding_parameters: int


class Measured(NamedTuple):
    """The measured speed of a configuration.

    Attributes:
      row_seconds: seconds of training for each row.
      compile_seconds: seconds until the programs of a run are compiled.
    """

    row_seconds: float
    compile_seconds: float


def size_of(config: Config, schema: Schema) -> Size:
    """Counts the parameters of a configuration; it allocates nothing. Raises UsageError if the model is refused."""
    setup = make_setup(config, schema)
    params = state_shapes(setup).params
    return Size(parameter_count(params), embedding_parameter_count(params, setup.table_specs))


def measured(config: Config, schema: Schema, train_rows: int) -> Measured:
    """Compiles the gradient of a batch and measures it.

    A batch has at most all rows of the training split, as in training. On CPUs its seconds are CPU time divided by
    cores: copies of a run keep all cores busy, and other work on the machine is not counted. Elsewhere as many copies
    train at once as there are devices.
    """
    setup, rows = make_setup(config, schema), min(config.training.batch_size, train_rows)
    began = time.perf_counter()
    program = lowered_gradient(setup, rows).compile()
    compile_seconds = time.perf_counter() - began
    arguments = jax.tree.map(lambda of: jnp.zeros(of.shape, of.dtype), gradient_shapes(setup, rows))
    on_cpu = jax.default_backend() == 'cpu'
    clock, share = (
        (time.process_time, usable_cores())
        if on_cpu
        else (time.perf_counter, min(OF_A_SHAPE, jax.local_device_count()))
    )
    jax.block_until_ready(program(*arguments))
    times = []
    for _ in range(REPEATS):
        began = clock()
        jax.block_until_ready(program(*arguments))
        times.append(clock() - began)
    return Measured(STEP_PER_GRADIENT * min(times) / share / rows, PROGRAMS_PER_GRADIENT * compile_seconds)
