"""The generator of a run's random numbers: Threefry-2x32, whatever a user has told JAX or Flax to use by default.

Everything random in a run but the order of rows is drawn with keys that are folded from the seed's:

    tables       seed -> 0 -> number of the table
    parameters   seed -> 1 -> hash of the parameter's path (Flax)
    dropout      seed -> step -> row of the batch -> site

So tables share their second key with dropout of step 0, parameters with that of step 1. No two draws meet nevertheless. A draw is a
key and a range of counters, and all keys that are drawn with differ, because dropout draws with keys that are two folds further
down. To fold x into a key is to encrypt (0, x) with it, and so is to draw the value at place x. But that value is the exclusive or
of the block's halves, while the folded key is both halves, and dropout's words are encrypted once more with it. A test collects
the keys of a run's draws and demands that they differ, and that values at the same places are not correlated.
"""

import contextlib
from collections.abc import Iterator

import flax
import jax
import jax.numpy as jnp
from jax.extend.random import threefry_2x32

IMPLEMENTATION = 'threefry2x32'


def seed_key(seed: int | jax.Array) -> jax.Array:
    """The key of a seed, 0 to 2^31 - 1; what `jax.random.key` gives where nothing is configured."""
    words = jnp.stack([jnp.zeros((), jnp.uint32), jnp.asarray(seed).astype(jnp.uint32)])
    return jax.random.wrap_key_data(words, impl=IMPLEMENTATION)


def two_words(key: jax.Array) -> jax.Array:
    """uint32 [2]: `jax.random.bits(key, (2,))` as it is with `jax_threefry_partitionable`, however that is configured."""
    counters = jnp.array([0, 0, 0, 1], jnp.uint32)  # (0, 0) and (0, 1), the high words first
    blocks = threefry_2x32(jax.random.key_data(key), counters)
    return blocks[:2] ^ blocks[2:]


@contextlib.contextmanager
def pinned() -> Iterator[None]:
    """Within it JAX's and Flax's own functions draw the same values whatever is configured, unless they are compiled for later."""
    with contextlib.ExitStack() as options:
        options.enter_context(jax.threefry_partitionable(True))
        if flax.config.flax_fix_rng_separator:
            options.enter_context(flax.config.temp_flip_flag('fix_rng_separator', False))
        yield
