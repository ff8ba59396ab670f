"""The generator of a run's random numbers: Threefry-2x32, whatever default a user has set in JAX or Flax.

Everything random in a run, except the order of rows, is drawn with keys that are folded from the key of the seed:

    tables       seed -> 0 -> number of the table
    parameters   seed -> 1 -> hash of the parameter's path (Flax)
    dropout      seed -> step -> row of the batch -> site

So tables share their second key with the dropout of step 0, and parameters share theirs with that of step 1. Still no
two draws are the same. A draw is a key and a range of counters, and all keys with which values are drawn differ,
because those of dropout are two folds further down. To fold x into a key means to encrypt (0, x) with it, and to draw
the value at place x does too. But that value is the exclusive or of the two halves of the block, the folded key is both
halves, and dropout encrypts once more with that key. A test collects the keys of a run's draws. It demands that they
differ, and that values at the same places are not correlated.
"""

import contextlib
from collections.abc import Iterator

import flax
import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.random import threefry_2x32

IMPLEMENTATION = 'threefry2x32'


def seed_key(seed: int | jax.Array) -> jax.Array:
    """Returns the key of a seed from 0 to 2^31 - 1: the one that `jax.random.key` returns by JAX's own defaults."""
    words = jnp.stack([jnp.zeros((), jnp.uint32), jnp.asarray(seed).astype(jnp.uint32)])
    return jax.random.wrap_key_data(words, impl=IMPLEMENTATION)


def two_words(key: jax.Array) -> jax.Array:
    """Returns `jax.random.bits(key, (2,))`, uint32 [2], as with `jax_threefry_partitionable` on, whatever is
    configured.
    """
    counters = jnp.array([0, 0, 0, 1], jnp.uint32)  # (0, 0) and (0, 1), with the high words first
    blocks = threefry_2x32(jax.random.key_data(key), counters)
    return blocks[:2] ^ blocks[2:]


def normal_values(key: jax.Array, rows: jax.Array, width: int) -> jax.Array:
    """Returns `jax.random.normal(key, (v, width))[rows]`, float32 [n, width], without drawing the other rows.

    Partitionable Threefry encrypts the number of a value, which has two words; so a value depends on no other and not
    on v. The barrier keeps the bits: a product that the compiler fused with what follows would be rounded once.

    Args:
      key: of the whole array.
      rows: int32 [n], row numbers.
      width: values of a row, below 2^16.
    """
    rows, columns = rows.astype(jnp.uint32)[:, None], jnp.arange(width, dtype=jnp.uint32)
    # The number of a value is row * width + column; `high` is its second word.
    first, size = rows * np.uint32(width), np.uint32(width)
    high = ((rows >> 16) * size + ((rows & 0xFFFF) * size >> 16)) >> 16
    low = first + columns
    words = jnp.stack([high + (low < first), low])  # [2, n, width]
    blocks = threefry_2x32(jax.random.key_data(key), words).reshape(words.shape)
    floats = jax.lax.bitcast_convert_type((blocks[0] ^ blocks[1]) >> 9 | np.uint32(0x3F800000), jnp.float32) - 1
    least = np.nextafter(np.float32(-1), np.float32(0))
    uniform = jnp.maximum(least, floats * (np.float32(1) - least) + least)
    return jax.lax.optimization_barrier(np.float32(np.sqrt(2)) * jax.lax.erf_inv(uniform))


@contextlib.contextmanager
def pinned() -> Iterator[None]:
    """Within this context JAX and Flax draw the same values whatever is configured.

    A function compiled here keeps no trace of it.
    """
    with contextlib.ExitStack() as options:
        options.enter_context(jax.threefry_partitionable(True))
        if flax.config.flax_fix_rng_separator:
            options.enter_context(flax.config.temp_flip_flag('fix_rng_separator', False))
        yield
