"""The activations that a forward pass keeps for the backward pass.

They are counted by a formula for AutoInt; for other models by compiling a step, or roughly.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from autoint_jax.config.configuration import Config
from autoint_jax.models.layers.batch_norm import STATISTICS
from autoint_jax.models.layers.dropout import Training, row_keys
from autoint_jax.models.registry import model_class
from autoint_jax.schema import Batch
from autoint_jax.training.step.loss import summed_logloss
from autoint_jax.training.step.slices import Cut
from autoint_jax.training.step.state import Setup, state_shapes

# For a rough count: arrays per row, each as large as the largest array that a row passes through.
ROUGH_ARRAYS = 4


def activations(setup: Setup, cut: Cut, *, compiling: bool) -> tuple[int, str]:
    """Returns the bytes of the activations of a slice, and words that say how they were counted.

    Args:
      setup: the setup of the run.
      cut: how a batch is cut.
      compiling: for a model without a formula, compile a step, which takes seconds; otherwise count roughly.
    """
    found, counted = _of_slice(setup, cut.slice_rows, compiling=compiling)
    if not cut.group_rows:
        return found, counted
    deep = sum(deep_bytes(setup.config, len(setup.schema.fields)))
    return found + cut.group_rows * 2 * deep, f'{counted} + {cut.group_rows} rows x 2 x the deep network'


def _of_slice(setup: Setup, rows: int, *, compiling: bool) -> tuple[int, str]:
    """Returns what `activations` returns if no deep network takes several slices at once."""
    if setup.form is not None:
        row_bytes = activation_bytes(setup.config, len(setup.schema.fields))
        return rows * row_bytes, f'{rows} rows x (all layers + 2 x the largest layer)'
    if not compiling:
        row_bytes = 4 * ROUGH_ARRAYS * model_class(setup.config.model).row_floats(setup.config.model, setup.schema)
        return rows * row_bytes, f'{rows} rows x {ROUGH_ARRAYS} x the largest array'
    return _counted_by_xla(setup, rows), f'of {rows} rows, counted by XLA'


def _counted_by_xla(setup: Setup, rows: int) -> int:
    """Returns the temporary bytes of the compiled gradient of `rows` rows; it allocates nothing."""
    analysis = lowered_gradient(setup, rows).compile().memory_analysis()
    return analysis.temp_size_in_bytes if analysis is not None else 0


def lowered_gradient(setup: Setup, rows: int) -> jax.stages.Lowered:
    """Returns the gradient of the loss of `rows` rows by parameters and rows of tables, lowered and not compiled.

    It takes (parameters, rows of tables, statistics, batch), and allocates nothing.
    """
    return jax.jit(jax.grad(_loss_of(setup, rows), (0, 1))).lower(*gradient_shapes(setup, rows))


def gradient_shapes(setup: Setup, rows: int) -> tuple[Any, Any, Any, Batch]:
    """Returns what `lowered_gradient` takes, as shapes and types."""
    shape, schema = jax.ShapeDtypeStruct, setup.schema
    state = state_shapes(setup)
    looked_up = {
        name: shape((rows, len(spec.columns), spec.width), jnp.float32) for name, spec in setup.table_specs.items()
    }
    batch = Batch(
        shape((rows, schema.num_slots), jnp.int32),
        shape((rows, len(schema.numeric_fields)), jnp.float32),
        shape((rows,), jnp.float32),
        shape((rows,), jnp.float32),
    )
    return state.params, looked_up, state.statistics, batch


def _loss_of(setup: Setup, rows: int) -> Callable[..., jax.Array]:
    def loss(params, looked_up, statistics, batch):
        keys = row_keys(0, jnp.zeros((), jnp.int32), jnp.arange(rows))
        training = Training(keys, batch.weights, None, dense_form=setup.dense_form)
        logits, _ = setup.model.apply(
            {'params': params, STATISTICS: statistics}, looked_up, batch, training=training, mutable=[STATISTICS]
        )
        return summed_logloss(logits, labels=batch.labels, weights=batch.weights)

    return loss


def activation_bytes(config: Config, num_fields: int) -> int:
    """Returns the bytes of one row in a backward pass: all layers, and twice the largest layer for gradients.

    An interacting layer keeps its input f d, its projections f p n a and its mixed values f n a in the compute type,
    and its attention weights n f f with their dropout mask in float32. The deep network keeps its hidden values. With
    the rows of a batch and the gradient of tables, that is 0.93 to 1.21 times the bytes that XLA counts for a compiled
    step of 8 or 39 fields in the forms einsum and heads. The compiled kernel needs less.
    """
    model, f = config.model, num_fields
    width, size = model.num_heads * model.head_dim, 2 if model.compute_dtype == 'bfloat16' else 4
    attention = model.num_heads * f * f * 4 * (2 if model.attention_dropout else 1)
    parts = [
        f * (inputs + (5 if model.residual else 4) * width) * size + attention
        for inputs in ([model.embedding_dim] + [width] * model.num_layers)[: model.num_layers]
    ]
    parts += [*deep_bytes(config, num_fields), sum(model.head_hidden) * 4]
    return sum(parts) + 2 * max(parts)


def deep_bytes(config: Config, num_fields: int) -> tuple[int, int]:
    """Returns the bytes that one row keeps of its embeddings, and of the hidden values of the deep network."""
    model = config.model
    embedded = num_fields * model.embedding_dim * 4 * (2 if model.embedding_dropout else 1)
    return embedded, sum(model.deep_hidden) * 4 * (2 if model.deep_dropout else 1)
