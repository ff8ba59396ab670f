"""The LayerNorm of models whose papers do not say what is added to the variance, with its forms: XLA, or a compiled
kernel in training on CPUs.
"""

import flax.linen as nn
import jax

from autoint_jax.models.layers.dropout import Training
from autoint_jax.models.layers.layer_norm_kernel import LEAST_WIDTH, layer_norm_kernel

EPSILON = 1e-5  # inside the root; the default of PyTorch


def layer_norm(name: str, x: jax.Array, training: Training | None, *, own: bool = False) -> jax.Array:
    """Returns x after a LayerNorm over the last axis, with a scale and an offset, [..., d] -> [..., d].

    It is called within the `__call__` of a module.

    Args:
      name: of its parameters.
      x: [..., d].
      training: of the step, which says the form of dense layers; None at evaluation.
      own: whether each entry of the axis before the last has a scale and an offset of its own.
    """
    if training is not None and training.dense_form == 'cpu_kernel' and x.shape[-1] >= LEAST_WIDTH:
        return CompiledLayerNorm(own, name=name)(x)
    axes = (-2, -1) if own else -1
    return nn.LayerNorm(EPSILON, use_fast_variance=False, reduction_axes=-1, feature_axes=axes, name=name)(x)


class CompiledLayerNorm(nn.Module):
    """A LayerNorm by the compiled kernel, with the parameters of `nn.LayerNorm`: [..., d] -> [..., d].

    Attributes:
      own: whether each entry of the axis before the last has a scale and an offset of its own.
    """

    own: bool

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = x.shape[-2:] if self.own else x.shape[-1:]
        scale = self.param('scale', nn.initializers.ones, shape)
        offset = self.param('bias', nn.initializers.zeros, shape)
        return layer_norm_kernel(x, scale, offset, epsilon=EPSILON)
