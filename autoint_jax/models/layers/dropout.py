"""Dropout, which depends on (seed, step, row of the batch, site) only.

Every row has its own key, so the same values are dropped however a batch is cut into slices or spread over devices.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.config.options import is_on
from autoint_jax.config.rates import Rates
from autoint_jax.errors import UsageError
from autoint_jax.models.layers.randomness import seed_key, two_words

# Dropout sites, uint32: embeddings 0, the deep network from 1, its second stream from 31, the output layers from 51,
# attention layers from 100 (`layer_site`). Hidden layers for which a part has no room here have sites above 2^24
# (`hidden_site`).
EMBEDDING_SITE, DEEP_SITE, SECOND_SITE, HEAD_SITE, LAYER_SITE = 0, 1, 31, 51, 100
HIDDEN_ROOM = {DEEP_SITE: 30, SECOND_SITE: 20, HEAD_SITE: 49}
MOST_HIDDEN, MOST_LAYERS, MOST_PLACES = 1 << 24, 1 << 15, 1 << 16


def hidden_site(part: int, number: int) -> int:
    """Returns the site of hidden layer `number` of a part (DEEP_SITE, SECOND_SITE or HEAD_SITE).

    Raises:
      UsageError: there is no site for so many layers.
    """
    if number < HIDDEN_ROOM[part]:
        return part + number
    if number >= MOST_HIDDEN:
        raise UsageError(
            f'a network has more than {MOST_HIDDEN:,} hidden layers, and dropout has no key for more: give it fewer'
        )
    return (part << 24) + number


def layer_site(layer: int, place: int = 0) -> int:
    """Returns the site of a place, such as a head, within a layer; both are counted from 0.

    Raises:
      UsageError: there is no site for so many layers or places.
    """
    if layer >= MOST_LAYERS or place >= MOST_PLACES:
        raise UsageError(
            f'dropout has keys for {MOST_LAYERS:,} layers of {MOST_PLACES:,} heads, and the model has more: lower '
            'model.num_layers or model.num_heads'
        )
    if place < LAYER_SITE:
        return LAYER_SITE * (layer + 1) + place
    return (1 << 31) + (layer << 16) + place


class Training(NamedTuple):
    """The values that a model needs only in a training step; in an evaluation it gets None instead.

    Attributes:
      keys: a key for each row [b], from `row_keys`.
      weights: float32 [b], 0 for rows that only pad the batch, else 1.
      axis: mesh axis over which the rows of a batch are spread; None if they are all on this device.
      rates: the rates of the run, which replace those of the model's configuration; None if they are the same.
      dense_form: the form of dense layers and LayerNorms, 'xla' or 'cpu_kernel'.
    """

    keys: jax.Array
    weights: jax.Array
    axis: str | None
    rates: Rates | None = None
    dense_form: str = 'xla'


def row_keys(seed: int | jax.Array, step: jax.Array, rows: jax.Array) -> jax.Array:
    """Returns the keys [b] of the rows of a step; `rows` are their places in the whole batch, int32 [b]."""
    key = jax.random.fold_in(seed_key(seed), step)
    return jax.vmap(jax.random.fold_in, (None, 0))(key, rows)


class Drawn(NamedTuple):
    """The random words from which `factors` makes a mask. The compiled kernel makes the mask itself, as it multiplies.

    Attributes:
      words: uint32 [b, ..., 2], drawn for each row (and head).
      rate: float32 [], the share of values that is dropped.
    """

    words: jax.Array
    rate: jax.Array


def drawn(keys: jax.Array, *, sites: Sequence[int], rate: float | jax.Array) -> Drawn:
    """Draws the words [b, sites, 2] of the rows with `keys`, for all sites at once, which costs hardly more than for
    one.
    """
    draw = lambda key, site: two_words(jax.random.fold_in(key, site))  # noqa: E731
    words = jax.vmap(jax.vmap(draw, (None, 0)), (0, None))(keys, jnp.asarray(sites, jnp.uint32))
    return Drawn(words, jnp.float32(rate))  # the same bits whether the rate is a number or an array


def factors(made_of: Drawn, shape: tuple[int, ...]) -> jax.Array:
    """Returns the factors of dropout, float32 [b, ..., *shape]: 0 with probability `rate`, else 1 / (1 - rate).

    Threefry has drawn two words, and a hash of them and of the place gives each value its bits. To draw every value by
    Threefry would take a fifth of a small model's training step. `kernels/dropout.h` computes the same bits.
    """
    words, rate = made_of
    places = jnp.arange(math.prod(shape), dtype=jnp.uint32)
    bits = _mixed(words[..., :1] + places * jnp.uint32(0x9E3779B9), 16, 0x85EBCA6B, 13, 0xC2B2AE35, 16)
    bits = _mixed(bits ^ words[..., 1:], 16, 0x7FEB352D, 15, 0x846CA68B, 16)
    return jnp.where(bits >= (rate * 2.0**32).astype(jnp.uint32), 1 / (1 - rate), 0.0).reshape(
        *words.shape[:-1], *shape
    )


def scaled_mask(keys: jax.Array, *, site: int, rate: float | jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Returns the factors of dropout, float32 [b, *shape], of the rows with `keys` at a site."""
    words, rate = drawn(keys, sites=[site], rate=rate)
    return factors(Drawn(words[:, 0], rate), shape)


def _mixed(x: jax.Array, first: int, one: int, second: int, other: int, third: int) -> jax.Array:
    """Mixes 32 bits by shifts and odd factors, as MurmurHash3 and lowbias32 do. It is a bijection."""
    x = (x ^ (x >> first)) * jnp.uint32(one)
    x = (x ^ (x >> second)) * jnp.uint32(other)
    return x ^ (x >> third)


def dropout_rate(name: str, config: ModelConfig, training: Training | None) -> float | jax.Array:
    """Returns the dropout rate with which a model trains, a number or an array [].

    Args:
      name: an option of the model that copies of a run may vary, such as 'embedding_dropout'.
      config: the configuration of the model.
      training: of the step; None at evaluation.
    """
    return getattr(config if training is None or training.rates is None else training.rates, name)


def dropped(x: jax.Array, training: Training | None, *, site: int, rate: float | jax.Array) -> jax.Array:
    """Drops a share `rate` of the values of x [b, ...] in training and scales up the others; returns x itself at
    evaluation.
    """
    if training is None or not is_on(rate):
        return x
    return x * scaled_mask(training.keys, site=site, rate=rate, shape=x.shape[1:])


def dropped_embeddings(x: jax.Array, config: ModelConfig, training: Training | None) -> jax.Array:
    """Returns `dropped` of embeddings x [b, ...], or of products of them, at the rate `embedding_dropout`."""
    return dropped(x, training, site=EMBEDDING_SITE, rate=dropout_rate('embedding_dropout', config, training))
