"""DNN: a multi-layer perceptron on the field embeddings."""

import flax.linen as nn
import jax

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.models.contract import Model
from autoint_jax.models.layers.dropout import Training, dropped_embeddings
from autoint_jax.models.layers.embedding import EMBEDDING_OPTIONS, FieldEmbedding
from autoint_jax.models.layers.mlp import deep_network
from autoint_jax.models.layers.tables import Rows
from autoint_jax.schema import Batch, Schema


class DNN(Model):
    """DNN is the deep network of AutoInt+ alone: MLP([e_1 ; ... ; e_f]).

    A numeric field is a vector v_m x_m here too.
    """

    OPTIONS = (*EMBEDDING_OPTIONS, 'embedding_dropout', 'deep_hidden', 'deep_dropout', 'deep_batch_norm')
    NEEDS = ('deep_hidden',)

    @staticmethod
    def row_floats(config: ModelConfig, schema: Schema) -> int:
        return max(len(schema.fields) * config.embedding_dim, *config.deep_hidden)

    @nn.compact
    def __call__(self, rows: Rows, batch: Batch, *, training: Training | None) -> jax.Array:
        config = self.config
        embedded = FieldEmbedding(config, self.schema, name='embedding')(rows, batch)  # [b, f, d]
        embedded = dropped_embeddings(embedded, config, training)
        return deep_network(config, training)(embedded.reshape(embedded.shape[0], -1), training=training)
