"""Paired tests and mean ranks: published critical values, values of SciPy, and loops."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from autoint_jax.evaluation.paired import holm, mean_ranks, paired_tests

# Critical values of Nemenyi's test at 0.05 by the number of settings (Demšar, JMLR 2006, Table 5a).
CRITICAL = {3: 2.343, 4: 2.569, 5: 2.728, 6: 2.850, 7: 2.949, 8: 3.031, 9: 3.102, 10: 3.164}


@pytest.mark.parametrize('count, critical', CRITICAL.items())
def test_mean_ranks_equal_loops_and_the_published_critical_values(count, critical):
    figures = np.random.default_rng(count).integers(0, 6, (14, count)) / 10
    found = mean_ranks(figures, higher_is_better=True)
    ranks = [
        [1 + sum(other > own for other in row) + (sum(other == own for other in row) - 1) / 2 for own in row]
        for row in figures.tolist()
    ]
    np.testing.assert_allclose(found.ranks, np.mean(ranks, 0), atol=1e-12)
    assert found.critical_difference == pytest.approx(critical * math.sqrt(count * (count + 1) / (6 * 14)), rel=5e-4)
    assert found.p == pytest.approx(stats.friedmanchisquare(*figures.T).pvalue)
    worst = mean_ranks(figures, higher_is_better=False)
    np.testing.assert_allclose(worst.ranks, count + 1 - found.ranks)


def test_groups_are_the_largest_sets_without_a_significant_difference():
    rng = np.random.default_rng(3)
    for blocks, count in ((30, 7), (5, 3), (60, 9)):
        found = mean_ranks(rng.normal(size=(blocks, count)) + np.arange(count) * 0.4, higher_is_better=True)
        near = lambda one, other, by=found: abs(by.ranks[one] - by.ranks[other]) < by.critical_difference  # noqa: E731
        cliques = [
            set(own)
            for size in range(2, count + 1)
            for own in itertools.combinations(range(count), size)
            if all(near(*pair) for pair in itertools.combinations(own, 2))
        ]
        largest = [own for own in cliques if not any(own < other for other in cliques)]
        assert sorted(map(sorted, largest)) == sorted(map(sorted, found.groups))
        assert all(list(own) == sorted(own, key=lambda place: found.ranks[place]) for own in found.groups)


def test_few_settings_or_blocks_have_no_ranks():
    assert mean_ranks(np.ones((5, 2)), higher_is_better=True) is None
    assert mean_ranks(np.ones((1, 5)), higher_is_better=True) is None
    assert math.isnan(mean_ranks(np.ones((4, 3)), higher_is_better=True).p)


def test_paired_tests_equal_their_formulas():
    first, second = [0.81, 0.83, 0.80, 0.84, 0.82], [0.80, 0.81, 0.80, 0.81, 0.80]
    found, differences = paired_tests(first, second), np.subtract(first, second)
    error = np.std(differences, ddof=1) / math.sqrt(5)
    assert found.difference.value == pytest.approx(0.016) and found.blocks == 5
    assert found.difference.high - 0.016 == pytest.approx(2.7764451 * error)  # t of 4 degrees of freedom
    assert 0.016 - found.difference.low == pytest.approx(2.7764451 * error)
    assert found.t == pytest.approx(2 * stats.t.sf(0.016 / error, 4))
    signs = itertools.product((-1, 1), repeat=5)  # the exact distribution of the sum of signed ranks
    many, few = [0.5, 0.4, 0.3, 0.2, 0.1], [0.0] * 5
    sums = [abs(sum(sign * rank for sign, rank in zip(own, (5, 4, 3, 2, 1), strict=True))) for own in signs]
    assert paired_tests(many, few).wilcoxon == pytest.approx(np.mean([one >= 15 for one in sums]))


@pytest.mark.parametrize('first, second', [([0.8], [0.7]), ([0.8, 0.8], [0.75, 0.75]), ([], [])])
def test_without_variation_there_is_no_p(first, second):
    found = paired_tests(first, second)
    assert math.isnan(found.t) and math.isnan(found.wilcoxon) and found.blocks == len(first)


def test_holm_multiplies_by_the_number_of_tests_that_are_left():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    adjusted = holm([0.5, math.nan, 0.9])
    assert adjusted[0] == 1.0 and math.isnan(adjusted[1]) and adjusted[2] == 1.0
