"""FCN, also called DCNv3 (Li et al., 2024): two cross networks without a deep network, one of which doubles the order
of interactions in each layer.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.errors import UsageError
from autoint_jax.models.contract import ADD_WORSE, Model
from autoint_jax.models.layers.dense import Dense
from autoint_jax.models.layers.dropout import (
    DEEP_SITE,
    SECOND_SITE,
    Training,
    dropout_rate,
    dropped,
    dropped_embeddings,
    hidden_site,
)
from autoint_jax.models.layers.embedding import EMBEDDING_OPTIONS, FieldEmbedding
from autoint_jax.models.layers.initial_values import glorot_normal
from autoint_jax.models.layers.layer_norm import layer_norm
from autoint_jax.models.layers.tables import Rows
from autoint_jax.schema import Batch


class CrossBranch(nn.Module):
    """A branch of FCN: a stack of cross layers and a linear output, [b, n, h] -> logits [b], the mean over heads n.

    A layer maps x to c = W x of half the width, without a bias, and appends it multiplied by a mask that drops about
    half of its values: C = [c, c * ReLU(LN(c))]. The exponential branch computes x * (C + b) + x, which doubles the
    order of interactions; the linear one x_0 * (C + b) + x, which adds 1. Heads share all parameters. Biases are drawn
    uniformly between 0 and 1, as in the authors' code.

    Attributes:
      layers: number of layers.
      exponential: whether it is the exponential branch.
      dropout: share of the values that is dropped after each layer in training.
      site: first dropout site of the layers: DEEP_SITE or SECOND_SITE.
    """

    layers: int
    exponential: bool
    dropout: float | jax.Array
    site: int

    @nn.compact
    def __call__(self, x: jax.Array, *, training: Training | None) -> jax.Array:
        shape, h = x.shape, x.shape[2]
        # Gradients of weights are slow on CPUs if several axes are contracted, so heads of all rows are one axis.
        first = x = x.reshape(-1, h)

        def product(x: jax.Array, width: int, *, bias: bool, name: str) -> jax.Array:
            normal = glorot_normal(h, width)
            return Dense(width, normal, bias=bias, name=name)(x, training=training)

        for layer in range(self.layers):
            crossed = product(x, h // 2, bias=False, name=f'matrix_{layer}')
            mask = jax.nn.relu(layer_norm(f'mask_norm_{layer}', crossed, training))
            bias = self.param(f'bias_{layer}', nn.initializers.uniform(1.0), (h,))
            crossed = jnp.concatenate([crossed, crossed * mask], 1) + bias
            x = (x if self.exponential else first) * crossed + x
            site = hidden_site(self.site, layer)
            x = dropped(x.reshape(shape), training, site=site, rate=self.dropout).reshape(-1, h)
        return product(x, 1, bias=True, name='output').reshape(shape[:2]).mean(1)


class FCN(Model):
    """FCN gives the embeddings to an exponential and a linear cross branch; its logit is the mean of their two.

    The embedding of each field is cut into heads. A head reads the first halves of what it has of all fields, then the
    second halves. Training adds the log loss of each branch, weighted by how much it exceeds that of the whole
    (Tri-BCE). The paper gives the embeddings one width for each head, here `embedding_dim` is the width of all heads
    together. The optional batch normalisation of the authors' code over heads is left out.
    """

    OPTIONS = (
        *EMBEDDING_OPTIONS,
        'embedding_dropout',
        'num_layers',
        'shallow_layers',
        'num_heads',
        'deep_dropout',
        'shallow_dropout',
        'branch_loss',
    )

    @staticmethod
    def check(config: ModelConfig) -> None:
        if config.embedding_dim % (2 * config.num_heads):
            raise UsageError(
                f"option 'model.num_heads' is {config.num_heads}, but twice that number must divide "
                f'model.embedding_dim, {config.embedding_dim}: a head is cut into two halves'
            )
        if config.num_layers < 1:
            raise UsageError(
                f"option 'model.num_layers' is {config.num_layers}, but model 'fcn' needs at least 1 layer"
            )

    @staticmethod
    def dense_layers(config: ModelConfig) -> bool:
        return True

    @staticmethod
    def branch_loss(config: ModelConfig) -> str:
        return ADD_WORSE if config.branch_loss == 'model' else ''

    @nn.compact
    def __call__(self, rows: Rows, batch: Batch, *, training: Training | None) -> jax.Array:
        config, (b, f, d) = self.config, (batch.labels.shape[0], len(self.schema.fields), self.config.embedding_dim)
        embedded = FieldEmbedding(config, self.schema, name='embedding')(rows, batch)  # [b, f, d]
        embedded = dropped_embeddings(embedded, config, training)
        heads = embedded.reshape(b, f, config.num_heads, 2, -1).transpose(0, 2, 3, 1, 4)
        heads = heads.reshape(b, config.num_heads, f * d // config.num_heads)  # [b, n, h]
        deep = CrossBranch(
            config.num_layers, True, dropout_rate('deep_dropout', config, training), DEEP_SITE, name='deep'
        )
        shallow = CrossBranch(
            config.shallow_layers or config.num_layers, False, config.shallow_dropout, SECOND_SITE, name='shallow'
        )
        logits = jnp.stack([branch(heads, training=training) for branch in (deep, shallow)], 1)
        self.sow('intermediates', 'branches', logits)
        return logits.mean(1)
