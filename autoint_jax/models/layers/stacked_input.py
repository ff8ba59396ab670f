"""One vector for each row: the embeddings of id fields, then plain numeric values, as in DCN and Deep Crossing."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.models.layers.dropout import Training, dropped_embeddings
from autoint_jax.models.layers.embedding import FieldEmbedding
from autoint_jax.models.layers.numeric import present_values
from autoint_jax.models.layers.tables import Rows
from autoint_jax.schema import Batch, Schema


class StackedInput(nn.Module):
    """Rows of a batch -> [b, h]: the embeddings of id fields, then the numeric values (0 for a missing one).

    If `numeric_encoding` is not 'scaled', numeric fields are embedded like the others, in the schema's order.
    """

    config: ModelConfig
    schema: Schema

    @nn.compact
    def __call__(self, rows: Rows, batch: Batch, *, training: Training | None) -> jax.Array:
        plain = self.config.numeric_encoding == 'scaled' and bool(self.schema.numeric_fields)
        if plain and not self.schema.id_fields:
            return present_values(batch.numeric)
        schema = Schema(self.schema.id_fields) if plain else self.schema
        embedded = FieldEmbedding(self.config, schema, name='embedding')(rows, batch)
        embedded = embedded.reshape(batch.labels.shape[0], -1)
        embedded = dropped_embeddings(embedded, self.config, training)
        return jnp.concatenate([embedded, present_values(batch.numeric)], 1) if plain else embedded


def stacked_width(config: ModelConfig, schema: Schema) -> int:
    """Returns the width h of `StackedInput`."""
    plain = config.numeric_encoding == 'scaled'
    numeric = len(schema.numeric_fields)
    return len(schema.id_fields) * config.embedding_dim + numeric * (1 if plain else config.embedding_dim)
