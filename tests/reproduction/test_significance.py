"""T-tests against their definitions, and what tables say of them."""

import math
import types

import numpy as np
import pytest
from scipy import special

from autoint_jax.records.comparison import Measured
from autoint_jax.reproduction.paper import base_changes, significance
from autoint_jax.reproduction.paper.published import JOINT

ONE, OTHER = [0.8456, 0.8449, 0.8461, 0.8452, 0.8447], [0.8431, 0.8452, 0.8440]


def record(seed, auc, logloss=0.38):
    return types.SimpleNamespace(seed=seed, test={'auc': auc, 'logloss': logloss})


def two_sided_p(t, freedom):
    """Of Student's t: the regularised incomplete beta function of freedom / (freedom + t^2)."""
    return special.betainc(freedom / 2, 0.5, freedom / (freedom + t**2))


@pytest.mark.parametrize(
    'one, other', [(ONE, OTHER), (OTHER, ONE), ([1.0, 2.0], [2.0, 2.5]), ([0.3, 0.1, 0.2], [0.3, 0.25])]
)
def test_welchs_test_is_its_definition(one, other):
    parts = [np.var(values, ddof=1) / len(values) for values in (one, other)]
    t = (np.mean(one) - np.mean(other)) / math.sqrt(sum(parts))
    freedom = sum(parts) ** 2 / sum(
        part**2 / (len(values) - 1) for part, values in zip(parts, (one, other), strict=True)
    )
    found = significance.welch(one, other)
    np.testing.assert_allclose(found, (t, freedom, two_sided_p(t, freedom)), rtol=1e-9)


def test_the_paired_test_is_its_definition():
    one, other = ONE[:3], OTHER
    differences = np.subtract(one, other)
    t = differences.mean() / (differences.std(ddof=1) / math.sqrt(3))
    np.testing.assert_allclose(significance.paired(one, other), (t, 2, two_sided_p(t, 2)), rtol=1e-9)
    # By hand: differences 1, 2, 3 have mean 2 and standard error 1 / sqrt(3); p of t with 2 degrees is 1 - t / sqrt(t^2
    # + 2).
    assert significance.paired([1, 3, 5], [0, 1, 2]).p == pytest.approx(1 - math.sqrt(12 / 14))


def test_too_few_or_constant_values_are_not_tested():
    assert significance.welch([0.8], [0.7, 0.6]) is None and significance.welch([0.8, 0.8], [0.7, 0.7]) is None
    assert significance.paired([0.8], [0.7]) is None and significance.paired([3.0, 2.0], [2.0, 1.0]) is None


def test_the_paired_test_is_over_seeds_that_both_have():
    one = [record(seed, auc) for seed, auc in zip((0, 1, 2, 5, 7), ONE, strict=True)]
    other = [record(seed, auc) for seed, auc in zip((7, 0, 2), OTHER, strict=True)]
    auc, logloss = significance.compared(('new', 'old'), one, other)
    assert (
        auc.paired == significance.paired([ONE[0], ONE[2], ONE[4]], [OTHER[1], OTHER[2], OTHER[0]])
        and auc.paired_seeds == 3
    )
    assert auc.unpaired == significance.welch(ONE, OTHER) and auc.seeds == (5, 3)
    assert logloss.unpaired is None and 'do not vary' in significance.sentence(logloss)
    said = significance.sentence(auc)
    assert (
        'new 0.8453, old 0.8441; difference +0.0012' in said
        and f'unpaired p = {auc.unpaired.p:.2g} (5 and 3 seeds)' in said
    )
    assert f'paired p = {auc.paired.p:.2g} (3 seeds in both)' in said


def test_marks_are_for_the_better_one_by_the_papers_levels():
    good, bad = (
        [record(seed, auc, 1 - auc) for seed, auc in enumerate((0.80, 0.81, 0.805))],
        [record(seed, auc, 1 - auc) for seed, auc in enumerate((0.70, 0.71, 0.706))],
    )
    for pair, mark in (((good, bad), '**'), ((bad, good), '')):
        for test in significance.compared(('one', 'other'), *pair):
            assert test.unpaired.p < 1e-4 and test.mark == mark and 'unpaired p < 0.0001' in significance.sentence(test)
    assert [significance.stars(p) for p in (0.009, 0.01, 0.049, 0.05)] == ['**', '*', '*', '']


def test_the_best_of_the_others_is_by_mean_and_figure():
    found = {
        'own': [record(0, 0.80, 0.40), record(1, 0.81, 0.41)],
        'first': [record(0, 0.79, 0.39), record(1, 0.795, 0.38)],
        'second': [record(0, 0.795, 0.5)],
    }
    auc, logloss = significance.compared_with_best('own', found)
    assert auc.names == ('own', 'second') and logloss.names == ('own', 'first')
    assert 'fewer than two seeds' in significance.sentence(auc) and auc.mark == ''
    assert significance.compared_with_best('own', {'own': found['own']}) == []
    assert significance.compared_with_best('other', found) == []
    assert significance.about([], none='No t-test.')['significance'] == ['No t-test.']


def test_published_changes_over_the_base_are_the_papers_column():
    """Table 5, last column; the paper rounded after its own averages, we take them of its rounded figures."""
    column = {
        'wide_deep': (0.0292, -0.0213),
        'deepfm': (0.0142, -0.0113),
        'deep_cross': (0.0200, -0.0164),
        'xdeepfm': (0.0068, -0.0096),
        'autoint_plus': (0.0023, -0.0020),
    }
    assert column.keys() == JOINT.keys()
    for model, printed in column.items():
        np.testing.assert_allclose(base_changes.published_change(model), printed, rtol=0, atol=1e-4)
    ours = {'auc': Measured(0.85, None, 1), 'logloss': Measured(0.37, None, 1)}
    base = {'auc': Measured(0.84, None, 1), 'logloss': Measured(0.39, None, 1)}
    row = base_changes.change('autoint_plus', 'movielens_1m', ours, base)
    assert row == {
        'base': 'autoint',
        'auc_change': pytest.approx(0.01),
        'paper_auc_change': pytest.approx(0.8488 - 0.8456),
        'logloss_change': pytest.approx(-0.02),
        'paper_logloss_change': pytest.approx(0.3753 - 0.3797),
    }
