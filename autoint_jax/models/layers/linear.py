"""The first-order part w^T x of LR, FM, Wide & Deep and others."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.models.layers.embedding import embedded_runs
from autoint_jax.models.layers.numeric import present_values
from autoint_jax.models.layers.tables import Rows, TableSpec, table_of
from autoint_jax.schema import Batch, Schema

LINEAR_TABLE = 'linear'


def linear_tables(schema: Schema, stddev: float = 0.0) -> dict[str, TableSpec]:
    """Returns the table of first-order weights: one value for each id, drawn from N(0, stddev^2)."""
    return {LINEAR_TABLE: table_of(schema, 1, stddev)}


class FirstOrder(nn.Module):
    """w^T x without a bias, [b].

    A categorical field adds the weight of its value, a multivalued field the mean or sum of its values' weights, and a
    numeric field w_m * x_m. The module's name must end in `_embedding`, so that its numeric weights are counted as
    embeddings.

    Attributes:
      config: the options of the model.
      schema: the fields.
      drawn: whether numeric weights are drawn from N(0, 1), as FuxiCTR draws them by its Xavier rule; else they start
        at zero.
    """

    config: ModelConfig
    schema: Schema
    drawn: bool = False

    @nn.compact
    def __call__(self, rows: Rows, batch: Batch) -> jax.Array:
        total = jnp.zeros(batch.labels.shape, rows[LINEAR_TABLE].dtype)
        for piece in embedded_runs(
            self.schema.id_fields, rows[LINEAR_TABLE], batch.ids, self.config.combiner, pooled=True
        ):
            total = total + piece.sum((1, 2))
        if self.schema.numeric_fields:
            first = nn.initializers.normal(1.0) if self.drawn else nn.initializers.zeros
            weights = self.param('numeric', first, (len(self.schema.numeric_fields),))
            total = total + present_values(batch.numeric) @ weights
        return total
