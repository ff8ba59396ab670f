"""CIN: Compressed Interaction Network, the explicit part of xDeepFM (Lian et al., 2018)."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.models.contract import Model
from autoint_jax.models.layers.dropout import EMBEDDING_SITE, Training, dropped
from autoint_jax.models.layers.embedding import EMBEDDING_OPTIONS, FieldEmbedding
from autoint_jax.models.layers.tables import Rows
from autoint_jax.schema import Batch, Schema


def passed_on(widths: tuple[int, ...], split: bool) -> list[int]:
    """How many of each layer's feature maps the next layer reads: half, rounded up, if split, else all; none of the last."""
    return [(width + 1) // 2 if split else width for width in widths[:-1]] + [0]


class CompressedInteractions(nn.Module):
    """Field embeddings [b, f, d] -> w^T p, [b], of the sum-pooled feature maps p, without a bias (Lian et al., 2018, Eq. 6).

    X^k_h = sum_ij W^{k,h}_ij (X^{k-1}_i * X^0_j), [b, h, d], with identity activation and no bias, as the paper found best; p is
    the sum over d of the maps of all layers. If `split`, as in the authors' code, the first half of a layer's maps (of an odd
    number, the middle one with them) goes to the next layer, the rest to the output.

    A map that only the output reads is never computed: w_h sum_d X^k_h = sum_ijd (w_h W^{k,h}_ij) X^{k-1}_i X^0_j, so that all
    such maps of a layer together take one product of X^0 with the [i, j] matrix sum_h w_h W^{k,h}, then one with X^{k-1}.

    Attributes:
      widths: feature maps h of each layer.
      split: half of the maps of a layer but the last go on, the other half to the output; off = all go to both.
    """

    widths: tuple[int, ...]
    split: bool

    @nn.compact
    def __call__(self, embedded: jax.Array) -> jax.Array:
        x = first = embedded.transpose(0, 2, 1)  # [b, d, f]
        logits = jnp.zeros_like(first[:, 0, 0])
        for layer, (width, onward) in enumerate(zip(self.widths, passed_on(self.widths, self.split), strict=True)):
            fans = x.shape[2] * first.shape[2] + width
            kernel = self.param(
                f'layer_{layer}', nn.initializers.normal((2 / fans) ** 0.5), (width, x.shape[2], first.shape[2])
            )  # W, [h, g, f]
            read = width - onward if self.split else width
            output = self.param(f'output_{layer}', nn.initializers.normal((2 / (read + 1)) ** 0.5), (read,))  # w
            if onward < width:
                merged = jnp.einsum('h,hgf->fg', output, kernel[onward:])
                logits = logits + ((first @ merged) * x).sum((1, 2))
            if onward:
                pairs = jnp.einsum('bdf,bdg->bdfg', first, x)
                x = jnp.einsum('bdfg,hgf->bdh', pairs, kernel[:onward])
            if onward and not self.split:
                logits = logits + (x @ output).sum(1)
        return logits

    @staticmethod
    def row_floats(widths: tuple[int, ...], split: bool, fields: int, embedding_dim: int) -> int:
        """Values of a row's largest array, the pairs that a layer compresses."""
        return embedding_dim * fields * max(fields, *passed_on(widths, split))


class CIN(Model):
    """CIN over field embeddings -> output layer."""

    OPTIONS = (*EMBEDDING_OPTIONS, 'embedding_dropout', 'cin_widths', 'cin_split')
    NEEDS = ('cin_widths',)

    @staticmethod
    def row_floats(config: ModelConfig, schema: Schema) -> int:
        return CompressedInteractions.row_floats(
            config.cin_widths, config.cin_split, len(schema.fields), config.embedding_dim
        )

    @nn.compact
    def __call__(self, rows: Rows, batch: Batch, *, training: Training | None) -> jax.Array:
        config = self.config
        embedded = FieldEmbedding(config, self.schema, name='embedding')(rows, batch)  # [b, f, d]
        embedded = dropped(embedded, training, site=EMBEDDING_SITE, rate=config.embedding_dropout)
        bias = self.param('bias', nn.initializers.zeros, ())
        return CompressedInteractions(config.cin_widths, config.cin_split, name='cin')(embedded) + bias
