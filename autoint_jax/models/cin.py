"""CIN, the Compressed Interaction Network, which is the explicit part of xDeepFM (Lian et al., 2018)."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.models.contract import Model
from autoint_jax.models.layers.dropout import Training, dropped_embeddings
from autoint_jax.models.layers.embedding import EMBEDDING_OPTIONS, FieldEmbedding
from autoint_jax.models.layers.initial_values import glorot_normal
from autoint_jax.models.layers.tables import Rows
from autoint_jax.schema import Batch, Schema


def passed_on(widths: tuple[int, ...], split: bool) -> list[int]:
    """Returns how many feature maps of each layer the next layer reads: half of them, rounded up, if `split`, else all.

    Of the last layer it is 0.
    """
    return [(width + 1) // 2 if split else width for width in widths[:-1]] + [0]


class CompressedInteractions(nn.Module):
    """The layers of a CIN: field embeddings [b, f, d] -> w^T p, [b], where p are the sum-pooled feature maps.

    X^k_h = sum_ij W^{k,h}_ij (X^{k-1}_i * X^0_j), [b, h, d] (Lian et al., 2018, Eq. 6), without activation or bias, as
    the paper found best. p is the sum over d of the maps of all layers. With `split`, as in the authors' code, the
    first half of a layer's maps goes to the next layer and the rest to the output; the middle one of an odd number goes
    to the next layer.

    A map that only the output reads is never computed, because w_h sum_d X^k_h = sum_ijd (w_h W^{k,h}_ij) X^{k-1}_i
    X^0_j. All such maps of a layer together take one product of X^0 with the matrix [i, j] sum_h w_h W^{k,h}, then one
    with X^{k-1}.

    Attributes:
      widths: number of feature maps h of each layer.
      split: whether a layer's maps are divided between the next layer and the output; if not, all go to both.
    """

    widths: tuple[int, ...]
    split: bool

    @nn.compact
    def __call__(self, embedded: jax.Array) -> jax.Array:
        x = first = embedded.transpose(0, 2, 1)  # [b, d, f]
        logits = jnp.zeros_like(first[:, 0, 0])
        for layer, (width, onward) in enumerate(zip(self.widths, passed_on(self.widths, self.split), strict=True)):
            drawn = glorot_normal(x.shape[2] * first.shape[2], width)
            kernel = self.param(f'layer_{layer}', drawn, (width, x.shape[2], first.shape[2]))  # W, [h, g, f]
            read = width - onward if self.split else width
            output = self.param(f'output_{layer}', glorot_normal(read, 1), (read,))  # w
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
        """Returns the number of values of a row's largest array: the pairs that a layer compresses."""
        return embedding_dim * fields * max(fields, *passed_on(widths, split))


class CIN(Model):
    """CIN compresses the pairs of field embeddings layer by layer; its output is linear in the pooled maps."""

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
        embedded = dropped_embeddings(embedded, config, training)
        bias = self.param('bias', nn.initializers.zeros, ())
        return CompressedInteractions(config.cin_widths, config.cin_split, name='cin')(embedded) + bias
