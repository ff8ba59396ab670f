"""xDeepFM (Lian et al., 2018): a first-order part, CIN and a deep network together."""

import flax.linen as nn
import jax

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.models.cin import CompressedInteractions
from autoint_jax.models.contract import DEEP, REST, WHOLE, Model
from autoint_jax.models.layers.dropout import Training, dropped_embeddings
from autoint_jax.models.layers.embedding import EMBEDDING_OPTIONS, FieldEmbedding, embedding_tables
from autoint_jax.models.layers.linear import FirstOrder, linear_tables
from autoint_jax.models.layers.mlp import deep_network
from autoint_jax.models.layers.tables import Rows, TableSpec
from autoint_jax.schema import Batch, Schema


class XDeepFM(Model):
    """xDeepFM adds a linear model, CIN and a deep network on the same embeddings: w^T x + w_cin^T p + w_deep^T h + b.

    Source: Lian et al., 2018, Eq. 10.
    """

    OPTIONS = (
        *EMBEDDING_OPTIONS,
        'embedding_dropout',
        'cin_widths',
        'cin_split',
        'deep_hidden',
        'deep_dropout',
        'deep_batch_norm',
    )
    NEEDS = ('cin_widths', 'deep_hidden')

    @staticmethod
    def deep_apart(config: ModelConfig) -> bool:
        return not config.deep_batch_norm

    @staticmethod
    def table_specs(config: ModelConfig, schema: Schema) -> dict[str, TableSpec]:
        return embedding_tables(config, schema) | linear_tables(schema)

    @staticmethod
    def row_floats(config: ModelConfig, schema: Schema) -> int:
        pairs = CompressedInteractions.row_floats(
            config.cin_widths, config.cin_split, len(schema.fields), config.embedding_dim
        )
        return max(pairs, *config.deep_hidden)

    @nn.compact
    def __call__(self, rows: Rows, batch: Batch, *, training: Training | None, part: str = WHOLE) -> jax.Array:
        config, deep = self.config, None
        embedded = FieldEmbedding(config, self.schema, name='embedding')(rows, batch)  # [b, f, d]
        embedded = dropped_embeddings(embedded, config, training)
        if part != REST:
            deep = deep_network(config, training)(embedded.reshape(embedded.shape[0], -1), training=training)
            if part == DEEP:
                return deep
        logits = FirstOrder(config, self.schema, name='linear_embedding')(rows, batch)
        logits = logits + CompressedInteractions(config.cin_widths, config.cin_split, name='cin')(embedded)
        return logits if deep is None else logits + deep
