"""Wukong (Zhang et al., 2024): layers that join the inner products of all pairs of tokens with linear maps of the
tokens, so that each layer doubles the order of interactions.

Letters of shapes: b batch, t token (at first a field), r column of the compressed products, d embedding.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.errors import UsageError
from autoint_jax.models.contract import Model
from autoint_jax.models.layers.dense import Dense
from autoint_jax.models.layers.dropout import Training, dropped_embeddings
from autoint_jax.models.layers.embedding import EMBEDDING_OPTIONS, FieldEmbedding
from autoint_jax.models.layers.initial_values import glorot_normal
from autoint_jax.models.layers.layer_norm import layer_norm
from autoint_jax.models.layers.mlp import deep_network
from autoint_jax.models.layers.tables import Rows
from autoint_jax.schema import Batch, Schema


class WukongLayer(nn.Module):
    """A layer of Wukong: X [b, t, d] -> [b, products + linear, d].

    The factorization machine block is MLP(LN(flatten(X (X^T Y)))), cut into `products` tokens; Y [t, r] is learned, and
    with rank 0 the products are X X^T. The linear block is W X, of `linear` tokens. The output is LN([both] + X); X
    passes a linear map over tokens, with a bias, if the number of tokens changes. The MLP ends in a linear layer, and
    `hidden` are its widths before that.

    Attributes:
      products: tokens of the factorization machine block.
      linear: tokens of the linear block.
      rank: columns r of Y, or 0.
      hidden: hidden widths of the MLP.
    """

    products: int
    linear: int
    rank: int
    hidden: tuple[int, ...]

    @nn.compact
    def __call__(self, x: jax.Array, *, training: Training | None) -> jax.Array:
        (b, t, d), tokens = x.shape, self.products + self.linear

        def dense(x: jax.Array, width: int, name: str, *, relu: bool = False) -> jax.Array:
            return Dense(width, glorot_normal(x.shape[1], width), relu=relu, name=name)(x, training=training)

        # Maps over tokens take the rows of [b d, t]: gradients of weights are slow on CPUs if several axes are summed.
        by_value = x.swapaxes(1, 2).reshape(-1, t)

        def over_tokens(count: int, name: str, *, bias: bool = False) -> jax.Array:
            # By XLA, which is faster for so many rows of few values.
            layer = nn.Dense(count, use_bias=bias, kernel_init=glorot_normal(t, count), name=name)
            return layer(by_value).reshape(b, d, count)

        compressed = over_tokens(self.rank, 'compression') if self.rank else x.swapaxes(1, 2)  # X^T Y, [b, d, r]
        h = layer_norm('products_norm', (x @ compressed).reshape(b, -1), training)
        for number, width in enumerate(self.hidden):
            h = dense(h, width, f'hidden_{number}', relu=True)
        made = dense(h, self.products * d, 'products').reshape(b, self.products, d)
        mapped = over_tokens(self.linear, 'linear').swapaxes(1, 2)
        residual = x if t == tokens else over_tokens(tokens, 'residual', bias=True).swapaxes(1, 2)
        return layer_norm('norm', jnp.concatenate([made, mapped], 1) + residual, training)


class Wukong(Model):
    """Wukong passes field embeddings through its layers and gives all tokens of the last one to a deep network.

    Without hidden widths the deep network is the output layer alone. Implementations differ: the MLP of a layer ends
    linearly here, as in TorchEasyRec and in the public code that follows the paper most closely (FuxiCTR ends it in a
    ReLU). Y is learned as it is; the paper also describes a Y that is made from X. A numeric field is a token of its
    own.
    """

    OPTIONS = (
        *EMBEDDING_OPTIONS,
        'embedding_dropout',
        'num_layers',
        'product_tokens',
        'linear_tokens',
        'product_rank',
        'product_hidden',
        'deep_hidden',
        'deep_dropout',
        'deep_batch_norm',
    )

    @staticmethod
    def check(config: ModelConfig) -> None:
        if config.num_layers < 1:
            raise UsageError(
                f"option 'model.num_layers' is {config.num_layers}, but model 'wukong' needs at least 1 layer"
            )

    @staticmethod
    def dense_layers(config: ModelConfig) -> bool:
        return True

    @staticmethod
    def row_floats(config: ModelConfig, schema: Schema) -> int:
        made = config.product_tokens + config.linear_tokens
        tokens = max(len(schema.fields), made if config.num_layers > 1 else 0)
        largest = max(tokens, made) * config.embedding_dim, tokens * (config.product_rank or tokens)
        return max(*largest, *config.product_hidden, *config.deep_hidden)

    @nn.compact
    def __call__(self, rows: Rows, batch: Batch, *, training: Training | None) -> jax.Array:
        config = self.config
        x = FieldEmbedding(config, self.schema, name='embedding')(rows, batch)  # [b, f, d]
        x = dropped_embeddings(x, config, training)
        for number in range(config.num_layers):
            layer = WukongLayer(
                config.product_tokens,
                config.linear_tokens,
                config.product_rank,
                config.product_hidden,
                name=f'layer_{number}',
            )
            x = layer(x, training=training)
        return deep_network(config, training)(x.reshape(x.shape[0], -1), training=training)
