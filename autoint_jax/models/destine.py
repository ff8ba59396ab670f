"""DESTINE: self-attention whose weights are the sum of a whitened pairwise part and a unary part (Xu et al., CIKM
2021).
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.config.options import is_on
from autoint_jax.models.contract import Model
from autoint_jax.models.interacting.heads import attend
from autoint_jax.models.interacting.stack import InteractingWeights, StackSpec, attention_weights, projections
from autoint_jax.models.layers.dropout import (
    HEAD_SITE,
    Training,
    dropout_rate,
    dropped_embeddings,
    layer_site,
    scaled_mask,
)
from autoint_jax.models.layers.embedding import EMBEDDING_OPTIONS, FieldEmbedding, embedding_tables
from autoint_jax.models.layers.linear import FirstOrder, linear_tables
from autoint_jax.models.layers.mlp import MLP, deep_network
from autoint_jax.models.layers.softmax import softmax
from autoint_jax.models.layers.tables import Rows, TableSpec
from autoint_jax.schema import Batch, Schema


class DisentangledAttention(nn.Module):
    """An attention layer of DESTINE: x [b, f, d] -> [b, f, w] and the attention weights [b, n, f, g]; w = n * a. The
    weights are None unless 'intermediates' are asked for.

    For each head, weight_fg = softmax_g((q_f - mean q)^T (k_g - mean k)) + softmax_g(u^T x_g), with means over the
    fields, so the weights of a field sum to 2. The first part says how much two fields matter to each other, the second
    how much field g matters to all. The output is sum_g weight_fg v_g + W_Res x_f. The unary scores have their own
    projection u, as in the authors' code, where the paper derives them from (mean q)^T k_g. It has no bias, because the
    softmax would cancel it. Factors [b, n, f, g] of the weights may be given.

    Attributes:
      spec: heads, residual and scale. W_Res is in every layer, and a bias in every projection.
      relu: whether queries, keys and values pass a ReLU.
      dropout: share of the weights that is dropped in training.
      site: dropout site.
    """

    spec: StackSpec
    relu: bool
    dropout: float | jax.Array
    site: int

    @nn.compact
    def __call__(
        self, x: jax.Array, given: jax.Array | None, *, training: Training | None
    ) -> tuple[jax.Array, jax.Array | None]:
        (_, f, d), spec, n = x.shape, self.spec, self.spec.num_heads
        layer = InteractingWeights(spec, d, bias=True, layer_norm=False, name='projections')()
        glorot = nn.initializers.variance_scaling(1.0, 'fan_avg', 'uniform')
        unary = self.param('unary', glorot, (d, n))
        query, key, value, *residual = jnp.split(projections(x, layer, spec), spec.projections(d), 2)  # [b, f, w]
        if self.relu:
            query, key, value = map(jax.nn.relu, (query, key, value))
        query, key = (part - part.mean(1, keepdims=True) for part in (query, key))
        heads = list(zip(*(jnp.split(part, n, 2) for part in (query, key, value)), strict=True))
        importance = softmax(x @ unary, axis=1)  # [b, g, n]
        weights, masks = None, None
        if given is not None or self.is_mutable_collection('intermediates'):
            pairwise = [attention_weights(query, key, scale=spec.scale) for query, key, _ in heads]
            weights = jnp.stack(pairwise, 1) + importance.swapaxes(1, 2)[:, :, None]
        if training is not None and is_on(self.dropout):
            masks = scaled_mask(training.keys, site=self.site, rate=self.dropout, shape=(n, f, f))
        mixed = jnp.concatenate(
            [
                attend(*head, None if masks is None else masks[:, place], spec.scale, importance[:, :, place])
                if weights is None or given is None
                else jnp.einsum('bfg,bga->bfa', weights[:, place] * given[:, place], head[2])
                for place, head in enumerate(heads)
            ],
            2,
        )  # [b, f, w]
        return mixed + residual[0] if residual else mixed, weights


class DESTINE(Model):
    """DESTINE passes field embeddings through disentangled attention layers to a linear output layer.

    With options it adds w^T x and the logits of a deep network. Each layer has a residual, and the output layer reads
    the last layer without an activation. This follows FuxiCTR, whose published figures are higher; the authors' code by
    default adds one projected residual of the embeddings after all layers, then a ReLU. As by default in both, scores
    are unscaled and projections linear (`score_scale`, `projection_activation` change that). Both add w^T x by default;
    here `wide` does.
    """

    OPTIONS = (
        *EMBEDDING_OPTIONS,
        'num_layers',
        'num_heads',
        'head_dim',
        'residual',
        'score_scale',
        'projection_activation',
        'attention_dropout',
        'embedding_dropout',
        'wide',
        'deep_hidden',
        'deep_dropout',
        'deep_batch_norm',
    )
    ATTENTION = True

    @staticmethod
    def table_specs(config: ModelConfig, schema: Schema) -> dict[str, TableSpec]:
        return embedding_tables(config, schema) | (linear_tables(schema) if config.wide else {})

    @staticmethod
    def row_floats(config: ModelConfig, schema: Schema) -> int:
        f = len(schema.fields)
        return f * max(config.embedding_dim, 4 * config.num_heads * config.head_dim, config.num_heads * f)

    @nn.compact
    def __call__(self, rows: Rows, batch: Batch, *, training: Training | None) -> jax.Array:
        config = self.config
        embedded = FieldEmbedding(config, self.schema, name='embedding')(rows, batch)  # [b, f, d]
        embedded = dropped_embeddings(embedded, config, training)
        spec = StackSpec(
            config.num_heads,
            config.head_dim,
            config.residual,
            projection_relu=False,
            scale=config.head_dim**-0.5 if config.score_scale == 'head_dim' else 1.0,
        )
        x, b, attention = embedded, embedded.shape[0], []
        factors = self.get_variable('factors', 'attention') if self.has_variable('factors', 'attention') else None
        for layer in range(config.num_layers):
            given = None if factors is None else factors[:, layer]
            x, weights = DisentangledAttention(
                spec,
                config.projection_activation == 'relu',
                dropout_rate('attention_dropout', config, training),
                layer_site(layer),
                name=f'attention_{layer}',
            )(x, given, training=training)
            if weights is not None:
                attention.append(weights)
        if attention:
            self.sow('intermediates', 'attention', jnp.stack(attention, 1))  # [b, l, n, f, g]
        logits = MLP((), 0.0, False, HEAD_SITE, name='head')(x.reshape(b, -1), training=training)
        if config.deep_hidden:
            logits = logits + deep_network(config, training)(embedded.reshape(b, -1), training=training)
        if config.wide:
            logits = logits + FirstOrder(self.config, self.schema, name='linear_embedding')(rows, batch)
        return logits  # [b]
