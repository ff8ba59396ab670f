"""What a forward and backward pass keeps between the two, by a formula for AutoInt and by XLA's count, or roughly, for
other models.
"""

import jax
import jax.numpy as jnp

from autoint_jax.config.configuration import Config
from autoint_jax.models.layers.batch_norm import STATISTICS
from autoint_jax.models.layers.dropout import Training, row_keys
from autoint_jax.models.registry import interacting_form, model_class
from autoint_jax.schema import Batch
from autoint_jax.training.step.state import Setup, state_shapes
from autoint_jax.training.step.steps import summed_logloss

# Arrays as large as the largest that a row passes through, where nothing better is known.
ROUGH_ARRAYS = 4


def activations(made: Setup, slice_rows: int, *, compiling: bool) -> tuple[int, str]:
    """Bytes of the activations of a slice, and how they were counted: by compiling what has no formula, or roughly."""
    if interacting_form(made.config) is not None:
        of_row = activation_bytes(made.config, len(made.schema.fields))
        return slice_rows * of_row, f'{slice_rows} rows x (all layers + 2 x the largest layer)'
    if not compiling:
        of_row = 4 * ROUGH_ARRAYS * model_class(made.config.model).row_floats(made.config.model, made.schema)
        return slice_rows * of_row, f'{slice_rows} rows x {ROUGH_ARRAYS} x the largest array'
    return _counted_by_xla(made, slice_rows), f'of {slice_rows} rows, counted by XLA'


def _counted_by_xla(made: Setup, rows: int) -> int:
    """Temporary bytes of the compiled gradient of `rows` rows; nothing is allocated."""
    shape, schema = jax.ShapeDtypeStruct, made.schema
    state = state_shapes(made)
    looked_up = {
        name: shape((rows, len(spec.columns), spec.width), jnp.float32) for name, spec in made.table_specs.items()
    }
    batch = Batch(
        shape((rows, schema.num_slots), jnp.int32),
        shape((rows, len(schema.numeric_fields)), jnp.float32),
        shape((rows,), jnp.float32),
        shape((rows,), jnp.float32),
    )

    def loss(params, looked_up, statistics, batch):
        training = Training(row_keys(0, jnp.zeros((), jnp.int32), jnp.arange(rows)), batch.weights, None)
        logits, _ = made.model.apply(
            {'params': params, STATISTICS: statistics}, looked_up, batch, training=training, mutable=[STATISTICS]
        )
        return summed_logloss(logits, labels=batch.labels, weights=batch.weights)

    compiled = jax.jit(jax.grad(loss, (0, 1))).lower(state.params, looked_up, state.statistics, batch).compile()
    return compiled.memory_analysis().temp_size_in_bytes


def activation_bytes(config: Config, num_fields: int) -> int:
    """Bytes of one row in a backward pass: of every layer what it keeps, and of the largest twice that for gradients.

    A layer keeps its input f d, projections f p n a and mixed values f n a in the compute type, and attention weights
    n f f, and their dropout mask, in float32; the deep network its hidden values. Together with the rows of a batch and
    the gradient of tables that is 0.93 to 1.21 times what XLA counts for a compiled step of 8 or 39 fields in the forms
    einsum and heads; the compiled kernel needs less.
    """
    model, f = config.model, num_fields
    width, size = model.num_heads * model.head_dim, 2 if model.compute_dtype == 'bfloat16' else 4
    attention = model.num_heads * f * f * 4 * (2 if model.attention_dropout else 1)
    parts = [
        f * (inputs + (5 if model.residual else 4) * width) * size + attention
        for inputs in ([model.embedding_dim] + [width] * model.num_layers)[: model.num_layers]
    ]
    embedded = f * model.embedding_dim * 4 * (2 if model.embedding_dropout else 1)
    deep = sum(model.deep_hidden) * 4 * (2 if model.deep_dropout else 1)
    parts += [embedded, deep, sum(model.head_hidden) * 4]
    return sum(parts) + 2 * max(parts)
