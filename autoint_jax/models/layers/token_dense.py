"""A linear layer for each token, and the activation of networks of such layers."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from autoint_jax.models.layers.dense_kernel import token_dense_kernel
from autoint_jax.models.layers.dropout import Training
from autoint_jax.models.layers.initial_values import glorot_normal


def token_products(
    x: jax.Array, kernel: jax.Array, training: Training | None, bias: jax.Array | None = None
) -> jax.Array:
    """Returns x_t W_t + b_t of each token t, [b, t, h], from x [b, t, w], W [t, w, h] and b [t, h].

    In training it has the form `training.dense_form`.
    """
    if training is not None and training.dense_form == 'cpu_kernel':
        return token_dense_kernel(x, kernel, bias)
    # Tokens lead, so that the products and their gradients are those of t pairs of matrices.
    mapped = jnp.einsum('tbw,twh->tbh', x.swapaxes(0, 1), kernel).swapaxes(0, 1)
    return mapped if bias is None else mapped + bias


class TokenDense(nn.Module):
    """Maps each token linearly with weights of its own: [b, t, w] -> [b, t, width].

    Weights are drawn from N(0, 2 / (inputs + outputs)), biases start at 0.

    Attributes:
      width: width of the output.
      bias: whether each token has a bias.
    """

    width: int
    bias: bool = True

    @nn.compact
    def __call__(self, x: jax.Array, training: Training | None) -> jax.Array:
        _, t, w = x.shape
        kernel = self.param('kernel', glorot_normal(w, self.width), (t, w, self.width))
        bias = self.param('bias', nn.initializers.zeros, (t, self.width)) if self.bias else None
        return token_products(x, kernel, training, bias)


def gelu(x: jax.Array) -> jax.Array:
    """Returns x times the normal distribution function of x (Hendrycks and Gimpel, 2016)."""
    return 0.5 * x * (1 + jax.lax.erf(x * 0.5**0.5))
