"""Statistics of settings that were run on the same blocks, such as seeds or data sets, so that runs can be paired."""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from autoint_jax.evaluation.quality import Interval

LEVEL = 0.95  # of an interval, and 1 - the level of the critical difference


class PairedTests(NamedTuple):
    """The difference of two settings over the blocks that both have.

    Attributes:
      difference: mean of the differences, first minus second, with a 95 % interval by Student's t.
      t: two-sided p of the paired t-test; NaN if there are fewer than two blocks, or all differences are the same.
      wilcoxon: two-sided p of Wilcoxon's signed-rank test, exact for so few blocks; NaN as above.
      blocks: number of blocks.
    """

    difference: Interval
    t: float
    wilcoxon: float
    blocks: int


class MeanRanks(NamedTuple):
    """Mean ranks of settings over blocks, and how far two must differ (Demšar, JMLR 2006, sections 3.2.2 and 3.2.3).

    Attributes:
      ranks: mean rank of each setting, float64 [k]; 1 is the best.
      p: p of Friedman's test that all settings are equally good.
      critical_difference: least difference of two mean ranks that is significant at 0.05 (Nemenyi).
      groups: places of settings that do not differ significantly, in the order of the ranks; only groups that are in no
        larger one, each of at least two.
    """

    ranks: np.ndarray
    p: float
    critical_difference: float
    groups: tuple[tuple[int, ...], ...]


def paired_tests(first: Sequence[float], second: Sequence[float]) -> PairedTests:
    """Compares the figures of two settings, [blocks] each, block by block."""
    differences = np.subtract(first, second, dtype=np.float64)
    blocks = len(differences)
    mean = float(differences.mean()) if blocks else math.nan
    if blocks < 2:
        return PairedTests(Interval(mean, math.nan, math.nan), math.nan, math.nan, blocks)
    half = stats.t.ppf((1 + LEVEL) / 2, blocks - 1) * differences.std(ddof=1) / math.sqrt(blocks)
    interval = Interval(mean, mean - half, mean + half)
    if np.ptp(differences) == 0:
        return PairedTests(interval, math.nan, math.nan, blocks)
    return PairedTests(
        interval, float(stats.ttest_rel(first, second).pvalue), float(stats.wilcoxon(differences).pvalue), blocks
    )


def holm(values: Sequence[float]) -> list[float]:
    """Adjusts p values for their number (Holm, 1979): each may be compared with the level itself. NaN stays NaN."""
    known = sorted((value, place) for place, value in enumerate(values) if not math.isnan(value))
    adjusted, largest = list(values), 0.0
    for number, (value, place) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - number) * value))
        adjusted[place] = largest
    return adjusted


def mean_ranks(figures: np.ndarray, *, higher_is_better: bool) -> MeanRanks | None:
    """Ranks settings in each block.

    Args:
      figures: float64 [blocks, k].
      higher_is_better: whether the largest figure has rank 1.

    Returns:
      None if there are fewer than three settings or two blocks, for which these tests are not made.
    """
    blocks, count = figures.shape
    if count < 3 or blocks < 2:
        return None
    ranks = stats.rankdata(-figures if higher_is_better else figures, axis=1).mean(0)
    width = stats.studentized_range.ppf(LEVEL, count, np.inf) / math.sqrt(2)
    difference = float(width * math.sqrt(count * (count + 1) / (6 * blocks)))
    equal = bool(np.all(np.ptp(figures, axis=1) == 0))
    p = math.nan if equal else float(stats.friedmanchisquare(*figures.T).pvalue)
    return MeanRanks(ranks, p, difference, _groups(ranks, difference))


def _groups(ranks: np.ndarray, difference: float) -> tuple[tuple[int, ...], ...]:
    """Returns the largest groups of settings, in the order of their ranks, whose ends differ by less."""
    order = np.argsort(ranks, kind='stable').tolist()
    ends = [
        max(end for end in range(start, len(order)) if ranks[order[end]] - ranks[order[start]] < difference)
        for start in range(len(order))
    ]
    reached = itertools.accumulate([-1, *ends], max)  # the last setting that a run before has
    return tuple(
        tuple(order[start : end + 1])
        for start, (end, before) in enumerate(zip(ends, reached, strict=False))
        if end > start and end > before
    )
