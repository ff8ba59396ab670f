"""Counts of values that no vocabulary holds: exact for frequent ones, in bounded memory."""

import collections

import numpy as np
import polars as pl

from autoint_jax.data.encoding import unseen_values
from autoint_jax.data.encoding.unseen_values import UnseenValues


def test_values_are_counted_over_blocks_and_written_as_text():
    rng, counts, unseen = np.random.default_rng(3), collections.Counter(), UnseenValues(['a', 'other'])
    for block in range(4):
        values = rng.integers(0, 9, 50 + block).astype(np.uint32)
        unseen.add('a', pl.Series(values), 7)
        counts.update(f'{value:08x}' for value in values)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    assert unseen.of('a') == (28, ordered[:3]) and unseen.of('other') == (0, [])


def test_frequent_values_stay_when_there_are_very_many(monkeypatch):
    monkeypatch.setattr(unseen_values, 'MOST_KEPT', 10)
    unseen = UnseenValues(['a'])
    for block in range(5):
        rare = [f'{block}-{number}' for number in range(20)]
        unseen.add('a', pl.Series([*rare, 'often', 'often', 'more', 'more', 'more']), 25)
        assert unseen._counts['a'].height == 5
    assert unseen.of('a') == (125, [('more', 15), ('often', 10), ('0-0', 1)])
