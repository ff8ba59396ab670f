"""Tests of windows that count only at the full rate of the processor."""

import pytest

from autoint_jax.benchmarks import full_rate
from autoint_jax.benchmarks.full_rate import ATTEMPTS, SETTLED_PROBES, FullRate

FULL = [10.0] * SETTLED_PROBES


@pytest.fixture
def machine(monkeypatch):
    """Returns a function that makes a FullRate whose probes give the rates of a list, and then 10.0."""

    def made(*rates):
        left = [*FULL, *FULL, *rates]  # the first ones are those that find the full rate
        monkeypatch.setattr(full_rate.FullRate, '_probe', lambda self: left.pop(0) if left else 10.0)
        return FullRate(settling_seconds=60.0)

    return made


def test_a_window_that_ends_slowly_is_taken_again(machine):
    found = machine(*FULL, 5.0, *FULL, 9.5)
    seen = [3.0, 4.0]
    assert found.window(lambda seconds: seen.pop(0) * seconds, 2.0) == 8.0 and not seen and not found.slow_windows


def test_a_window_waits_for_the_full_rate(machine):
    probes = []
    found = machine(5.0, 10.0, 10.0, 5.0, *FULL)
    found._probe, probe = lambda: probes.append(1) or probe(), found._probe
    assert found.window(lambda seconds: len(probes), 1.0) == 8  # three in succession do not suffice


def test_a_machine_that_stays_slow_is_counted(machine):
    found = machine(*(ATTEMPTS * [*FULL, 5.0]))
    assert found.window(lambda seconds: 7.0, 1.0) == 7.0 and found.slow_windows == 1


def test_a_machine_that_never_settles_is_measured_all_the_same(machine):
    found = machine()
    found._settling_seconds = 0.0
    assert found.window(lambda seconds: 7.0, 1.0) == 7.0 and found.slow_windows == 1


def test_the_probe_counts_products():
    assert FullRate(settling_seconds=1.0)._fastest > 0
