"""What training adds to a forward pass: dropout, which depends on (seed, step, row of the batch, site) only.

Every row has its own key, so the same values are dropped however a batch is cut into slices or spread over devices.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from autoint_jax.config.options import is_on
from autoint_jax.errors import UsageError
from autoint_jax.models.layers.randomness import seed_key, two_words

# Dropout sites, uint32: embeddings 0, the deep network from 1, its second stream from 31, the head from 51, layers from 100
# (`layer_site`). Parts with more hidden layers than they have room for go on above 2^24 (`hidden_site`).
EMBEDDING_SITE, DEEP_SITE, SECOND_SITE, HEAD_SITE, LAYER_SITE = 0, 1, 31, 51, 100
HIDDEN_ROOM = {DEEP_SITE: 30, SECOND_SITE: 20, HEAD_SITE: 49}
MOST_HIDDEN, MOST_LAYERS, MOST_PLACES = 1 << 24, 1 << 15, 1 << 16


def hidden_site(part: int, number: int) -> int:
    """The site of hidden layer `number` of a part, DEEP_SITE, SECOND_SITE or HEAD_SITE. Raises UsageError past the last one."""
    if number < HIDDEN_ROOM[part]:
        return part + number
    if number >= MOST_HIDDEN:
        raise UsageError(
            f'a network has more than {MOST_HIDDEN:,} hidden layers, which dropout cannot tell apart: give it fewer'
        )
    return (part << 24) + number


def layer_site(layer: int, place: int = 0) -> int:
    """The site of a place, such as a head, within a layer, both from 0. Raises UsageError past the last one."""
    if layer >= MOST_LAYERS or place >= MOST_PLACES:
        raise UsageError(
            f'dropout tells {MOST_LAYERS:,} layers of {MOST_PLACES:,} heads apart, and the model has more: lower '
            'model.num_layers or model.num_heads'
        )
    if place < LAYER_SITE:
        return LAYER_SITE * (layer + 1) + place
    return (1 << 31) + (layer << 16) + place


class Training(NamedTuple):
    """What a model needs to know of a training step; None in its place at evaluation.

    Attributes:
      keys: [b], from `row_keys`.
      weights: float32 [b], 0 for rows that only pad the batch.
      axis: mesh axis over which the rows of a batch are spread, or None where they are all here.
    """

    keys: jax.Array
    weights: jax.Array
    axis: str | None


def row_keys(seed: int | jax.Array, step: jax.Array, rows: jax.Array) -> jax.Array:
    """Keys [b] of the rows of a step; `rows` are their places in the whole batch, int32 [b]."""
    key = jax.random.fold_in(seed_key(seed), step)
    return jax.vmap(jax.random.fold_in, (None, 0))(key, rows)


class Drawn(NamedTuple):
    """What a mask is made of (`factors`); the compiled kernel makes it where it multiplies by it.

    Attributes:
      words: uint32 [b, ..., 2], drawn for each row (and head).
      rate: float32 [], the share that is dropped.
    """

    words: jax.Array
    rate: jax.Array


def drawn(keys: jax.Array, *, sites: Sequence[int], rate: float | jax.Array) -> Drawn:
    """Words [b, sites, 2] of the rows of `keys`; sites tell dropout places apart. Together they cost hardly more than one of them."""
    draw = lambda key, site: two_words(jax.random.fold_in(key, site))  # noqa: E731
    words = jax.vmap(jax.vmap(draw, (None, 0)), (0, None))(keys, jnp.asarray(sites, jnp.uint32))
    return Drawn(words, jnp.float32(rate))  # the same bits whether the rate is a number or an array


def factors(made_of: Drawn, shape: tuple[int, ...]) -> jax.Array:
    """float32 [b, ..., *shape]: 0 with probability `rate`, else 1 / (1 - rate).

    Threefry has drawn two words; a hash of them and the place gives each value its bits. Threefry for every value would take a fifth of
    a small model's training step. `kernels/dropout.h` computes the same.
    """
    words, rate = made_of
    places = jnp.arange(math.prod(shape), dtype=jnp.uint32)
    bits = _mixed(words[..., :1] + places * jnp.uint32(0x9E3779B9), 16, 0x85EBCA6B, 13, 0xC2B2AE35, 16)
    bits = _mixed(bits ^ words[..., 1:], 16, 0x7FEB352D, 15, 0x846CA68B, 16)
    return jnp.where(bits >= (rate * 2.0**32).astype(jnp.uint32), 1 / (1 - rate), 0.0).reshape(
        *words.shape[:-1], *shape
    )


def scaled_mask(keys: jax.Array, *, site: int, rate: float | jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """float32 [b, *shape], `factors` of what is drawn for the rows at a site."""
    words, rate = drawn(keys, sites=[site], rate=rate)
    return factors(Drawn(words[:, 0], rate), shape)


def _mixed(x: jax.Array, first: int, one: int, second: int, other: int, third: int) -> jax.Array:
    """A bijection of 32 bits in which every bit of x reaches every bit: shifts and odd factors as in MurmurHash3 and lowbias32."""
    x = (x ^ (x >> first)) * jnp.uint32(one)
    x = (x ^ (x >> second)) * jnp.uint32(other)
    return x ^ (x >> third)


def dropped(x: jax.Array, training: Training | None, *, site: int, rate: float | jax.Array) -> jax.Array:
    """x [b, ...] with a share `rate` of its values dropped in training, the others scaled up; x itself at evaluation."""
    if training is None or not is_on(rate):
        return x
    return x * scaled_mask(training.keys, site=site, rate=rate, shape=x.shape[1:])
