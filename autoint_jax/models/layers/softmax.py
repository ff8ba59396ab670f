"""The softmax of all models, with the same rounding in every program.

XLA divides by a broadcast value in one of two ways, which round differently: it divides, or multiplies by the inverse.
Among other things, the number of devices decides which. So models write such divisions as products.
"""

import jax
import jax.numpy as jnp


@jax.custom_jvp
def quotient(x: jax.Array, divisor: jax.Array) -> jax.Array:
    """Returns x / divisor as x * (1 / divisor), and has a derivative without a division by a broadcast value.

    Args:
      x: [...].
      divisor: float, of a shape that is broadcast to that of x.
    """
    return x * (1 / divisor)


@quotient.defjvp
def _quotient_jvp(primals, tangents):
    (x, divisor), (x_dot, divisor_dot) = primals, tangents
    inverse = 1 / divisor
    return x * inverse, x_dot * inverse - divisor_dot * x * (1 / (divisor * divisor))


def softmax(scores: jax.Array, axis: int = -1) -> jax.Array:
    """Returns exp(scores) divided by their sum over an axis, in the shape of the scores. The axis may be empty."""
    highest = jax.lax.stop_gradient(scores.max(axis, keepdims=True, initial=-jnp.inf))
    exponentials = jnp.exp(scores - highest)
    return quotient(exponentials, exponentials.sum(axis, keepdims=True))
