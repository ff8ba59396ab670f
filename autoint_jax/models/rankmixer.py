"""RankMixer (Zhu et al., 2025): tokens that are mixed without weights, and a feed-forward network for each token.

Letters of shapes: b batch, t token, w width of a token, h hidden.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.errors import UsageError
from autoint_jax.models.contract import Model
from autoint_jax.models.layers.dropout import Training, dropped, dropped_embeddings, layer_site
from autoint_jax.models.layers.embedding import EMBEDDING_OPTIONS, FieldEmbedding
from autoint_jax.models.layers.feedforward import check_feedforward, feedforward_width
from autoint_jax.models.layers.layer_norm import layer_norm
from autoint_jax.models.layers.tables import Rows
from autoint_jax.models.layers.token_dense import TokenDense, gelu
from autoint_jax.schema import Batch, Schema


def mixed(x: jax.Array) -> jax.Array:
    """Mixes tokens [b, t, w]: cuts each into t parts; token i of the result has part i of all tokens, side by side."""
    b, t, w = x.shape
    return x.reshape(b, t, t, w // t).swapaxes(1, 2).reshape(b, t, w)


class RankMixer(Model):
    """RankMixer cuts the embeddings of all fields into tokens, mixes these in layers, and reads their mean.

    A layer computes s = LN(mixed(x) + x), then LN(W_2 GELU(W_1 s + b_1) + b_2 + s), where each token has its own W and
    b. A linear layer reads the mean over tokens. The embeddings, side by side and padded with zeros, are cut into equal
    parts, and each token has its own linear map of one part; the paper groups fields by meaning instead. The paper's
    mixture of experts is left out. Its hidden layer is four times as wide as a token; the default of
    `feedforward_ratio` is 4/3.
    """

    OPTIONS = (
        *EMBEDDING_OPTIONS,
        'embedding_dropout',
        'num_layers',
        'num_tokens',
        'token_width',
        'feedforward_ratio',
        'feedforward_dropout',
    )

    @staticmethod
    def check(config: ModelConfig) -> None:
        if config.token_width % config.num_tokens:
            raise UsageError(
                f"option 'model.num_tokens' is {config.num_tokens}, but must divide model.token_width, "
                f'{config.token_width}: mixing cuts each token into as many parts as there are tokens'
            )
        check_feedforward(config, 'token_width')

    @staticmethod
    def dense_layers(config: ModelConfig) -> bool:
        return True

    @staticmethod
    def row_floats(config: ModelConfig, schema: Schema) -> int:
        widest = (
            max(config.token_width, feedforward_width(config, 'token_width'))
            if config.num_layers
            else config.token_width
        )
        return max(len(schema.fields) * config.embedding_dim, config.num_tokens * widest)

    @nn.compact
    def __call__(self, rows: Rows, batch: Batch, *, training: Training | None) -> jax.Array:
        config, b, t = self.config, batch.labels.shape[0], self.config.num_tokens
        embedded = FieldEmbedding(config, self.schema, name='embedding')(rows, batch)  # [b, f, d]
        embedded = dropped_embeddings(embedded, config, training).reshape(b, -1)
        if missing := -embedded.shape[1] % t:
            embedded = jnp.concatenate([embedded, jnp.zeros((b, missing), embedded.dtype)], 1)
        x = TokenDense(config.token_width, name='tokens')(embedded.reshape(b, t, -1), training)  # [b, t, w]
        for layer in range(config.num_layers):
            x = layer_norm(f'mixing_norm_{layer}', mixed(x) + x, training)
            hidden = TokenDense(feedforward_width(config, 'token_width'), name=f'hidden_{layer}')(x, training)
            hidden = gelu(hidden)
            hidden = dropped(hidden, training, site=layer_site(layer), rate=config.feedforward_dropout)
            x = layer_norm(
                f'norm_{layer}', TokenDense(config.token_width, name=f'output_{layer}')(hidden, training) + x, training
            )
        return nn.Dense(1, name='head')(x.mean(1))[:, 0]
