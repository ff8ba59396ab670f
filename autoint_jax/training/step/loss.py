"""The training loss: the logloss of Eq. 10, summed over rows. Steps divide it by the number of rows of the batch."""

import jax
import jax.numpy as jnp
import optax


def summed_logloss(logits: jax.Array, *, labels: jax.Array, weights: jax.Array) -> jax.Array:
    """Returns the weighted sum of -log p(label) over rows (Eq. 10), float32 [], in nats.

    Args:
      logits: float32 [b].
      labels: float32 [b], 0 or 1.
      weights: float32 [b], 0 for padding, else 1.
    """
    return jnp.sum(weights * optax.sigmoid_binary_cross_entropy(logits, labels))
