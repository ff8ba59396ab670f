"""FinalMLP (Mao et al., 2023): two multi-layer perceptrons with their own feature gates, fused bilinearly."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.errors import UsageError
from autoint_jax.models.contract import Model
from autoint_jax.models.layers.dropout import (
    DEEP_SITE,
    HEAD_SITE,
    SECOND_SITE,
    Training,
    dropout_rate,
    dropped_embeddings,
)
from autoint_jax.models.layers.embedding import EMBEDDING_OPTIONS, FieldEmbedding
from autoint_jax.models.layers.initial_values import glorot_normal
from autoint_jax.models.layers.mlp import MLP
from autoint_jax.models.layers.tables import Rows
from autoint_jax.schema import Batch, Schema


def stream_widths(config: ModelConfig) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Returns the hidden widths of the two streams."""
    return config.deep_hidden, config.second_hidden or config.deep_hidden


class FeatureGate(nn.Module):
    """A gate that multiplies the features [b, h] of a stream by 2 sigmoid(MLP(context)), [1, h], the same for all rows.

    The context is a learned vector, the paper's choice for a stream without user or item fields. It starts from small
    random values, because from zero, as in the authors' code, no gradient would pass the hidden layers of the gate.

    Attributes:
      hidden: hidden widths of the gate.
      width: number of features, h.
      context: width of the context vector.
      stddev: standard deviation of its initial values.
    """

    hidden: tuple[int, ...]
    width: int
    context: int
    stddev: float

    @nn.compact
    def __call__(self) -> jax.Array:
        context = self.param('context', nn.initializers.normal(self.stddev), (1, self.context))
        x = MLP(self.hidden, 0.0, False, HEAD_SITE, output=False, name='hidden')(context, training=None)
        normal = glorot_normal(x.shape[1], self.width)
        return 2 * jax.nn.sigmoid(nn.Dense(self.width, kernel_init=normal, name='output')(x))


class BilinearFusion(nn.Module):
    """The fusion of two streams o_1 [b, p], o_2 [b, q]: b + w_1^T o_1 + w_2^T o_2 + sum_n o_1n^T W_n o_2n, [b].

    Attributes:
      heads: number of heads n into which the outputs of both streams are cut.
    """

    heads: int

    @nn.compact
    def __call__(self, one: jax.Array, two: jax.Array) -> jax.Array:
        sizes = [x.shape[1] // self.heads for x in (one, two)]
        matrices = self.param('matrices', glorot_normal(*sizes), (self.heads, *sizes))
        weights = [
            self.param(f'output_{number}', glorot_normal(x.shape[1], 1), (x.shape[1],))
            for number, x in enumerate((one, two))
        ]
        bias = self.param('bias', nn.initializers.zeros, ())
        mapped = jnp.einsum('bnp,npq->bnq', one.reshape(-1, self.heads, sizes[0]), matrices).reshape(two.shape)
        return ((mapped + weights[1]) * two).sum(1) + one @ weights[0] + bias


class FinalMLP(Model):
    """FinalMLP passes gated embeddings through two perceptrons, its streams, and fuses both bilinearly.

    Without gate widths there are no gates. Source: Mao et al., 2023.
    """

    OPTIONS = (
        *EMBEDDING_OPTIONS,
        'embedding_dropout',
        'deep_hidden',
        'second_hidden',
        'deep_dropout',
        'deep_batch_norm',
        'gate_hidden',
        'fusion_heads',
    )
    NEEDS = ('deep_hidden',)

    @staticmethod
    def check(config: ModelConfig) -> None:
        last = [widths[-1] for widths in stream_widths(config)]
        if any(width % config.fusion_heads for width in last):
            raise UsageError(
                f"option 'model.fusion_heads' is {config.fusion_heads}, but must divide the last widths of both "
                f'streams, {last[0]} and {last[1]}'
            )

    @staticmethod
    def row_floats(config: ModelConfig, schema: Schema) -> int:
        return max(len(schema.fields) * config.embedding_dim, *config.deep_hidden, *config.second_hidden)

    @nn.compact
    def __call__(self, rows: Rows, batch: Batch, *, training: Training | None) -> jax.Array:
        config = self.config
        embedded = FieldEmbedding(config, self.schema, name='embedding')(rows, batch)  # [b, f, d]
        embedded = dropped_embeddings(embedded, config, training)
        embedded, streams = embedded.reshape(embedded.shape[0], -1), []
        for number, (widths, site) in enumerate(zip(stream_widths(config), (DEEP_SITE, SECOND_SITE), strict=True)):
            x = embedded
            if config.gate_hidden:
                x = (
                    x
                    * FeatureGate(
                        config.gate_hidden,
                        x.shape[1],
                        config.embedding_dim,
                        config.embedding_stddev,
                        name=f'gate_{number}',
                    )()
                )
            stream = MLP(
                widths,
                dropout_rate('deep_dropout', config, training),
                False,
                site,
                config.deep_batch_norm,
                output=False,
                name=f'stream_{number}',
            )
            streams.append(stream(x, training=training))
        return BilinearFusion(config.fusion_heads, name='fusion')(*streams)
