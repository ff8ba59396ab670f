"""The size of a configuration: its parameters, and the operations that training takes for each row."""

import dataclasses
import time
from typing import NamedTuple

import jax
import jax.numpy as jnp

from autoint_jax.config.configuration import Config
from autoint_jax.models.registry import embedding_parameter_count, model_class, parameter_count
from autoint_jax.schema import Schema
from autoint_jax.training.memory.activations import gradient_shapes, lowered_gradient
from autoint_jax.training.step.state import Setup, make_setup, state_shapes

COUNTED_ROWS = 256  # rows of the gradient whose operations are counted
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


def row_operations(config: Config, schema: Schema) -> float:
    """Returns the operations of the gradient of one row, as XLA counts them before it compiles.

    Operations of the form 'einsum' are counted in place of compiled kernels, into which XLA does not see.
    """
    lowered = lowered_gradient(_counted(config, schema), COUNTED_ROWS)
    return float((lowered.cost_analysis() or {}).get('flops', 0.0)) / COUNTED_ROWS


def measured(config: Config, schema: Schema) -> Measured:
    """Compiles the gradient of a configuration and measures it."""
    setup, began = _counted(config, schema), time.perf_counter()
    program = lowered_gradient(setup, COUNTED_ROWS).compile()
    compile_seconds = time.perf_counter() - began
    arguments = jax.tree.map(lambda of: jnp.zeros(of.shape, of.dtype), gradient_shapes(setup, COUNTED_ROWS))
    jax.block_until_ready(program(*arguments))
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        jax.block_until_ready(program(*arguments))
        times.append(time.perf_counter() - began)
    return Measured(STEP_PER_GRADIENT * min(times) / COUNTED_ROWS, PROGRAMS_PER_GRADIENT * compile_seconds)


def _counted(config: Config, schema: Schema) -> Setup:
    form = 'einsum' if model_class(config.model).HAS_FORMS else 'automatic'
    return make_setup(dataclasses.replace(config, execution=dataclasses.replace(config.execution, form=form)), schema)
