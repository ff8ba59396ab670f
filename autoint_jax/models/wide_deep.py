"""Wide & Deep (Cheng et al., 2016)."""

import flax.linen as nn
import jax

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.models.contract import Model
from autoint_jax.models.layers.dropout import Training
from autoint_jax.models.layers.embedding import EMBEDDING_OPTIONS, embedding_tables
from autoint_jax.models.layers.linear import FirstOrder, linear_tables
from autoint_jax.models.layers.mlp import deep_network
from autoint_jax.models.layers.stacked_input import StackedInput, stacked_width
from autoint_jax.models.layers.tables import Rows, TableSpec
from autoint_jax.schema import Batch, Schema


class WideDeep(Model):
    """Wide & Deep adds a linear model and a deep network: w^T x + MLP([embeddings ; numbers]).

    This is Eq. 3 of Cheng et al. (2016); its b is the bias of the MLP's output layer. The wide part reads single
    features and none of that paper's hand-made cross products, as in Table 5 of the AutoInt paper.
    """

    OPTIONS = (*EMBEDDING_OPTIONS, 'embedding_dropout', 'deep_hidden', 'deep_dropout', 'deep_batch_norm')
    NEEDS = ('deep_hidden',)

    @staticmethod
    def table_specs(config: ModelConfig, schema: Schema) -> dict[str, TableSpec]:
        return linear_tables(schema) | embedding_tables(config, schema)

    @staticmethod
    def row_floats(config: ModelConfig, schema: Schema) -> int:
        return max(stacked_width(config, schema), *config.deep_hidden)

    @nn.compact
    def __call__(self, rows: Rows, batch: Batch, *, training: Training | None) -> jax.Array:
        config = self.config
        x = StackedInput(config, self.schema, name='input_embedding')(rows, batch, training=training)
        deep = deep_network(config, training)(x, training=training)
        return FirstOrder(self.config, self.schema, name='linear_embedding')(rows, batch) + deep
