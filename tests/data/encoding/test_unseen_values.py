"""Counts of values that no vocabulary holds: exact for frequent ones, in bounded memory."""

import collections

import numpy as np
import polars as pl
import pytest

from autoint_jax.data.encoding import unseen_values
from autoint_jax.data.encoding.unseen_values import UnseenValues


@pytest.mark.parametrize('dtype, written', [(pl.UInt32, '{:08x}'), (pl.Int64, '{}'), (pl.String, '{}')])
def test_values_are_counted_over_blocks_and_written_as_text(dtype, written):
    rng, counts, unseen = np.random.default_rng(3), collections.Counter(), UnseenValues(['a', 'other'])
    for block in range(4):
        values = rng.integers(0, 9, 50 + block)
        unseen.add('a', pl.Series(values).cast(dtype), 7)
        counts.update(written.format(value) for value in values)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    assert unseen.of('a') == (28, ordered[:3]) and unseen.of('other') == (0, [])


@pytest.mark.parametrize('dtype', [pl.String, pl.Int64])
def test_frequent_values_stay_when_there_are_very_many(monkeypatch, dtype):
    monkeypatch.setattr(unseen_values, 'MOST_KEPT', 10)
    unseen = UnseenValues(['a'])
    for block in range(5):
        rare = [100 * block + number for number in range(10, 30)]
        unseen.add('a', pl.Series([*rare, 7777, 7777, 888, 888, 888]).cast(dtype), 25)
        assert unseen._counts['a'].height == 5
    assert unseen.of('a') == (125, [('888', 15), ('7777', 10), ('10', 1)])
