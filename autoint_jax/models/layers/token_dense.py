"""A linear layer for each token, and the activation of networks of such layers."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from autoint_jax.models.layers.initial_values import glorot_normal


def token_products(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Returns x_t W_t of each token t, [b, t, h], from x [b, t, w] and W [t, w, h]."""
    # Tokens lead, so that the products and their gradients are those of t pairs of matrices.
    return jnp.einsum('tbw,twh->tbh', x.swapaxes(0, 1), kernel).swapaxes(0, 1)


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
    def __call__(self, x: jax.Array) -> jax.Array:
        _, t, w = x.shape
        normal = glorot_normal(w, self.width)
        mapped = token_products(x, self.param('kernel', normal, (t, w, self.width)))
        if self.bias:
            mapped = mapped + self.param('bias', nn.initializers.zeros, (t, self.width))
        return mapped


def gelu(x: jax.Array) -> jax.Array:
    """Returns x times the normal distribution function of x (Hendrycks and Gimpel, 2016)."""
    return 0.5 * x * (1 + jax.lax.erf(x * 0.5**0.5))
