"""AutoInt's own figure under other conditions, and figures of models on other splits."""

import math
import types

import numpy as np
import pytest
from scipy import stats

from autoint_jax.records import comparison
from autoint_jax.reproduction import other_splits, own_figure
from autoint_jax.reproduction.own_figure_conditions import ALL, DEFAULT, LARGEST_EPSILON, POOLED
from autoint_jax.reproduction.paper.published import Figures


def records(aucs):
    """Returns records of runs from [(seed, AUC)]."""
    figures = [(seed, {'auc': auc, 'logloss': 1 - auc}) for seed, auc in aucs]
    return [
        types.SimpleNamespace(seed=seed, test=of, valid={'auc': of['auc'] + 0.1, 'logloss': 0.1}, run=f'run{seed}')
        for seed, of in figures
    ]


def test_conditions_are_compared_with_the_default_over_common_seeds():
    found = {
        DEFAULT: records([(0, 0.80), (1, 0.81), (2, 0.83), (3, 0.82)]),
        'order': records([(0, 0.82), (1, 0.84), (2, 0.86)]),
        'heads': records([(0, 0.80), (1, 0.82), (2, 0.82)]),
        'epsilon': records([(3, 0.82)]),
        POOLED: records([(0, 0.82), (0, 0.84), (1, 0.82)]),
        ALL: records([(0, 0.80), (1, 0.84)]),
    }
    default, order, heads, epsilon, pooled, together = own_figure.rows_of(found)
    assert default['auc_difference'] is None is together['auc_difference']
    assert default['seeds'] == 4 and together['auc'] == pytest.approx(0.82)
    ps = [
        stats.ttest_rel([0.82, 0.84, 0.86], [0.80, 0.81, 0.83]).pvalue,
        stats.ttest_rel([0.80, 0.82, 0.82], [0.80, 0.81, 0.83]).pvalue,
    ]
    assert [order['auc_p'], heads['auc_p']] == pytest.approx(ps)
    assert [order['auc_p_holm'], heads['auc_p_holm']] == pytest.approx([min(1, 2 * min(ps)), max(ps)])
    assert order['auc_p_unpaired'] == pytest.approx(
        stats.ttest_ind([0.82, 0.84, 0.86], [0.80, 0.81, 0.83, 0.82], equal_var=False).pvalue
    )
    differences = np.array([0.02, 0.03, 0.03])
    half = stats.t.ppf(0.975, 2) * differences.std(ddof=1) / math.sqrt(3)
    expected = [differences.mean(), differences.mean() - half, differences.mean() + half]
    assert [order[f'auc_{end}'] for end in ('difference', 'low', 'high')] == pytest.approx(expected)
    assert epsilon['auc_difference'] == pytest.approx(0) and epsilon['auc_p'] is None is epsilon['auc_low']
    assert (pooled['seeds'], pooled['number'], pooled['auc_p_holm']) == (2, 3, None)
    assert pooled['auc_difference'] == pytest.approx(((0.83 - 0.80) + (0.82 - 0.81)) / 2)
    assert own_figure.cells(pooled)[-1] == '2 (3 runs)' and own_figure.cells(order)[3] == '+0.0267'
    assert own_figure.no_cause([default, order, heads, epsilon, pooled]) == (2 * min(ps) >= 0.05)


def test_the_largest_epsilon_is_that_of_the_first_step_in_tensorflow():
    assert LARGEST_EPSILON == pytest.approx(1e-8 / math.sqrt(1 - 0.999), rel=0.02)


def test_the_deviation_by_rows_is_that_of_random_rows():
    # Scores of exponential distributions are the case for which the formula is exact.
    drawn, auc, positives, negatives = np.random.default_rng(1), 0.8, 40, 30
    areas = []
    for _ in range(2000):
        high, low = drawn.exponential(auc / (1 - auc), positives), drawn.exponential(1, negatives)
        areas.append((high[:, None] > low).mean())
    assert np.mean(areas) == pytest.approx(auc, abs=0.005)
    assert np.std(areas) == pytest.approx(other_splits.deviation_by_rows(auc, positives, negatives), rel=0.05)


def test_a_published_figure_is_compared_with_one_more_split():
    values = [0.80, 0.81, 0.83, 0.82]
    t = (0.84 - np.mean(values)) / (np.std(values, ddof=1) * math.sqrt(1 + 1 / 4))
    assert other_splits.prediction_p(values, 0.84) == pytest.approx(2 * (1 - stats.t.cdf(t, 3)))
    assert other_splits.prediction_p([0.8], 0.84) is None is other_splits.prediction_p([0.8, 0.8], 0.84)
    given, others = records([(0, 0.80), (1, 0.81)]), records([(0, value) for value in values])
    near, far = (
        other_splits.row_of('fm', given, others, Figures(auc, 1 - auc), positives=60, negatives=40)
        for auc in (0.84, 0.9)
    )
    assert [near['verdict'], far['verdict']] == [comparison.verdict(True), comparison.verdict(False)]
    auc, logloss = other_splits.cells(near)
    assert auc[:3] == ['fm', 'AUC', '0.8050 ± 0.0071'] and auc[3] == f'{near["auc_by_rows"]:.4f}'
    assert auc[4:9] == ['0.8150 ± 0.0129', '0.8000', '0.8300', '4', '0.8400']
    expected = 2 * (1 - stats.norm.cdf((0.84 - 0.805) / (math.sqrt(2) * near['auc_by_rows'])))
    assert near['auc_p_by_rows'] == pytest.approx(expected)
    assert logloss[1] == 'logloss' and logloss[-1] == ''
