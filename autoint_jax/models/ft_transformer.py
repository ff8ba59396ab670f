"""FT-Transformer: a pre-norm Transformer over fields as tokens, read from a [CLS] token (Gorishniy et al., NeurIPS
2021).

Letters of shapes: b batch, t/u token as query/key (the [CLS] token, then the fields), d embedding, n head, a per-head
  size.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.config.options import is_on
from autoint_jax.errors import UsageError
from autoint_jax.models.contract import Model
from autoint_jax.models.interacting.heads import attend
from autoint_jax.models.layers.dropout import Training, dropout_rate, dropped, layer_site, scaled_mask
from autoint_jax.models.layers.embedding import EMBEDDING_OPTIONS, FieldEmbedding
from autoint_jax.models.layers.feedforward import check_feedforward, feedforward_width
from autoint_jax.models.layers.layer_norm import layer_norm
from autoint_jax.models.layers.tables import Rows
from autoint_jax.schema import Batch, Schema

QUERY, KEYS_AND_VALUES, ALL = slice(0, 1), slice(1, 3), slice(0, 3)  # of the projections


class Tokens(nn.Module):
    """The tokens of a row: [b, f, d] -> [b, 1 + f, d]: [CLS], then each embedding plus the bias of its field.

    The [CLS] token and the biases are drawn uniformly from +-1 / sqrt(d), as in the paper's code. That code draws
    embeddings so too; here `embedding_stddev` applies to them. The module's name must end in `_embedding`, so that its
    parameters are counted with the embeddings: together they are the paper's feature tokenizer.
    """

    @nn.compact
    def __call__(self, embedded: jax.Array) -> jax.Array:
        b, f, d = embedded.shape

        def uniform(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
            return jax.random.uniform(key, shape, minval=-(d**-0.5), maxval=d**-0.5)

        bias, cls = self.param('bias', uniform, (f, d)), self.param('cls', uniform, (d,))
        return jnp.concatenate([jnp.broadcast_to(cls, (b, 1, d)), embedded + bias], 1)


class SelfAttention(nn.Module):
    """Multi-head self-attention with biases and an output projection: [b, t, d] -> [b, t, d], or [b, 1, d] if `cls`."""

    num_heads: int
    dropout: float | jax.Array
    site: int
    cls: bool

    @nn.compact
    def __call__(self, x: jax.Array, *, training: Training | None) -> jax.Array:
        d, n = x.shape[2], self.num_heads
        a = d // n
        glorot = nn.initializers.variance_scaling(1.0, 'fan_avg', 'uniform', in_axis=0, out_axis=(2, 3), batch_axis=1)
        kernel = self.param('kernel', glorot, (d, 3, n, a))
        bias = self.param('bias', nn.initializers.zeros, (3, n, a))

        def projected(x: jax.Array, parts: slice) -> list[jax.Array]:
            """Returns the projections of each part and head, [b, t, a] each."""
            weights = kernel[:, parts].reshape(d, -1)
            flat = x.reshape(-1, d) @ weights + bias[parts].reshape(-1)
            return jnp.split(flat.reshape(*x.shape[:2], -1), weights.shape[1] // a, 2)

        if self.cls:
            of_heads = projected(x[:, :1], QUERY) + projected(x, KEYS_AND_VALUES)
        else:
            of_heads = projected(x, ALL)
        masks: list[jax.Array | None] = [None] * n
        if training is not None and is_on(self.dropout):
            shape = (n, of_heads[0].shape[1], x.shape[1])
            factors = scaled_mask(training.keys, site=self.site, rate=self.dropout, shape=shape)
            masks = [factors[:, head] for head in range(n)]
        queries, keys, values = of_heads[:n], of_heads[n : 2 * n], of_heads[2 * n :]
        mixed = jnp.concatenate(
            [attend(*head, a**-0.5) for head in zip(queries, keys, values, masks, strict=True)], 2
        )  # [b, t, d]
        return nn.Dense(d, name='output')(mixed.reshape(-1, d)).reshape(mixed.shape)


class FeedForward(nn.Module):
    """The feed-forward layer of a block: W_2 dropout(reglu(W_1 x)), [b, t, d] -> [b, t, d].

    reglu(u, v) = u * ReLU(v) of the two halves of W_1 x (Shazeer, 2020).
    """

    hidden: int
    dropout: float | jax.Array
    site: int

    @nn.compact
    def __call__(self, x: jax.Array, *, training: Training | None) -> jax.Array:
        # Gradients of weights are slow on CPUs if several axes are contracted, so tokens of all rows are one axis.
        flat = x.reshape(-1, x.shape[2])
        value, gate = jnp.split(nn.Dense(2 * self.hidden, name='hidden')(flat), 2, -1)
        gated = (value * jax.nn.relu(gate)).reshape(*x.shape[:2], -1)
        gated = dropped(gated, training, site=self.site, rate=self.dropout)
        return nn.Dense(x.shape[2], name='output')(gated.reshape(-1, self.hidden)).reshape(x.shape)


class FTTransformer(Model):
    """FT-Transformer passes tokens through pre-norm blocks; the output is Linear(ReLU(LayerNorm([CLS]))).

    A block is x <- x + dropout(attention(LayerNorm(x))), then x <- x + dropout(feed-forward(LayerNorm(x))). The first
    block lacks its first LayerNorm, which the paper found easier to train. The last block computes only the [CLS] row,
    because nothing reads the others. The attention weights are not shown, because one of their tokens is no field.
    """

    OPTIONS = (
        *EMBEDDING_OPTIONS,
        'num_layers',
        'num_heads',
        'feedforward_ratio',
        'attention_dropout',
        'feedforward_dropout',
        'residual_dropout',
    )

    @staticmethod
    def check(config: ModelConfig) -> None:
        if config.embedding_dim % config.num_heads:
            raise UsageError(
                f"option 'model.num_heads' is {config.num_heads}, but must divide model.embedding_dim, "
                f'{config.embedding_dim}'
            )
        if not config.num_layers:
            raise UsageError(
                "option 'model.num_layers' is 0, but must be at least 1: the [CLS] token would see no field"
            )
        check_feedforward(config)

    @staticmethod
    def dense_layers(config: ModelConfig) -> bool:
        return True

    @staticmethod
    def row_floats(config: ModelConfig, schema: Schema) -> int:
        tokens = len(schema.fields) + 1
        return tokens * max(3 * config.embedding_dim, 2 * feedforward_width(config), config.num_heads * tokens)

    @nn.compact
    def __call__(self, rows: Rows, batch: Batch, *, training: Training | None) -> jax.Array:
        config = self.config
        x = Tokens(name='token_embedding')(
            FieldEmbedding(config, self.schema, name='embedding')(rows, batch)
        )  # [b, t, d]
        for layer in range(config.num_layers):
            last = layer == config.num_layers - 1
            normed = layer_norm(f'attention_norm_{layer}', x, training) if layer else x
            mixed = SelfAttention(
                config.num_heads,
                dropout_rate('attention_dropout', config, training),
                layer_site(layer),
                cls=last,
                name=f'attention_{layer}',
            )(normed, training=training)
            x = x[:, : mixed.shape[1]] + dropped(
                mixed, training, site=layer_site(layer, 1), rate=config.residual_dropout
            )
            fed = FeedForward(
                feedforward_width(config), config.feedforward_dropout, layer_site(layer, 2), name=f'feedforward_{layer}'
            )(layer_norm(f'feedforward_norm_{layer}', x, training), training=training)
            x = x + dropped(fed, training, site=layer_site(layer, 3), rate=config.residual_dropout)
        cls = jax.nn.relu(layer_norm('head_norm', x[:, 0], training))
        return nn.Dense(1, name='head')(cls)[:, 0]  # [b]
