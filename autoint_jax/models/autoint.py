"""AutoInt and AutoInt+ (Song et al., CIKM 2019, section 4), in the paper's and in the authors' code's variant."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from autoint_jax.config import ModelConfig
from autoint_jax.models.dropout import scaled_mask
from autoint_jax.models.embedding import FieldEmbedding
from autoint_jax.models.forms import chosen_form, interacting_stack
from autoint_jax.models.interacting import InteractingWeights, StackSpec, einsum_attention
from autoint_jax.models.mlp import MLP
from autoint_jax.models.tables import Rows, TableSpec
from autoint_jax.schema import Batch, Schema

# Embeddings are drawn from N(0, 0.01^2), as in the authors' code; the paper is silent.
EMBEDDING_STDDEV = 0.01

# Dropout sites: embeddings 0, deep network from 1, head from 51, interacting layer l from 100 * (l + 1).
EMBEDDING_SITE, DEEP_SITE, HEAD_SITE, LAYER_SITE = 0, 1, 51, 100


class AutoInt(nn.Module):
    """Field embeddings -> stacked interacting layers -> output layer; AutoInt+ adds a deep network's logits.

    `variant='paper'` is Eqs. 1-9. `variant='authors'` follows the published code where it departs from them: ReLU and
    bias on all projections, scores scaled by 1 / sqrt(a), LayerNorm after each layer, random initial biases of the
    output layers.
    """

    config: ModelConfig
    schema: Schema

    @staticmethod
    def table_specs(config: ModelConfig) -> dict[str, TableSpec]:
        return {'embedding': TableSpec(width=config.embedding_dim, stddev=EMBEDDING_STDDEV)}

    @nn.compact
    def __call__(self, rows: Rows, batch: Batch, *, train: bool, dropout_keys: jax.Array | None) -> jax.Array:
        """Logits [b] of a batch.

        Args:
          rows: {'embedding': [b, slots, d]}, from `lookup`.
          batch: the rows' ids and numeric values; labels and weights are not read.
          train: apply dropout.
          dropout_keys: [b], from `row_keys`; None where `train` is False.
        """
        config, authors = self.config, self.config.variant == 'authors'
        embedded = FieldEmbedding(self.schema, config.embedding_dim, EMBEDDING_STDDEV, name='embedding')(
            rows['embedding'], batch)  # [b, f, d]
        if train and config.embedding_dropout:
            embedded = embedded * scaled_mask(dropout_keys, site=EMBEDDING_SITE, rate=config.embedding_dropout,
                                              shape=embedded.shape[1:])
        x = self._interact(embedded, train, dropout_keys)
        logits = MLP(config.head_hidden, 0.0, authors, HEAD_SITE, name='head')(
            x.reshape(x.shape[0], -1), train=train, dropout_keys=dropout_keys)
        if config.deep_hidden:
            logits = logits + MLP(config.deep_hidden, config.deep_dropout, authors, DEEP_SITE, name='deep')(
                embedded.reshape(x.shape[0], -1), train=train, dropout_keys=dropout_keys)
        return logits  # [b]

    def _interact(self, embedded: jax.Array, train: bool, dropout_keys: jax.Array | None) -> jax.Array:
        """[b, f, d] -> float32 [b, f, w] through the interacting layers; sows their attention weights if asked to."""
        config, authors = self.config, self.config.variant == 'authors'
        spec = StackSpec(config.num_heads, config.head_dim, config.residual, projection_relu=authors,
                         scale=config.head_dim**-0.5 if authors else 1.0)
        inputs = [config.embedding_dim] + [spec.num_heads * spec.head_dim] * config.num_layers
        layers = tuple(InteractingWeights(spec, inputs[layer], bias=authors, layer_norm=authors, name=f'interacting_{layer}')()
                       for layer in range(config.num_layers))
        masks, f = [None] * config.num_layers, embedded.shape[1]
        if train and config.attention_dropout:  # one site a head
            masks = [jnp.stack([scaled_mask(dropout_keys, site=LAYER_SITE * (layer + 1) + head, rate=config.attention_dropout,
                                            shape=(f, f)) for head in range(spec.num_heads)], 1)
                     for layer in range(config.num_layers)]
        x = embedded.astype(config.compute_dtype)
        if layers and self.is_mutable_collection('intermediates'):
            self.sow('intermediates', 'attention', einsum_attention(x, layers, spec))  # [b, l, n, f, g]
        return interacting_stack(chosen_form(config.form, config.compute_dtype), x, layers, tuple(masks), spec).astype(jnp.float32)
