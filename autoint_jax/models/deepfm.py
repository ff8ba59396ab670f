"""DeepFM (Guo et al., 2017)."""

import flax.linen as nn
import jax

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.models.contract import Model
from autoint_jax.models.fm import bi_interaction
from autoint_jax.models.layers.dropout import Training, dropped_embeddings
from autoint_jax.models.layers.embedding import EMBEDDING_OPTIONS, FieldEmbedding, embedding_tables
from autoint_jax.models.layers.linear import FirstOrder, linear_tables
from autoint_jax.models.layers.mlp import deep_network
from autoint_jax.models.layers.tables import Rows, TableSpec
from autoint_jax.schema import Batch, Schema


class DeepFM(Model):
    """DeepFM adds an FM and a deep network on the same embeddings: FM(x) + MLP([e_1 ; ... ; e_f]).

    These are Eqs. 1-4 of Guo et al. (2017). The bias is that of the MLP's output layer. Dropout on embeddings acts
    before both parts.
    """

    OPTIONS = (*EMBEDDING_OPTIONS, 'embedding_dropout', 'deep_hidden', 'deep_dropout', 'deep_batch_norm')
    NEEDS = ('deep_hidden',)

    @staticmethod
    def table_specs(config: ModelConfig, schema: Schema) -> dict[str, TableSpec]:
        return linear_tables(schema) | embedding_tables(config, schema)

    @staticmethod
    def row_floats(config: ModelConfig, schema: Schema) -> int:
        return max(len(schema.fields) * config.embedding_dim, *config.deep_hidden)

    @nn.compact
    def __call__(self, rows: Rows, batch: Batch, *, training: Training | None) -> jax.Array:
        config = self.config
        embedded = FieldEmbedding(config, self.schema, name='embedding')(rows, batch)  # [b, f, d]
        embedded = dropped_embeddings(embedded, config, training)
        deep = deep_network(config, training)(embedded.reshape(embedded.shape[0], -1), training=training)
        return (
            FirstOrder(self.config, self.schema, name='linear_embedding')(rows, batch)
            + bi_interaction(embedded).sum(1)
            + deep
        )
