"""Attention whose parameters differ between fields: the steps from AutoInt to Hiformer, each a switch (Gui et al.,
2023).

Letters of shapes: b batch, t/u token as query/key (a field, or the task token, which comes first), q query tokens, d
embedding, n head, a size of queries and keys of a head, m size of its values.
"""

from typing import ClassVar, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.config.options import is_on
from autoint_jax.errors import UsageError
from autoint_jax.models.contract import Model
from autoint_jax.models.interacting.heads import attend
from autoint_jax.models.interacting.stack import attention_weights
from autoint_jax.models.layers.dropout import (
    HEAD_SITE,
    Training,
    dropout_rate,
    dropped,
    dropped_embeddings,
    layer_site,
    scaled_mask,
)
from autoint_jax.models.layers.embedding import EMBEDDING_OPTIONS, FieldEmbedding
from autoint_jax.models.layers.feedforward import check_feedforward, feedforward_width
from autoint_jax.models.layers.layer_norm import layer_norm
from autoint_jax.models.layers.mlp import MLP
from autoint_jax.models.layers.projections import JOINT, OWN, SHARED, Projection, Projections
from autoint_jax.models.layers.tables import Rows
from autoint_jax.models.layers.token_dense import TokenDense, gelu
from autoint_jax.schema import Batch, Schema


class Rungs(NamedTuple):
    """What is added to the layers of AutoInt.

    Attributes:
      projections: each token has its own projections to query, key and value.
      output: each token has its own projection O of what its heads mixed, and x + O(attention(LN(x))) replaces
        ReLU(attention(x) + W_Res x).
      feedforward: each token has its own feed-forward network after that, x + W_2 GELU(W_1 LN(x) + b_1) + b_2.
      joint: queries, keys and values of all tokens are linear maps of all tokens side by side.
    """

    projections: bool
    output: bool
    feedforward: bool
    joint: bool


class FieldAttentionLayer(nn.Module):
    """An attention layer with some of `Rungs`: x [b, t, d] -> [b, q, w] and its attention weights [b, n, q, u].

    The weights are None unless 'intermediates' are asked for. Factors [b, n, q, u] of the weights may be given.

    Attributes:
      config: the options of the model.
      rungs: what is added to AutoInt.
      scale: factor of the scores.
      task: whether only the first token asks; then q is 1, else t.
      number: number of the layer.
    """

    config: ModelConfig
    rungs: Rungs
    scale: float
    task: bool
    number: int

    @nn.compact
    def __call__(
        self, x: jax.Array, given: jax.Array | None, *, training: Training | None
    ) -> tuple[jax.Array, jax.Array | None]:
        config, rungs, n = self.config, self.rungs, self.config.num_heads
        (_, t, d), asking = x.shape, 1 if self.task else x.shape[1]
        keys, values = n * config.head_dim, n * value_dim(config)
        wanted = [
            Projection('query', asking, keys, config.joint_rank),
            Projection('key', t, keys, config.joint_rank),
            Projection('value', t, values, config.joint_value_rank),
        ]
        kind = JOINT if rungs.joint else OWN if rungs.projections else SHARED
        normed = layer_norm('attention_norm', x, training) if rungs.output else x
        projected = Projections(wanted, kind, name='projections')(normed, training)
        heads = list(zip(*(jnp.split(projected[name], n, 2) for name in ('query', 'key', 'value')), strict=True))
        weights = None
        if self.is_mutable_collection('intermediates'):
            weights = jnp.stack([attention_weights(query, key, scale=self.scale) for query, key, _ in heads], 1)
        masks, rate = None, dropout_rate('attention_dropout', config, training)
        if training is not None and is_on(rate):
            masks = scaled_mask(training.keys, site=layer_site(self.number), rate=rate, shape=(n, asking, t))
        mixed = jnp.concatenate(
            [
                attend(query, key, value, None if masks is None else masks[:, place], self.scale)
                if given is None
                else _attend_with_factors(query, key, value, given[:, place], self.scale)
                for place, (query, key, value) in enumerate(heads)
            ],
            2,
        )  # [b, q, n m]
        if not rungs.output:
            if config.residual:
                own = Projections([Projection('residual', t, values)], SHARED, name='residual')(x, training)
                mixed = mixed + own['residual']
            return jax.nn.relu(mixed), weights
        x = x[:, :asking] + self._dropped(TokenDense(d, bias=False, name='output')(mixed, training), 1, training)
        if not rungs.feedforward:
            return x, weights
        hidden = TokenDense(feedforward_width(config), name='hidden')(
            layer_norm('feedforward_norm', x, training), training
        )
        hidden = gelu(hidden)
        hidden = dropped(hidden, training, site=layer_site(self.number, 2), rate=config.feedforward_dropout)
        return x + self._dropped(TokenDense(d, name='feedforward')(hidden, training), 3, training), weights

    def _dropped(self, x: jax.Array, place: int, training: Training | None) -> jax.Array:
        return dropped(x, training, site=layer_site(self.number, place), rate=self.config.residual_dropout)


def _attend_with_factors(
    query: jax.Array, key: jax.Array, value: jax.Array, given: jax.Array, scale: float
) -> jax.Array:
    """Returns what `attend` does, [b, q, m], with a derivative by the factors [b, q, u] of the weights, too."""
    return jnp.einsum('bqu,bum->bqm', attention_weights(query, key, scale=scale) * given, value)


def value_dim(config: ModelConfig) -> int:
    """Returns the width of the values of a head."""
    return config.value_dim or config.head_dim


class FieldAttention(Model):
    """The ladder from AutoInt to Hiformer: switches add to AutoInt what Hiformer has, one after the other.

    Without switches it is AutoInt in the variant 'paper'. `field_projections`, `field_output`, `field_feedforward` and
    `joint_projections` are the switches (`Rungs`). As in AutoInt, one linear layer reads all fields of the last layer;
    with `field_output` they pass a LayerNorm before.
    """

    OPTIONS: ClassVar[tuple[str, ...]] = (
        *EMBEDDING_OPTIONS,
        'num_layers',
        'num_heads',
        'head_dim',
        'value_dim',
        'residual',
        'score_scale',
        'field_projections',
        'field_output',
        'field_feedforward',
        'joint_projections',
        'joint_rank',
        'joint_value_rank',
        'feedforward_ratio',
        'embedding_dropout',
        'attention_dropout',
        'feedforward_dropout',
        'residual_dropout',
    )
    ATTENTION = True
    # Whether a learned token asks in the last layer, and the output layer reads it alone.
    TASK_TOKEN: ClassVar[bool] = False

    @staticmethod
    def rungs(config: ModelConfig) -> Rungs:
        """Returns what is added to AutoInt."""
        return Rungs(config.field_projections, config.field_output, config.field_feedforward, config.joint_projections)

    @staticmethod
    def check(config: ModelConfig) -> None:
        check_feedforward(config)
        if config.field_feedforward and not config.field_output:
            raise UsageError(
                "option 'model.field_feedforward' is on, but needs 'model.field_output': feed-forward networks read "
                'what the output projections add'
            )
        if (config.joint_rank or config.joint_value_rank) and not config.joint_projections:
            raise UsageError(
                "option 'model.joint_projections' is off, but 'model.joint_rank' or 'model.joint_value_rank' is given"
            )
        if config.field_output and not config.residual:
            raise UsageError("option 'model.residual' is off, but must be on with 'model.field_output'")

    @staticmethod
    def dense_layers(config: ModelConfig) -> bool:
        return config.num_layers > 0 and (config.field_output or config.field_projections)

    @staticmethod
    def row_floats(config: ModelConfig, schema: Schema) -> int:
        tokens, n = len(schema.fields) + 1, config.num_heads
        projections = n * (2 * config.head_dim + 2 * value_dim(config))
        return tokens * max(config.embedding_dim, projections, n * tokens, feedforward_width(config))

    @nn.compact
    def __call__(self, rows: Rows, batch: Batch, *, training: Training | None) -> jax.Array:
        config, rungs, task = self.config, self.rungs(self.config), self.TASK_TOKEN
        x = FieldEmbedding(config, self.schema, name='embedding')(rows, batch)  # [b, f, d]
        x = dropped_embeddings(x, config, training)
        if task:
            token = self.param('task_token', nn.initializers.normal(config.embedding_stddev), (config.embedding_dim,))
            x = jnp.concatenate([jnp.broadcast_to(token, (x.shape[0], 1, x.shape[2])), x], 1)  # [b, t, d]
        scaled = config.score_scale == 'head_dim' or (task and config.score_scale == 'model')
        factors = self.get_variable('factors', 'attention') if self.has_variable('factors', 'attention') else None
        attention = []
        for number in range(config.num_layers):
            x, weights = FieldAttentionLayer(
                config,
                rungs,
                config.head_dim**-0.5 if scaled else 1.0,
                task and number == config.num_layers - 1,
                number,
                name=f'layer_{number}',
            )(x, None if factors is None else factors[:, number], training=training)
            attention += [] if weights is None else [weights]
        if attention and not task:
            self.sow('intermediates', 'attention', jnp.stack(attention, 1))  # [b, l, n, f, g]
        x = layer_norm('head_norm', x, training) if config.num_layers and rungs.output else x
        return MLP((), 0.0, False, HEAD_SITE, name='head')(x.reshape(x.shape[0], -1), training=training)  # [b]
