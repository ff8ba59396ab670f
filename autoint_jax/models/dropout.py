"""Dropout that depends on (seed, step, row of the batch, site) only.

Every row has its own key, so the same rows are dropped however a batch is cut into slices or spread over devices.
"""

import jax
import jax.numpy as jnp


def row_keys(seed: int | jax.Array, step: jax.Array, rows: jax.Array) -> jax.Array:
    """Keys [b] of the rows of a step; `rows` are their places in the whole batch, int32 [b]."""
    key = jax.random.fold_in(jax.random.key(seed), step)
    return jax.vmap(jax.random.fold_in, (None, 0))(key, rows)


def scaled_mask(keys: jax.Array, *, site: int, rate: float, shape: tuple[int, ...]) -> jax.Array:
    """float32 [b, *shape]: 0 with probability `rate`, else 1 / (1 - rate). `site` tells dropout places apart."""
    bits = jax.vmap(lambda key: jax.random.bits(jax.random.fold_in(key, site), shape, jnp.uint32))(keys)
    return jnp.where(bits >= round(rate * 2**32), 1 / (1 - rate), 0.0)
