"""CrossNet, the cross network of DCN alone (Deep & Cross Network, Wang et al., 2017)."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.models.contract import Model
from autoint_jax.models.layers.dropout import HEAD_SITE, Training
from autoint_jax.models.layers.embedding import EMBEDDING_OPTIONS
from autoint_jax.models.layers.initial_values import glorot_normal
from autoint_jax.models.layers.mlp import MLP
from autoint_jax.models.layers.stacked_input import StackedInput, stacked_width
from autoint_jax.models.layers.tables import Rows
from autoint_jax.schema import Batch, Schema


class CrossLayers(nn.Module):
    """The cross layers of DCN: x_{l+1} = x_0 (x_l^T w_l) + b_l + x_l (Wang et al., 2017, Eq. 3), [b, h] -> [b, h].

    Each x_l is a_l x_0 + c_l, with a number a_l for each row and a vector c_l that all rows share. So one product of
    x_0 with the w_l of all layers is enough: a_{l+1} = a_l + a_l (x_0^T w_l) + c_l^T w_l and c_{l+1} = c_l + b_l.

    Attributes:
      num_layers: number of cross layers; 0 returns x_0.
    """

    num_layers: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        width = x.shape[1]
        normal = glorot_normal(width, 1)
        kernel = self.param('kernel', normal, (width, self.num_layers))
        bias = self.param('bias', nn.initializers.zeros, (self.num_layers, width))
        products = x @ kernel  # [b, l]
        scale, shift = jnp.ones_like(x[:, 0]), jnp.zeros_like(bias, shape=width)  # a_0 [b], c_0 [h]
        for layer in range(self.num_layers):
            scale = scale + scale * products[:, layer] + shift @ kernel[:, layer]
            shift = shift + bias[layer]
        return x * scale[:, None] + shift


class CrossNet(Model):
    """CrossNet is a stack of cross layers on stacked embeddings and numbers, with the output w^T x_L + b."""

    OPTIONS = (*EMBEDDING_OPTIONS, 'embedding_dropout', 'num_layers')

    @staticmethod
    def row_floats(config: ModelConfig, schema: Schema) -> int:
        return stacked_width(config, schema)

    @nn.compact
    def __call__(self, rows: Rows, batch: Batch, *, training: Training | None) -> jax.Array:
        config = self.config
        x = StackedInput(config, self.schema, name='input_embedding')(rows, batch, training=training)
        x = CrossLayers(config.num_layers, name='cross')(x)
        return MLP((), 0.0, False, HEAD_SITE, name='head')(x, training=training)
