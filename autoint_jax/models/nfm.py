"""NFM, the neural factorization machine (He and Chua, 2017)."""

import flax.linen as nn
import jax

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.models.contract import Model
from autoint_jax.models.fm import bi_interaction
from autoint_jax.models.layers.batch_norm import BatchNorm
from autoint_jax.models.layers.dropout import Training, dropped_embeddings
from autoint_jax.models.layers.embedding import EMBEDDING_OPTIONS, FieldEmbedding, embedding_tables, num_features
from autoint_jax.models.layers.linear import FirstOrder, linear_tables
from autoint_jax.models.layers.mlp import deep_network
from autoint_jax.models.layers.tables import Rows, TableSpec
from autoint_jax.schema import Batch, Schema


class NFM(Model):
    """NFM is a deep network on the pooled pairs of features, beside a linear model: w_0 + w^T x + h^T MLP(f_BI).

    f_BI is the bi-interaction pooling of the features' x_i v_i, and w_0 is the bias of the MLP's output layer. With
    `deep_batch_norm` f_BI is normalised like the hidden layers, before its dropout (`embedding_dropout`), as in the
    paper. Without hidden layers the model is NFM-0: FM with a weight h for each dimension.
    """

    OPTIONS = (*EMBEDDING_OPTIONS, 'embedding_dropout', 'deep_hidden', 'deep_dropout', 'deep_batch_norm')

    @staticmethod
    def table_specs(config: ModelConfig, schema: Schema) -> dict[str, TableSpec]:
        return linear_tables(schema) | embedding_tables(config, schema)

    @staticmethod
    def row_floats(config: ModelConfig, schema: Schema) -> int:
        return max(num_features(schema) * config.embedding_dim, *config.deep_hidden, 0)

    @nn.compact
    def __call__(self, rows: Rows, batch: Batch, *, training: Training | None) -> jax.Array:
        config = self.config
        pooled = bi_interaction(
            FieldEmbedding(config, self.schema, pooled=False, name='embedding')(rows, batch)
        )  # [b, d]
        if config.deep_batch_norm:
            pooled = BatchNorm(name='batch_norm')(pooled, training=training)
        pooled = dropped_embeddings(pooled, config, training)
        deep = deep_network(config, training)(pooled, training=training)
        return FirstOrder(self.config, self.schema, name='linear_embedding')(rows, batch) + deep
