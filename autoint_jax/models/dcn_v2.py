"""DCN-V2 (Wang et al., 2021): cross layers with full matrices, low-rank matrices, or mixtures of low-rank experts.

With gates, the cross layers are those of GDCN (Wang et al., CIKM 2023).
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.models.contract import Model
from autoint_jax.models.layers.dense import Dense
from autoint_jax.models.layers.dropout import Training
from autoint_jax.models.layers.embedding import EMBEDDING_OPTIONS
from autoint_jax.models.layers.initial_values import glorot_normal
from autoint_jax.models.layers.mlp import deep_network
from autoint_jax.models.layers.softmax import softmax
from autoint_jax.models.layers.stacked_input import StackedInput, stacked_width
from autoint_jax.models.layers.tables import Rows
from autoint_jax.schema import Batch, Schema


class MatrixCrossLayer(nn.Module):
    """A cross layer of DCN-V2: x_{l+1} = x_0 * (W x_l + b) + x_l, (x_0 [b, h], x_l [b, h]) -> [b, h].

    These are Eqs. 1-4 of Wang et al. (2021). Rank 0 means a full W (Eq. 1), rank r means W = U V^T (Eq. 2). Several
    experts replace W x_l by sum_i G_i(x_l) U_i g(C_i g(V_i^T x_l)), where g is tanh (Eqs. 3 and 4, which do not fix g).
    All experts share the bias, which stands outside the sum because the gates sum to one. The gates are a softmax of a
    linear map of x_l without a bias; each layer has its own map (TorchRec shares one among layers).

    With an information gate the layer is x_0 * (W x_l + b) * sigmoid(G x_l) + x_l, where G is a full matrix without a
    bias (GDCN).

    Attributes:
      rank: r, or 0 for a full matrix.
      experts: number of experts; more than one needs a rank.
      gated: whether it has an information gate.
    """

    rank: int
    experts: int
    gated: bool = False

    @nn.compact
    def __call__(self, first: jax.Array, x: jax.Array, *, training: Training | None) -> jax.Array:
        width, rank, experts = x.shape[1], self.rank, self.experts

        def product(x: jax.Array, outputs: int, fans: int, name: str) -> jax.Array:
            normal = nn.initializers.normal((2 / fans) ** 0.5)
            return Dense(outputs, normal, bias=False, name=name)(x, training=training)

        if not rank:
            crossed = product(x, width, 2 * width, 'matrix')
        else:
            inner = product(x, experts * rank, width + rank, 'down')  # V of all experts, [b, k * r]
            if experts > 1:
                gates = softmax(product(x, experts, width + 1, 'gate'))  # [b, k]
                core = self.param('core', nn.initializers.normal(rank**-0.5), (experts, rank, rank))  # C^T
                inner = jnp.einsum('bkr,krs->bks', jnp.tanh(inner).reshape(-1, experts, rank), core)
                inner = (gates[:, :, None] * jnp.tanh(inner)).reshape(-1, experts * rank)
            crossed = product(inner, width, width + rank, 'up')  # U of all experts, which sums over them
        bias = self.param('bias', nn.initializers.zeros, (width,))
        crossed = first * (crossed + bias)
        if self.gated:
            crossed = crossed * jax.nn.sigmoid(product(x, width, 2 * width, 'information_gate'))
        return crossed + x


class DCNV2(Model):
    """DCN-V2 joins cross layers and a deep network on stacked embeddings and numbers.

    The deep network reads x_L (`cross_stacked`) or stands beside the cross layers; without one the output is w^T x_L +
    b. Side by side, the output layer over both is computed as the sum of an output layer over each. Its bias, which the
    paper does not have, is that of the deep network.
    """

    OPTIONS = (
        *EMBEDDING_OPTIONS,
        'embedding_dropout',
        'num_layers',
        'cross_rank',
        'cross_experts',
        'cross_stacked',
        'cross_gate',
        'deep_hidden',
        'deep_dropout',
        'deep_batch_norm',
    )

    @staticmethod
    def dense_layers(config: ModelConfig) -> bool:
        return True

    @staticmethod
    def row_floats(config: ModelConfig, schema: Schema) -> int:
        return max(stacked_width(config, schema), config.cross_experts * config.cross_rank, *config.deep_hidden)

    @nn.compact
    def __call__(self, rows: Rows, batch: Batch, *, training: Training | None) -> jax.Array:
        config = self.config
        x = first = StackedInput(config, self.schema, name='input_embedding')(rows, batch, training=training)
        for layer in range(config.num_layers):
            cross = MatrixCrossLayer(config.cross_rank, config.cross_experts, config.cross_gate, name=f'cross_{layer}')
            x = cross(first, x, training=training)
        deep = deep_network(config, training)
        if config.cross_stacked or not config.deep_hidden:
            return deep(x, training=training)
        normal = glorot_normal(x.shape[1], 1)
        return nn.Dense(1, use_bias=False, kernel_init=normal, name='cross_output')(x)[:, 0] + deep(
            first, training=training
        )
