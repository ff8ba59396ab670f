"""Three kinds of evidence for interactions that attention gives: its mean, its rollout, and gradient times attention.

Each is a map [f, g] of a row, which says how much field f takes from field g. A pair of fields gets the mean of the two
directions.

- attention: the mean of the weights over layers and heads.
- rollout (Abnar and Zuidema, Quantifying attention flow in transformers, ACL 2020): the product of the layers' maps,
  the last layer first. A layer's map is the mean of its heads, with rows that sum to 1. If the layers have residuals,
  it is half of that and half of the identity.
- gradient: the absolute value of the mean over layers and heads of weight times d logit / d weight, as in Grad-SAM
  (Barkan et al., CIKM 2021) without its ReLU. It is how much the logit would change if the weights grew by a share.
"""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from autoint_jax.data.store.columns import Columns
from autoint_jax.explain.attention import block_rows, explained_batch
from autoint_jax.models.layers.tables import lookup
from autoint_jax.schema import Batch
from autoint_jax.training.step.state import Setup, TrainState

ATTENTION, ROLLOUT, GRADIENT = 'attention', 'rollout', 'gradient'
KINDS = (ATTENTION, ROLLOUT, GRADIENT)


def rollout(attention: jax.Array, *, residual: bool) -> jax.Array:
    """Attention [b, l, n, f, g] -> its rollout through the layers, [b, f, g]; see the module."""
    heads = attention.mean(2)
    heads = heads / heads.sum(-1, keepdims=True)
    if residual:
        heads = (heads + jnp.eye(heads.shape[-1])) / 2
    found = heads[:, 0]
    for layer in range(1, heads.shape[1]):
        found = jnp.einsum('bfh,bhg->bfg', heads[:, layer], found)
    return found


def gradient_times_attention(setup: Setup, variables, tables, batch: Batch) -> jax.Array:
    """Returns weight times d logit / d weight for all attention weights of a batch, [b, l, n, f, g].

    It is the gradient by factors of the weights, where these are 1.
    """
    rows = lookup(tables, setup.table_specs, batch)
    shape = jax.eval_shape(lambda: explained_batch(setup, variables, tables, batch).attention)

    def summed(factors: jax.Array) -> jax.Array:
        given = {**variables, 'factors': {'attention': factors}}
        return jnp.sum(jnp.asarray(setup.model.apply(given, rows, batch, training=None)))

    return jax.grad(summed)(jnp.ones(shape.shape, shape.dtype))


def maps(setup: Setup, state: TrainState, columns: Columns, kind: str) -> Iterator[np.ndarray]:
    """Yields the maps of all rows in one of KINDS, block by block, float32 [at most a block, f, g].

    Raises:
      UsageError: the model has no attention over fields.
    """
    count, residual = block_rows(setup, state, columns)[0], setup.config.model.residual

    def of_batch(variables, tables, batch):
        if kind == GRADIENT:
            return jnp.abs(gradient_times_attention(setup, variables, tables, batch).mean((1, 2)))
        attention = explained_batch(setup, variables, tables, batch).attention
        return rollout(attention, residual=residual) if kind == ROLLOUT else attention.mean((1, 2))

    compiled = jax.jit(of_batch, compiler_options=setup.compiler_options)
    for first in range(0, len(columns), count):
        rows = np.minimum(np.arange(first, first + count), len(columns) - 1)  # all blocks have one shape
        yield np.asarray(compiled(state.variables, state.tables, columns.batch(rows)))[: len(columns) - first]
