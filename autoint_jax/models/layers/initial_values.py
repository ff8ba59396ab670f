"""Distributions from which initial values are drawn."""

from flax import linen as nn
from jax.nn.initializers import Initializer


def glorot_normal(inputs: int, outputs: int) -> Initializer:
    """Returns N(0, 2 / (inputs + outputs)), for weights that map `inputs` values to `outputs` values.

    Glorot and Bengio (AISTATS 2010); FuxiCTR and the authors' code of AutoInt draw dense layers from it.
    """
    return nn.initializers.normal((2 / (inputs + outputs)) ** 0.5)
