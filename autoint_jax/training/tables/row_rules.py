"""What all optimizers of tables do alike with a row of a batch: they clip its gradient, add L2, and decay the row."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from autoint_jax.config.options import is_on


class RowRules(NamedTuple):
    """The rules for the rows of a batch. Each is off at 0; numbers may be arrays [] if copies of a run differ in them.

    Attributes:
      l2: adds l2 * row to the gradient of every row of the batch, once per row.
      decay: weight decay apart from the gradient: subtracts learning rate * decay * row from every row of the batch.
      clip: r of CowClip (Zheng et al., 2022): the gradient g of a row w [d] that the batch reads c times, summed over
        the batch and before L2, becomes g * min(1, r c max(|w|, r sqrt(d) z) / |g|). Rows of one value are not clipped.
      clip_floor: z of CowClip.
    """

    l2: float | jax.Array = 0.0
    decay: float | jax.Array = 0.0
    clip: float = 0.0
    clip_floor: float = 0.0

    def clips(self, width: int) -> bool:
        """Returns whether gradients of rows of so many values are clipped."""
        return self.clip > 0 and width > 1

    def clipped(self, gradient: jax.Array, values: jax.Array, counts: jax.Array) -> jax.Array:
        """Returns the gradients of rows [n, d], from those and the values of the rows, and their counts [n, 1]."""
        norms = jnp.linalg.norm(gradient, axis=1, keepdims=True)
        least = self.clip * math.sqrt(gradient.shape[1]) * self.clip_floor
        bounds = self.clip * counts * jnp.maximum(jnp.linalg.norm(values, axis=1, keepdims=True), least)
        return gradient * jnp.where(norms > bounds, bounds / norms, 1.0)

    def decayed(self, values: jax.Array, rate: float | jax.Array) -> jax.Array:
        """Returns the values of rows after the weight decay of a step with a learning rate."""
        return values * (1 - rate * self.decay) if is_on(self.decay) else values


def clip_scale(squares: jax.Array, norm: float | jax.Array) -> jax.Array:
    """Returns the factor of all gradients, float32 [], by which their norm is at most `norm`; 1 if that is 0.

    Args:
      squares: the sum of the squares of all gradients.
      norm: `optimizer.clip_norm`.
    """
    return jnp.where(norm > 0, norm / jnp.maximum(jnp.sqrt(squares), norm), 1.0)


def squared(tree: object) -> jax.Array:
    """Returns the sum of the squares of all values of a tree, float32 [].

    Dot products: XLA adds up the values of a sum one after the other on CPUs.
    """
    return sum((jnp.vdot(leaf, leaf, precision='highest') for leaf in jax.tree.leaves(tree)), jnp.zeros(()))


def scaled(gradient: jax.Array, scale: jax.Array | None) -> jax.Array:
    """Returns a gradient times a factor, if there is one."""
    return gradient if scale is None else gradient * scale
