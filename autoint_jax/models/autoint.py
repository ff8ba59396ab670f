"""AutoInt and AutoInt+ (Song et al., CIKM 2019, section 4), in the paper's and in the authors' code's variant."""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.config.options import is_on
from autoint_jax.errors import UsageError
from autoint_jax.models.contract import Model
from autoint_jax.models.interacting.forms import chosen_form, interacting_stack
from autoint_jax.models.interacting.stack import NORM_EPSILON, InteractingWeights, Masks, StackSpec, einsum_attention
from autoint_jax.models.layers.dropout import (
    DEEP_SITE,
    EMBEDDING_SITE,
    HEAD_SITE,
    Drawn,
    Training,
    drawn,
    dropped,
    layer_site,
)
from autoint_jax.models.layers.embedding import EMBEDDING_OPTIONS, FieldEmbedding, embedding_tables
from autoint_jax.models.layers.linear import FirstOrder, linear_tables
from autoint_jax.models.layers.mlp import MLP
from autoint_jax.models.layers.tables import Rows, TableSpec
from autoint_jax.schema import Batch, Schema

FUXICTR_NORM_EPSILON = 1e-5  # PyTorch's default, in the form of the layer that has its LayerNorm before the activation


class Resolved(NamedTuple):
    """What a configuration's options, and where they say 'model' its variant, make of the interacting layers.

    Attributes:
      stack: what the stack computes.
      bias: the projections have biases.
      layer_norm: the layers have a LayerNorm; `stack` says where.
      random_bias: biases of the output layers are random at the start.
    """

    stack: StackSpec
    bias: bool
    layer_norm: bool
    random_bias: bool


def resolved(config: ModelConfig) -> Resolved:
    """The one place where a variant is turned into what it means."""
    authors = config.variant == 'authors'

    def choice(value: str, of_paper: str, of_authors: str) -> str:
        if value != 'model':
            return value
        return of_authors if authors else of_paper

    norm = choice(config.layer_norm, 'off', 'after_activation')
    first = norm == 'before_activation'
    return Resolved(
        StackSpec(
            config.num_heads,
            config.head_dim,
            config.residual,
            projection_relu=choice(config.projection_activation, 'none', 'relu') == 'relu',
            scale=1.0 if choice(config.score_scale, 'one', 'head_dim') == 'one' else config.head_dim**-0.5,
            identity_residual=config.residual_projection == 'where_needed',
            norm_first=first,
            norm_epsilon=FUXICTR_NORM_EPSILON if first else NORM_EPSILON,
        ),
        bias=choice(config.projection_bias, 'off', 'on') == 'on',
        layer_norm=norm != 'off',
        random_bias=authors,
    )


class AutoInt(Model):
    """Field embeddings -> stacked interacting layers -> output layer; AutoInt+ adds a deep network's logits.

    `variant='paper'` is Eqs. 1-9. `variant='authors'` follows the published code where it departs from them: ReLU and
    bias on all projections, scores scaled by 1 / sqrt(a), LayerNorm after each layer, random initial biases of the
    output layers. Options go on from either to what other implementations have: `wide` adds w^T x (FuxiCTR, DeepCTR),
    `deep_output='concatenated'` has one output layer read [attention output ; last hidden layer of the deep network]
    (DeepCTR), `layer_norm='before_activation'` and `residual_projection='where_needed'` are FuxiCTR's layer.
    """

    OPTIONS = (
        *EMBEDDING_OPTIONS,
        'variant',
        'num_layers',
        'num_heads',
        'head_dim',
        'residual',
        'attention_dropout',
        'embedding_dropout',
        'head_hidden',
        'deep_hidden',
        'deep_dropout',
        'deep_batch_norm',
        'compute_dtype',
        'score_scale',
        'projection_activation',
        'projection_bias',
        'layer_norm',
        'residual_projection',
        'wide',
        'deep_output',
    )
    HAS_FORMS = True
    ATTENTION = True

    @staticmethod
    def check(config: ModelConfig) -> None:
        if config.deep_output == 'concatenated' and not config.deep_hidden:
            raise UsageError(
                "option 'model.deep_output' is 'concatenated', but there is no deep network: model.deep_hidden is "
                'not given'
            )

    @staticmethod
    def table_specs(config: ModelConfig, schema: Schema) -> dict[str, TableSpec]:
        return embedding_tables(config, schema) | (linear_tables(schema) if config.wide else {})

    @staticmethod
    def row_floats(config: ModelConfig, schema: Schema) -> int:
        return len(schema.fields) * max(config.embedding_dim, 4 * config.num_heads * config.head_dim)

    @nn.compact
    def __call__(self, rows: Rows, batch: Batch, *, training: Training | None) -> jax.Array:
        config, random_bias = self.config, resolved(self.config).random_bias
        embedded = FieldEmbedding(config, self.schema, name='embedding')(rows, batch)  # [b, f, d]
        embedded = dropped(embedded, training, site=EMBEDDING_SITE, rate=config.embedding_dropout)
        b, summed = embedded.shape[0], config.deep_output == 'sum'
        x = self._interact(embedded, training).reshape(b, -1)
        deep = None
        if config.deep_hidden:
            deep = MLP(
                config.deep_hidden,
                config.deep_dropout,
                random_bias,
                DEEP_SITE,
                config.deep_batch_norm,
                output=summed,
                name='deep',
            )(embedded.reshape(b, -1), training=training)  # [b], or the last hidden layer [b, h]
            x = x if summed else jnp.concatenate([x, deep], 1)
        logits = MLP(config.head_hidden, 0.0, random_bias, HEAD_SITE, name='head')(x, training=training)
        if deep is not None and summed:
            logits = logits + deep
        if config.wide:
            logits = logits + FirstOrder(self.config, self.schema, name='linear_embedding')(rows, batch)
        return logits  # [b]

    def _interact(self, embedded: jax.Array, training: Training | None) -> jax.Array:
        """[b, f, d] -> float32 [b, f, w] through the interacting layers; sows their attention weights if asked to."""
        config = self.config
        spec, bias, layer_norm, _ = resolved(config)
        inputs = [config.embedding_dim] + [spec.num_heads * spec.head_dim] * config.num_layers
        layers = tuple(
            InteractingWeights(spec, inputs[layer], bias, layer_norm, name=f'interacting_{layer}')()
            for layer in range(config.num_layers)
        )
        masks = self._masks(training, spec.num_heads)
        x = embedded.astype(config.compute_dtype) if config.compute_dtype != 'float32' else embedded
        if layers and self.is_mutable_collection('intermediates'):
            self.sow('intermediates', 'attention', einsum_attention(x, layers, spec))  # [b, l, n, f, g]
        out = interacting_stack(chosen_form(self.form, config), x, layers, masks, spec)
        return out.astype(embedded.dtype)

    def _masks(self, training: Training | None, heads: int) -> Masks:
        """Dropout of the attention weights of each layer, one site a head."""
        config = self.config
        if training is None or not is_on(config.attention_dropout) or not config.num_layers:
            return (None,) * config.num_layers
        sites = [layer_site(layer, head) for layer in range(config.num_layers) for head in range(heads)]
        words, rate = drawn(training.keys, sites=sites, rate=config.attention_dropout)
        return tuple(Drawn(of_layer, rate) for of_layer in jnp.split(words, config.num_layers, 1))
