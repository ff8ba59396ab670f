"""Two-sided t-tests on test AUC and logloss over seeds: is one setting better than another by more than chance?

The paper compares AutoInt with the best baseline by an "unpaired t-test" over ten runs (Tables 2 and 5). This may be
Student's test or Welch's, which does not assume equal variances. Welch's is used here. With the same number of runs
both have the same t, and Welch's has at most as many degrees of freedom, so its p is never smaller. The paper has no
paired test.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy
from scipy import stats

from autoint_jax.evaluation.metrics import ALWAYS, METRICS
from autoint_jax.records.comparison import test_figures
from autoint_jax.records.runs import RunRecord

FIGURES = {name: METRICS[name].title for name in ALWAYS}  # which the paper has too
VERSIONS = {'scipy': scipy.__version__}
METHOD = (
    "Two-sided t-tests over seeds. Unpaired: Welch's, of unequal variances. Paired: over seeds that both have; the "
    'same seed is the same order of rows. ** p < 0.01, * p < 0.05 by the unpaired test, where the first is the better '
    'one.'
)


class TTest(NamedTuple):
    """The result of a t-test.

    Attributes:
      statistic: t.
      freedom: the degrees of freedom.
      p: the two-sided probability of a |t| at least as large if there is no difference.
    """

    statistic: float
    freedom: float
    p: float


class Comparison(NamedTuple):
    """One figure of two settings, with its t-tests.

    Attributes:
      figure: the name of the metric.
      names: the names of the two settings.
      means: the means of the two settings over their seeds.
      seeds: the numbers of seeds of the two settings.
      unpaired: the unpaired test; None if a setting has fewer than two seeds, or neither varies.
      paired: the paired test; None if fewer than two seeds are in both, or all their differences are the same.
      paired_seeds: the number of seeds that are in both.
    """

    figure: str
    names: tuple[str, str]
    means: tuple[float, float]
    seeds: tuple[int, int]
    unpaired: TTest | None
    paired: TTest | None
    paired_seeds: int

    @property
    def mark(self) -> str:
        """'**' or '*', as in the paper, if the first setting is better and unpaired p below 0.01 or 0.05; else ''."""
        better = (self.means[0] > self.means[1]) == METRICS[self.figure].higher_is_better
        return stars(self.unpaired.p) if better and self.unpaired else ''


def stars(p: float) -> str:
    """Returns '**' for p below 0.01, '*' for p below 0.05, else ''."""
    return '**' if p < 0.01 else '*' if p < 0.05 else ''


def welch(one: Sequence[float], other: Sequence[float]) -> TTest | None:
    """Makes Welch's unpaired t-test. Returns None if a sample has fewer than two values, or neither varies."""
    if min(len(one), len(other)) < 2 or np.ptp(one) == np.ptp(other) == 0:
        return None
    return _test(stats.ttest_ind(one, other, equal_var=False))


def paired(one: Sequence[float], other: Sequence[float]) -> TTest | None:
    """Makes the paired t-test. Returns None with fewer than two pairs, or if all differences are the same."""
    if len(one) < 2 or np.ptp(np.subtract(one, other)) == 0:
        return None
    return _test(stats.ttest_rel(one, other))


def _test(result: Any) -> TTest:
    return TTest(float(result.statistic), float(result.df), float(result.pvalue))


def compared(names: tuple[str, str], one: Sequence[RunRecord], other: Sequence[RunRecord]) -> list[Comparison]:
    """Compares test AUC and logloss of two settings from the records of their runs. Each has at least one record."""
    return [_compared(figure, names, one, other) for figure in FIGURES]


def compared_with_best(own: str, found: Mapping[str, Sequence[RunRecord]]) -> list[Comparison]:
    """Compares a model with the best of the other models by mean, for each figure.

    Args:
      own: the model.
      found: {model: records of its runs}.

    Returns:
      A comparison for each figure; [] if the model or all others have no records.
    """
    if own not in found or len(found) < 2:
        return []
    made = []
    for figure in FIGURES:
        means = {model: test_figures(records)[figure].mean for model, records in found.items() if model != own}
        best = min(means, key=lambda model: METRICS[figure].rank(means[model]))
        made.append(_compared(figure, (own, best), found[own], found[best]))
    return made


def _compared(figure: str, names: tuple[str, str], one: Sequence[RunRecord], other: Sequence[RunRecord]) -> Comparison:
    first, second = ({record.seed: record.test[figure] for record in records} for records in (one, other))
    both = sorted(first.keys() & second.keys())
    values, others = list(first.values()), list(second.values())
    return Comparison(
        figure,
        names,
        (float(np.mean(values)), float(np.mean(others))),
        (len(values), len(others)),
        welch(values, others),
        paired([first[seed] for seed in both], [second[seed] for seed in both]),
        len(both),
    )


def sentence(comparison: Comparison) -> str:
    """Returns a sentence such as 'AUC: autoint 0.8456, fm 0.8252; difference +0.0204, unpaired p < 0.0001 ** ...'."""
    (name, other), (mean, other_mean) = comparison.names, comparison.means
    difference = f'difference {mean - other_mean:+.4f}, '
    start = f'{FIGURES[comparison.figure]}: {name} {mean:.4f}, {other} {other_mean:.4f}; {difference}'
    if min(comparison.seeds) < 2:
        return start + 'no t-test with fewer than two seeds of each.'
    mark = comparison.mark and f' {comparison.mark}'
    if comparison.unpaired is None:
        return start + 'no t-test of figures that do not vary over seeds.'
    unpaired = (
        f'unpaired {shown_p(comparison.unpaired.p)}{mark} ({comparison.seeds[0]} and {comparison.seeds[1]} seeds), '
    )
    if comparison.paired is None:
        return (
            start
            + unpaired
            + 'no paired test '
            + (
                'of differences that do not vary.'
                if comparison.paired_seeds > 1
                else 'with fewer than two seeds in both.'
            )
        )
    return start + unpaired + f'paired {shown_p(comparison.paired.p)} ({comparison.paired_seeds} seeds in both).'


def shown_p(p: float) -> str:
    """Returns p as text, such as 'p = 0.012'."""
    return 'p < 0.0001' if p < 1e-4 else f'p = {p:.2g}'


def about(comparisons: Sequence[Comparison], *, none: str) -> dict[str, Any]:
    """Returns the part of a table's record about its tests: sentences, method and numbers.

    Args:
      comparisons: the tests of the table.
      none: the sentence for a table without tests.
    """
    return {
        'significance': [sentence(one) for one in comparisons] or [none],
        'significance_method': METHOD,
        'tests': [
            {
                **one._asdict(),
                'unpaired': one.unpaired and one.unpaired._asdict(),
                'paired': one.paired and one.paired._asdict(),
                'mark': one.mark,
            }
            for one in comparisons
        ],
    }
