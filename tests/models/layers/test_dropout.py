"""Dropout masks: the stated share, values independent of their neighbours in place, row, site and step."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoint_jax.models.layers.dropout import drawn, factors, row_keys, scaled_mask

pytestmark = pytest.mark.usefixtures('quick_compilation')

ROWS, PLACES, RATE = 1009, 101, 0.4


def kept(step=0, site=0):
    keys = row_keys(0, jnp.asarray(step), jnp.arange(ROWS))
    return np.asarray(scaled_mask(keys, site=site, rate=RATE, shape=(PLACES,))) > 0


def test_masks_keep_the_stated_share_and_the_mean():
    mask = np.asarray(scaled_mask(row_keys(0, jnp.asarray(0), jnp.arange(ROWS)), site=0, rate=RATE, shape=(PLACES,)))
    assert set(np.unique(mask)) == {np.float32(0), np.float32(1 / 0.6)}
    assert abs((mask > 0).mean() - 0.6) < 0.005
    # Of columns and rows, too: 5 standard deviations of a binomial share.
    assert np.abs((mask > 0).mean(0) - 0.6).max() < 5 * (0.24 / ROWS) ** 0.5
    assert np.abs((mask > 0).mean(1) - 0.6).max() < 5 * (0.24 / PLACES) ** 0.5


def test_masks_are_independent_of_their_neighbours():
    """Correlations over 100,000 values stay below 5 standard deviations, 0.016."""
    masks = {(step, site): kept(step, site) for step in (0, 1) for site in (0, 1)}
    pairs = [*itertools.combinations(masks.values(), 2)]
    for mask in masks.values():
        pairs += [(mask[:, :-lag], mask[:, lag:]) for lag in (1, 2, 7, 16, 49)]
        pairs += [(mask[:-lag], mask[lag:]) for lag in (1, 2, 64)]
    for one, other in pairs:
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.016


def test_triples_of_places_are_independent():
    mask = kept().astype(float) - 0.6
    for lag in (1, 3, 8):
        product = mask[:, : -2 * lag] * mask[:, lag:-lag] * mask[:, 2 * lag :]
        assert abs(product.mean()) < 5 * 0.24**1.5 / product.size**0.5


def test_sites_together_draw_what_each_draws_alone():
    keys, sites = row_keys(3, jnp.asarray(5), jnp.arange(7)), [0, 1, 101, 300]
    together = drawn(keys, sites=sites, rate=RATE)
    assert together.rate == np.float32(RATE)
    alone = [[jax.random.bits(jax.random.fold_in(key, site), (2,), jnp.uint32) for site in sites] for key in keys]
    np.testing.assert_array_equal(together.words, alone)
    for number, site in enumerate(sites):
        mask = scaled_mask(keys, site=site, rate=RATE, shape=(3, 5))
        np.testing.assert_array_equal(mask, factors(together._replace(words=together.words[:, number]), (3, 5)))
