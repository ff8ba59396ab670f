"""Numbers with units."""

import pytest

from autoint_jax.units import shown_bytes, shown_seconds


@pytest.mark.parametrize(
    'count, shown',
    [(0, '0 bytes'), (999, '999 bytes'), (141_000, '141 kB'), (1.92e9, '1.92 GB'), (2e12, '2 TB'), (5e15, '5,000 TB')],
)
def test_bytes(count, shown):
    assert shown_bytes(count) == shown


@pytest.mark.parametrize(
    'seconds, shown',
    [(0.4, '0 s'), (59.4, '59 s'), (59.6, '1 min'), (200, '3 min 20 s'), (7500, '2 h 5 min'), (7200, '2 h')],
)
def test_seconds(seconds, shown):
    assert shown_seconds(seconds) == shown
