"""The figures of settings: means, paired tests against the best setting, and ranks over seeds."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from autoint_jax.comparison.settings import Setting
from autoint_jax.evaluation.metrics import METRICS
from autoint_jax.evaluation.paired import MeanRanks, PairedTests, holm, mean_ranks, paired_tests


class Spread(NamedTuple):
    """A figure over the seeds of a setting.

    Attributes:
      mean: the mean.
      deviation: the sample standard deviation; None for one seed.
      low, high: the least and the largest value.
    """

    mean: float
    deviation: float | None
    low: float
    high: float


class Test(NamedTuple):
    """The test figures of a setting beside those of the best setting, or another one, paired by seed.

    Attributes:
      setting: place of the setting.
      tests: the best setting, or the other one, minus this one.
      t, wilcoxon: p values after Holm's adjustment for all settings; NaN if there is no test.
    """

    setting: int
    tests: PairedTests
    t: float
    wilcoxon: float


class Compared(NamedTuple):
    """One metric of all settings.

    Attributes:
      metric: its name.
      valid, test: figures of each setting.
      best: place of the setting with the best mean validation figure; test figures do not choose it.
      others: tests of all other settings, in the order of the settings.
      ranks: mean ranks of the test figures over the seeds that all settings have; None if there are too few.
      blocks: these seeds.
    """

    metric: str
    valid: list[Spread]
    test: list[Spread]
    best: int
    others: list[Test]
    ranks: MeanRanks | None
    blocks: list[int]


def compared(settings: Sequence[Setting], metric: str) -> Compared:
    """Compares settings by a metric that all of their runs have."""
    valid, test = (
        [_spread(list(setting.figures(split, metric).values())) for setting in settings] for split in ('valid', 'test')
    )
    best = min(range(len(settings)), key=lambda place: METRICS[metric].rank(valid[place].mean))
    figures = [setting.figures('test', metric) for setting in settings]
    blocks = sorted(set.intersection(*(set(own) for own in figures)))
    matrix = np.array([[own[seed] for own in figures] for seed in blocks]).reshape(len(blocks), len(figures))
    return Compared(
        metric,
        valid,
        test,
        best,
        tested_beside(settings, metric, best),
        mean_ranks(matrix, higher_is_better=METRICS[metric].higher_is_better),
        blocks,
    )


def tested_beside(settings: Sequence[Setting], metric: str, beside: int) -> list[Test]:
    """Tests the test figures of a setting beside those of each other one.

    Args:
      settings: the settings.
      metric: a metric that all of their runs have.
      beside: place of the setting beside which the others are tested.

    Returns:
      The tests of all other settings, in their order; p values are adjusted for all of them.
    """
    figures = [setting.figures('test', metric) for setting in settings]
    others = [place for place in range(len(settings)) if place != beside]
    tests = []
    for place in others:
        both = sorted(figures[beside].keys() & figures[place].keys())
        tests.append(paired_tests(*([figures[one][seed] for seed in both] for one in (beside, place))))
    adjusted = [holm([test.t for test in tests]), holm([test.wilcoxon for test in tests])]
    return [Test(*found) for found in zip(others, tests, *adjusted, strict=True)]


def _spread(values: Sequence[float]) -> Spread:
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Spread(float(np.mean(values)), deviation, min(values), max(values))
