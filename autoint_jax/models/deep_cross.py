"""DCN, the Deep & Cross Network (Wang et al., 2017)."""

import flax.linen as nn
import jax

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.models.contract import Model
from autoint_jax.models.crossnet import CrossLayers
from autoint_jax.models.layers.dropout import Training
from autoint_jax.models.layers.embedding import EMBEDDING_OPTIONS
from autoint_jax.models.layers.initial_values import glorot_normal
from autoint_jax.models.layers.mlp import deep_network
from autoint_jax.models.layers.stacked_input import StackedInput, stacked_width
from autoint_jax.models.layers.tables import Rows
from autoint_jax.schema import Batch, Schema


class DeepCross(Model):
    """DCN is a cross network and a deep network side by side on stacked embeddings and numbers.

    The output layer over both (Wang et al., 2017, Eq. 5) is computed as the sum of an output layer over each. Its bias,
    which the paper does not have, is that of the deep network.
    """

    OPTIONS = (*EMBEDDING_OPTIONS, 'embedding_dropout', 'num_layers', 'deep_hidden', 'deep_dropout', 'deep_batch_norm')
    NEEDS = ('deep_hidden',)

    @staticmethod
    def row_floats(config: ModelConfig, schema: Schema) -> int:
        return max(stacked_width(config, schema), *config.deep_hidden)

    @nn.compact
    def __call__(self, rows: Rows, batch: Batch, *, training: Training | None) -> jax.Array:
        config = self.config
        x = StackedInput(config, self.schema, name='input_embedding')(rows, batch, training=training)
        crossed = CrossLayers(config.num_layers, name='cross')(x)
        deep = deep_network(config, training)
        normal = glorot_normal(x.shape[1], 1)
        return nn.Dense(1, use_bias=False, kernel_init=normal, name='cross_output')(crossed)[:, 0] + deep(
            x, training=training
        )
