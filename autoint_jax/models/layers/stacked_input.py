"""One vector a row: embeddings of id fields side by side with plain numeric values, as DCN and Deep Crossing stack them."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.models.layers.dropout import EMBEDDING_SITE, Training, dropped
from autoint_jax.models.layers.embedding import FieldEmbedding
from autoint_jax.models.layers.numeric import present_values
from autoint_jax.models.layers.tables import Rows
from autoint_jax.schema import Batch, Schema


class StackedInput(nn.Module):
    """Rows of a batch -> [b, h]: the id fields' embeddings, then the numeric values (0 where missing).

    Numeric fields that are encoded (`numeric_encoding` other than 'scaled') are embedded like the others, in the schema's order.
    """

    config: ModelConfig
    schema: Schema

    @nn.compact
    def __call__(self, rows: Rows, batch: Batch, *, training: Training | None) -> jax.Array:
        plain = self.config.numeric_encoding == 'scaled' and bool(self.schema.numeric_fields)
        b, embedded = batch.labels.shape[0], None
        if not plain or self.schema.id_fields:
            schema = Schema(self.schema.id_fields) if plain else self.schema
            embedded = FieldEmbedding(self.config, schema, name='embedding')(rows, batch).reshape(b, -1)
            embedded = dropped(embedded, training, site=EMBEDDING_SITE, rate=self.config.embedding_dropout)
        if not plain:
            return embedded
        values = present_values(batch.numeric)
        return values if embedded is None else jnp.concatenate([embedded, values], 1)


def stacked_width(config: ModelConfig, schema: Schema) -> int:
    """The width h of `StackedInput`."""
    plain = config.numeric_encoding == 'scaled'
    numeric = len(schema.numeric_fields)
    return len(schema.id_fields) * config.embedding_dim + numeric * (1 if plain else config.embedding_dim)
