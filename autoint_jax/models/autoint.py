"""AutoInt and AutoInt+ (Song et al., CIKM 2019, section 4), as the paper has them and as the authors' code does."""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.config.options import is_on
from autoint_jax.errors import UsageError
from autoint_jax.models.contract import DEEP, REST, WHOLE, Model
from autoint_jax.models.interacting.forms import interacting_stack
from autoint_jax.models.interacting.stack import (
    NORM_EPSILON,
    InteractingWeights,
    LayerWeights,
    Masks,
    StackSpec,
    einsum_attention,
    einsum_with_factors,
)
from autoint_jax.models.layers.dropout import (
    HEAD_SITE,
    Drawn,
    Training,
    drawn,
    dropout_rate,
    dropped_embeddings,
    layer_site,
)
from autoint_jax.models.layers.embedding import EMBEDDING_OPTIONS, FieldEmbedding, embedding_tables
from autoint_jax.models.layers.linear import FirstOrder, linear_tables
from autoint_jax.models.layers.mlp import MLP, deep_network
from autoint_jax.models.layers.tables import Rows, TableSpec
from autoint_jax.schema import Batch, Schema

# The default of PyTorch, which FuxiCTR's layer uses. That layer has its LayerNorm before the activation.
FUXICTR_NORM_EPSILON = 1e-5


class Resolved(NamedTuple):
    """The interacting layers that a configuration asks for. An option that is 'model' follows the variant.

    Attributes:
      stack: options of the stack.
      bias: whether the projections have biases.
      layer_norm: whether the layers have a LayerNorm; `stack.norm_first` says where.
      random_bias: whether the initial biases of the output layers are random.
    """

    stack: StackSpec
    bias: bool
    layer_norm: bool
    random_bias: bool


def resolved(config: ModelConfig) -> Resolved:
    """Returns the interacting layers that a configuration asks for. No other code knows what a variant means."""
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
    """AutoInt lets the embeddings of fields interact by stacked attention layers, before one linear output layer.

    AutoInt+ adds the logits of a deep network. `variant='paper'` is Eqs. 1-9. `variant='authors'` follows the published
    code, which departs from them: ReLU and bias on all projections, scores scaled by 1 / sqrt(a), LayerNorm after each
    layer, random initial biases of the output layers.

    Other options give what other implementations have. `wide` adds w^T x (FuxiCTR, DeepCTR).
    `deep_output='concatenated'` gives one output layer both the attention output and the last hidden layer of the deep
    network (DeepCTR). `layer_norm='before_activation'` with `residual_projection='where_needed'` is FuxiCTR's layer.
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
        'kernel_init',
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
    def dense_layers(config: ModelConfig) -> bool:
        return bool(config.deep_hidden or config.head_hidden)

    @staticmethod
    def deep_apart(config: ModelConfig) -> bool:
        return bool(config.deep_hidden) and config.deep_output == 'sum' and not config.deep_batch_norm

    @staticmethod
    def table_specs(config: ModelConfig, schema: Schema) -> dict[str, TableSpec]:
        stddev = config.embedding_stddev if config.kernel_init == 'xavier_normal' else 0.0  # as in FuxiCTR, or zeros
        return embedding_tables(config, schema) | (linear_tables(schema, stddev) if config.wide else {})

    @staticmethod
    def row_floats(config: ModelConfig, schema: Schema) -> int:
        return len(schema.fields) * max(config.embedding_dim, 4 * config.num_heads * config.head_dim)

    @nn.compact
    def __call__(self, rows: Rows, batch: Batch, *, training: Training | None, part: str = WHOLE) -> jax.Array:
        config, random_bias = self.config, resolved(self.config).random_bias
        embedded = FieldEmbedding(config, self.schema, name='embedding')(rows, batch)  # [b, f, d]
        embedded = dropped_embeddings(embedded, config, training)
        b, summed, deep = embedded.shape[0], config.deep_output == 'sum', None
        if config.deep_hidden and part != REST:
            network = deep_network(config, training, random_bias=random_bias, output=summed)
            deep = network(embedded.reshape(b, -1), training=training)  # [b], or the last hidden layer [b, h]
            if part == DEEP:
                return deep
        x = self._interact(embedded, training).reshape(b, -1)
        if deep is not None:
            x = x if summed else jnp.concatenate([x, deep], 1)
        logits = MLP(config.head_hidden, 0.0, random_bias, HEAD_SITE, name='head')(x, training=training)
        if deep is not None and summed:
            logits = logits + deep
        if config.wide:
            xavier = config.kernel_init == 'xavier_normal'
            logits = logits + FirstOrder(config, self.schema, drawn=xavier, name='linear_embedding')(rows, batch)
        return logits  # [b]

    def _interact(self, embedded: jax.Array, training: Training | None) -> jax.Array:
        """Passes [b, f, d] through the interacting layers: float32 [b, f, w].

        Sows their attention weights on request, and multiplies them by factors if these are given.
        """
        config = self.config
        spec, layers = resolved(config).stack, self.interacting_layers()
        masks = self._masks(training, spec.num_heads)
        x = embedded.astype(config.compute_dtype) if config.compute_dtype != 'float32' else embedded
        if layers and self.is_mutable_collection('intermediates'):
            self.sow('intermediates', 'attention', einsum_attention(x, layers, spec))  # [b, l, n, f, g]
        if layers and self.has_variable('factors', 'attention'):
            out = einsum_with_factors(x, layers, self.get_variable('factors', 'attention'), spec)
        else:
            out = interacting_stack(self.form, x, layers, masks, spec)
        return out.astype(embedded.dtype)

    def interacting_layers(self) -> tuple[LayerWeights, ...]:
        """Returns the parameters of the interacting layers."""
        config, (spec, bias, layer_norm, _) = self.config, resolved(self.config)
        normal = config.kernel_init == 'xavier_normal'
        inputs = [config.embedding_dim] + [spec.num_heads * spec.head_dim] * config.num_layers
        return tuple(
            InteractingWeights(spec, inputs[layer], bias, layer_norm, normal, name=f'interacting_{layer}')()
            for layer in range(config.num_layers)
        )

    def _masks(self, training: Training | None, heads: int) -> Masks:
        """Returns the dropout of the attention weights of each layer, with a site for each head."""
        config = self.config
        if training is None or not is_on(dropout_rate('attention_dropout', config, training)) or not config.num_layers:
            return (None,) * config.num_layers
        sites = [layer_site(layer, head) for layer in range(config.num_layers) for head in range(heads)]
        words, rate = drawn(training.keys, sites=sites, rate=dropout_rate('attention_dropout', config, training))
        return tuple(Drawn(layer_words, rate) for layer_words in jnp.split(words, config.num_layers, 1))
