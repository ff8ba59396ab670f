"""Curves equal scikit-learn's, intervals cover and have the width of their formulas, and segments are loops."""

import itertools
import math

import numpy as np
import pytest
from sklearn import metrics as theirs

from autoint_jax.evaluation import calibration, curves, intervals, metrics, segments


def made_up(rows, decimals=6, rate=0.3, seed=0):
    """Logits float32 and labels, of a model that knows something."""
    rng = np.random.default_rng(seed)
    logits = np.round(rng.normal(math.log(rate / (1 - rate)), 1.0, rows), decimals).astype(np.float32)
    return logits, (rng.random(rows) < calibration.probabilities(logits)).astype(np.float32)


@pytest.mark.parametrize('decimals', [1, 6], ids=['ties', 'no ties'])
def test_curves_of_few_rows_equal_scikit_learn(decimals):
    logits, labels = made_up(300, decimals)
    false, true, _ = theirs.roc_curve(labels, logits, drop_intermediate=False)
    found = curves.roc(logits, labels)
    np.testing.assert_allclose(found.x, false)
    np.testing.assert_allclose(found.y, true)
    precision, recall, _ = theirs.precision_recall_curve(labels, logits)
    found = curves.precision_recall(logits, labels)
    np.testing.assert_allclose(found.x, recall[::-1])
    np.testing.assert_allclose(found.y[1:], precision[::-1][1:])


def test_curves_of_many_rows_are_thinned_but_have_the_same_area():
    logits, labels = made_up(20_000)
    found = curves.roc(logits, labels)
    assert 300 < len(found.x) <= curves.MOST_POINTS and (found.x[0], found.y[0], found.x[-1], found.y[-1]) == (
        0,
        0,
        1,
        1,
    )
    assert np.trapezoid(found.y, found.x) == pytest.approx(theirs.roc_auc_score(labels, logits), abs=1e-3)
    assert len(curves.precision_recall(logits, labels).x) <= curves.MOST_POINTS
    assert np.isnan(curves.roc(logits, np.zeros(20_000)).y).all() and len(curves.roc([], []).x) == 1


def test_calibration_bins_are_those_of_the_error():
    logits, labels = made_up(997, 2)
    found = curves.calibration_bins(logits, labels)
    gaps = np.abs(found.predicted - found.observed) * found.rows
    assert gaps.sum() / 997 == pytest.approx(calibration.calibration_error(logits, labels), abs=1e-12)
    assert found.rows.sum() == 997 and found.rows.max() <= 1.2 * 997 / 15 and (np.diff(found.predicted) > 0).all()
    assert ((found.low < found.observed) & (found.observed < found.high)).all()


def test_rates_have_wilsons_intervals():
    low, high = intervals.rate_interval(np.array([0, 7, 20]), np.array([10, 10, 20]))
    for end, wanted in ((low, (0.0, 0.3968, 0.8389)), (high, (0.2775, 0.8922, 1.0))):
        np.testing.assert_allclose(end, wanted, atol=1e-4)
    square = 1.959964**2
    for end in (low[1], high[1]):  # where the normal test of the rate is at its limit
        assert (0.7 - end) ** 2 == pytest.approx(square * end * (1 - end) / 10, abs=1e-6)


def test_the_variance_of_an_area_equals_loops():
    logits, labels = made_up(60, 1)
    positives, negatives = logits[labels == 1], logits[labels == 0]
    wins = np.array([[(p > n) + (p == n) / 2 for n in negatives] for p in positives])
    deviation = math.sqrt(wins.mean(1).var(ddof=1) / len(positives) + wins.mean(0).var(ddof=1) / len(negatives))
    found = intervals.auc_interval(logits, labels)
    assert found.value == pytest.approx(wins.mean())
    assert (found.low, found.high) == pytest.approx(
        (wins.mean() - 1.959964 * deviation, min(1, wins.mean() + 1.959964 * deviation))
    )
    assert math.isnan(intervals.auc_interval([0.0, 1.0], [1, 1]).value)
    assert math.isnan(intervals.auc_interval([0.0, 1.0], [0, 1]).low)


def test_the_loss_of_an_area_has_the_interval_of_pairs():
    """Scores that change little lose little, with an interval far narrower than that of either area."""
    logits, labels = made_up(80, 1)
    changed = logits + np.random.default_rng(4).normal(0, 0.3, 80).astype(np.float32)
    found = intervals.auc_loss(logits, changed, labels)
    areas = [theirs.roc_auc_score(labels, scores) for scores in (logits, changed)]
    assert found.value == pytest.approx(areas[0] - areas[1])
    both = [
        np.array([[(p > n) + (p == n) / 2 for n in scores[labels == 0]] for p in scores[labels == 1]])
        for scores in (logits, changed)
    ]
    gaps = both[0] - both[1]
    deviation = math.sqrt(sum(gaps.mean(axis).var(ddof=1) / gaps.shape[1 - axis] for axis in (0, 1)))
    assert (found.low, found.high) == pytest.approx(
        (found.value - 1.959964 * deviation, found.value + 1.959964 * deviation)
    )
    area = intervals.auc_interval(logits, labels)
    assert found.high - found.low < (area.high - area.low) / 2
    assert intervals.auc_loss(logits, logits, labels) == (0, 0, 0)


def test_bootstrap_intervals_have_the_width_of_theory(monkeypatch):
    logits, labels = made_up(2000)
    names = ['auc', 'logloss', 'pr_auc', 'normalized_entropy', 'calibration', 'calibration_error', 'group_auc']
    found = intervals.with_intervals(names, logits, labels, resamples=400)
    assert list(found) == names[:-1]  # rows of a group are not resampled one by one
    whole = metrics.figures(names[:-1], intervals.scored_rows(logits, labels))
    for name, figure in found.items():
        assert figure.value == whole[name] and figure.low < figure.value < figure.high
    losses = np.logaddexp(0, np.where(labels == 1, -logits, logits).astype(np.float64))
    assert found['logloss'].value == pytest.approx(losses.mean())
    width = 2 * 1.96 * losses.std() / math.sqrt(2000)
    assert found['logloss'].high - found['logloss'].low == pytest.approx(width, rel=0.15)
    area = intervals.auc_interval(logits, labels)
    assert found['auc'].high - found['auc'].low == pytest.approx(area.high - area.low, rel=0.15)

    monkeypatch.setattr(intervals, 'MOST_ROWS', 500)  # a part of the rows gives an interval of the same width
    part = intervals.with_intervals(names[:2], logits, labels, resamples=400)
    assert part['auc'].value == found['auc'].value
    assert part['auc'].high - part['auc'].low == pytest.approx(area.high - area.low, rel=0.25)


def test_figures_that_are_not_defined_have_no_interval():
    found = intervals.with_intervals(['auc', 'logloss'], *map(np.array, ([0.0, 1.0], [1, 1])))
    assert np.isnan(found['auc']).all() and found['logloss'].low <= found['logloss'].value
    assert np.isnan(intervals.with_intervals(['logloss'], np.zeros(0), np.zeros(0))['logloss']).all()


def test_segments_equal_loops():
    logits, labels = made_up(500, 2)
    keys = np.random.default_rng(1).choice([0, 1, 3], 500)
    found = segments.segments('colour', keys, ['red', 'green', 'none', 'blue'], logits, labels)
    assert [(one.by, one.value) for one in found] == [('colour', 'red'), ('colour', 'green'), ('colour', 'blue')]
    for one, key in zip(found, (0, 1, 3), strict=True):
        own, wanted = logits[keys == key].astype(np.float64), labels[keys == key]
        assert (one.rows, one.positives) == (len(own), wanted.sum())
        assert (one.observed, one.predicted) == pytest.approx((wanted.mean(), (1 / (1 + np.exp(-own))).mean()))
        assert one.auc == pytest.approx(theirs.roc_auc_score(wanted, own)) and one.low < one.auc < one.high
        assert one.logloss == pytest.approx(theirs.log_loss(wanted, 1 / (1 + np.exp(-own))))


def test_deciles_hold_a_tenth_of_the_rows_each():
    logits, labels = made_up(1000)
    found = segments.by_decile(logits, labels)
    assert [one.rows for one in found] == [100] * 10 and [one.value for one in found] == list(map(str, range(1, 11)))
    order = np.argsort(logits)
    for one, rows in zip(found, np.split(order, 10), strict=True):
        assert one.positives == labels[rows].sum()
    assert all(one.predicted < other.predicted for one, other in itertools.pairwise(found))


def test_rows_are_parted_by_their_rarest_id():
    times = np.array([0, 1, 9, 10, 99, 100, 999, 1000, 10**6])
    found = segments.by_rarity(times, np.zeros(9), np.zeros(9))
    assert [one.rows for one in found] == [1, 2, 2, 2, 2]
    assert found[0].value == 'unknown or never in training' and found[-1].value == '1,000 times and more'


def test_group_auc_names_its_groups():
    logits, labels = made_up(400)
    groups = np.random.default_rng(2).integers(0, 5, 400)
    found = segments.group_auc('user', groups, logits, labels)
    areas = [theirs.roc_auc_score(labels[groups == own], logits[groups == own]) for own in range(1, 5)]
    sizes = [(groups == own).sum() for own in range(1, 5)]
    assert (found.key, found.groups, found.share) == ('user', 4, sum(sizes) / 400)
    assert (found.plain, found.weighted) == pytest.approx((np.mean(areas), np.average(areas, weights=sizes)))
