"""MaskNet (Wang, She and Zhang, 2021): layers that are multiplied by masks made from the row's own embeddings."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.errors import UsageError
from autoint_jax.models.contract import Model
from autoint_jax.models.layers.dense import Dense
from autoint_jax.models.layers.dropout import Training, dropout_rate, dropped, dropped_embeddings, layer_site
from autoint_jax.models.layers.embedding import EMBEDDING_OPTIONS, FieldEmbedding
from autoint_jax.models.layers.initial_values import glorot_normal
from autoint_jax.models.layers.layer_norm import layer_norm
from autoint_jax.models.layers.mlp import deep_network
from autoint_jax.models.layers.tables import Rows
from autoint_jax.schema import Batch, Schema


def mask_hidden(width: int, ratio: float) -> int:
    """Returns the width of the aggregation layer of a mask that is `width` wide."""
    return max(1, round(width * ratio))


class MaskBlock(nn.Module):
    """A mask block: (embeddings [b, e], x [b, h]) -> ReLU(LN(W (mask * x))), [b, width].

    The mask is W_2 ReLU(W_1 embeddings + b_1) + b_2 and as wide as x; x is the layer-normalised embeddings or the
    output of another block.

    Attributes:
      width: width of the output.
      ratio: width of the mask's aggregation layer divided by that of the mask.
    """

    width: int
    ratio: float

    @nn.compact
    def __call__(self, embedded: jax.Array, x: jax.Array, *, training: Training | None) -> jax.Array:

        def dense(x: jax.Array, width: int, name: str, *, bias: bool = True, relu: bool = False) -> jax.Array:
            normal = glorot_normal(x.shape[1], width)
            return Dense(width, normal, bias=bias, relu=relu, name=name)(x, training=training)

        hidden = dense(embedded, mask_hidden(x.shape[1], self.ratio), 'mask_hidden', relu=True)
        mask = dense(hidden, x.shape[1], 'mask')
        x = dense(mask * x, self.width, 'hidden', bias=False)
        return jax.nn.relu(layer_norm('norm', x, training))


class MaskNet(Model):
    """MaskNet passes field embeddings through mask blocks, a deep network and an output layer.

    Blocks stand side by side (`mask_parallel`), or each reads the one before. Before blocks read it, the embedding of
    each field passes a LayerNorm with its own scale and bias. Masks are made from embeddings without that LayerNorm, so
    only they see the size of a scaled numeric field. Without hidden widths the deep network is the output layer alone,
    as in the paper's serial model. `deep_dropout` acts on the outputs of blocks too.
    """

    OPTIONS = (
        *EMBEDDING_OPTIONS,
        'embedding_dropout',
        'num_layers',
        'mask_width',
        'mask_ratio',
        'mask_parallel',
        'deep_hidden',
        'deep_dropout',
        'deep_batch_norm',
    )

    @staticmethod
    def check(config: ModelConfig) -> None:
        if config.num_layers < 1:
            raise UsageError(
                f"option 'model.num_layers' is {config.num_layers}, but model 'masknet' needs at least 1 block"
            )

    @staticmethod
    def dense_layers(config: ModelConfig) -> bool:
        return True

    @staticmethod
    def row_floats(config: ModelConfig, schema: Schema) -> int:
        embedded = len(schema.fields) * config.embedding_dim
        return max(
            embedded,
            mask_hidden(embedded, config.mask_ratio),
            config.num_layers * config.mask_width,
            *config.deep_hidden,
        )

    @nn.compact
    def __call__(self, rows: Rows, batch: Batch, *, training: Training | None) -> jax.Array:
        config, b = self.config, batch.labels.shape[0]
        embedded = FieldEmbedding(config, self.schema, name='embedding')(rows, batch)  # [b, f, d]
        embedded = dropped_embeddings(embedded, config, training)
        x = layer_norm('field_norm', embedded, training, own=True)
        x, embedded = x.reshape(b, -1), embedded.reshape(b, -1)
        outputs = []
        for number in range(config.num_layers):
            block = MaskBlock(config.mask_width, config.mask_ratio, name=f'block_{number}')
            out = block(embedded, x, training=training)
            out = dropped(out, training, site=layer_site(number), rate=dropout_rate('deep_dropout', config, training))
            outputs.append(out)
            x = x if config.mask_parallel else out
        x = jnp.concatenate(outputs, 1) if config.mask_parallel else x
        deep = deep_network(config, training)
        return deep(x, training=training)
