"""Deep Crossing: residual units on embeddings and numbers (Shan et al., 2016)."""

import flax.linen as nn
import jax

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.models.contract import Model
from autoint_jax.models.layers.dense import Dense
from autoint_jax.models.layers.dropout import HEAD_SITE, Training
from autoint_jax.models.layers.embedding import EMBEDDING_OPTIONS
from autoint_jax.models.layers.mlp import MLP
from autoint_jax.models.layers.stacked_input import StackedInput, stacked_width
from autoint_jax.models.layers.tables import Rows
from autoint_jax.schema import Batch, Schema


class ResidualUnit(nn.Module):
    """A residual unit of two layers: [b, h] -> ReLU(W_1 ReLU(W_0 x + b_0) + b_1 + x), [b, width].

    If h is not `width`, a projection with a bias maps x.
    """

    width: int

    @nn.compact
    def __call__(self, x: jax.Array, *, training: Training | None) -> jax.Array:
        kernel_init = nn.initializers.variance_scaling(1.0, 'fan_avg', 'normal')

        def dense(x: jax.Array, name: str, *, relu: bool = False) -> jax.Array:
            return Dense(self.width, kernel_init, relu=relu, name=name)(x, training=training)

        shortcut = x if x.shape[1] == self.width else dense(x, 'shortcut')
        return jax.nn.relu(dense(dense(x, 'inner', relu=True), 'outer') + shortcut)


class DeepCrossing(Model):
    """Deep Crossing passes the stacked input through residual units of `unit_widths` to a linear output layer.

    In Shan et al. the inner layer of a unit has its own width, and all units keep the width of the input. Here both
    layers of a unit have the unit's width, and a unit that changes the width projects its shortcut. The AutoInt paper's
    four units of 100 then have 156,801 parameters on Criteo, the 1.6e5 of its Table 3; with the width of the input they
    would have 345,746.
    """

    OPTIONS = (*EMBEDDING_OPTIONS, 'embedding_dropout', 'unit_widths')

    @staticmethod
    def dense_layers(config: ModelConfig) -> bool:
        return bool(config.unit_widths)

    @staticmethod
    def row_floats(config: ModelConfig, schema: Schema) -> int:
        return max(stacked_width(config, schema), *config.unit_widths, 0)

    @nn.compact
    def __call__(self, rows: Rows, batch: Batch, *, training: Training | None) -> jax.Array:
        x = StackedInput(self.config, self.schema, name='input_embedding')(rows, batch, training=training)
        for number, width in enumerate(self.config.unit_widths):
            x = ResidualUnit(width, name=f'unit_{number}')(x, training=training)
        return MLP((), 0.0, random_bias=False, site=HEAD_SITE, name='head')(x, training=training)
