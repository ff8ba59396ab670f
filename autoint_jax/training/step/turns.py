"""A loop over the slices of a device that XLA compiles alike for one slice and for many."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def in_turn(take: Callable, carry: Any, parts: Any, step: jax.Array) -> tuple[Any, Any]:
    """Returns what `jax.lax.scan(take, carry, parts)` does, with the same rounding for any number of parts.

    XLA dissolves a loop of one turn and fuses its operations in other ways, which round differently. So one part
    becomes two, of which the second is not taken, in a loop whose number of turns XLA does not know.

    Args:
      take: (carry, part) -> carry, what the part gives.
      carry: the carry before the first part.
      parts: a tree of arrays [number of parts, ...].
      step: int32 [], a number that is at least 0 and that XLA does not know.
    """
    count = len(jax.tree.leaves(parts)[0])
    if count > 1:
        return jax.lax.scan(take, carry, parts)
    parts = jax.tree.map(lambda x: jnp.concatenate([x, jnp.zeros_like(x)]), parts)
    given = jax.eval_shape(lambda: take(carry, jax.tree.map(lambda x: x[0], parts))[1])
    outputs = jax.tree.map(lambda shape: jnp.zeros((2, *shape.shape), shape.dtype), given)

    def turn(number, state):
        carry, outputs = state
        part = jax.tree.map(lambda x: jax.lax.dynamic_index_in_dim(x, number, keepdims=False), parts)
        carry, output = take(carry, part)
        put = jax.lax.dynamic_update_index_in_dim
        return carry, jax.tree.map(lambda all_parts, one: put(all_parts, one, number, 0), outputs, output)

    carry, outputs = jax.lax.fori_loop(0, jnp.where(step >= 0, 1, 0), turn, (carry, outputs))
    return carry, jax.tree.map(lambda x: x[:1], outputs)
