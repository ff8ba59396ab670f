"""The LayerNorm of models whose papers do not say what is added to the variance."""

import flax.linen as nn

EPSILON = 1e-5  # inside the root; the default of PyTorch


def layer_norm(name: str) -> nn.LayerNorm:
    """Returns a LayerNorm over the last axis, with a scale and an offset, whose parameters have this name.

    It is called within the `__call__` of a module.
    """
    return nn.LayerNorm(EPSILON, use_fast_variance=False, name=name)
