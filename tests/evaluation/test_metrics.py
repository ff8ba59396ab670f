"""Every metric against scikit-learn or a plain loop, and the table that names them."""

import math

import numpy as np
import pytest

from autoint_jax.errors import UsageError
from autoint_jax.evaluation import calibration, metrics, ranking
from autoint_jax.evaluation.measures import Measures, measures
from autoint_jax.evaluation.metric import GROUPS, LOGITS, TOTALS, Scored, Totals, of_groups
from autoint_jax.evaluation.metrics import METRICS
from autoint_jax.schema import CATEGORICAL, MULTIVALUED, NUMERIC, FieldSpec, Schema

NAN = float('nan')


@pytest.fixture(scope='module')
def theirs():
    """The metrics of scikit-learn, whose import takes a second: only the process of these tests needs it."""
    from sklearn import metrics

    return metrics


TIES = pytest.mark.parametrize('decimals', [0, 1, 6], ids=['many ties', 'some ties', 'no ties'])


def made_up(decimals, rows=4999, rate=0.02):
    """Logits float32 and labels, of a model that knows something."""
    rng = np.random.default_rng(3)
    labels = (rng.random(rows) < rate).astype(np.float32)
    return np.round(rng.normal(size=rows) + labels, decimals).astype(np.float32), labels


@TIES
def test_auc_and_logloss_equal_scikit_learn(theirs, decimals):
    logits, labels = made_up(decimals)
    assert ranking.auc(logits, labels) == pytest.approx(theirs.roc_auc_score(labels, logits), abs=1e-12)
    probability = 1 / (1 + np.exp(-logits.astype(np.float64)))
    assert calibration.logloss(logits, labels) == pytest.approx(theirs.log_loss(labels, probability), abs=1e-9)


def test_auc_by_hand():
    # Positives 0.4, 0.8; negatives 0.1, 0.4: pairs won 1 + 1 + 1, one tie = 0.5.
    assert ranking.auc([0.1, 0.4, 0.4, 0.8], [0, 0, 1, 1]) == 3.5 / 4


def test_auc_does_not_change_under_increasing_maps():
    rng = np.random.default_rng(5)
    logits, labels = rng.normal(size=997), rng.random(997) < 0.3
    assert ranking.auc(logits, labels) == ranking.auc(np.exp(logits) * 0.01, labels)


def test_auc_of_one_class_is_an_explained_nan():
    area = ranking.auc([0.1, 0.2], [1, 1])
    assert math.isnan(area) and METRICS['auc'].shown(area) == 'not defined (one class only)'


def test_logloss_of_extreme_logits_is_finite_and_exact():
    assert calibration.logloss([1000.0, -1000.0], [0, 1]) == 1000.0


@TIES
def test_average_precision_equals_scikit_learn(theirs, decimals):
    logits, labels = made_up(decimals)
    assert ranking.average_precision(logits, labels) == pytest.approx(
        theirs.average_precision_score(labels, logits), abs=1e-12
    )


def test_average_precision_by_hand():
    # Thresholds 0.8 (1 of 1), 0.4 (2 of 3, a tie), 0.1: half of the recall at precision 1, half at 2/3.
    assert ranking.average_precision([0.1, 0.4, 0.4, 0.8], [0, 0, 1, 1]) == pytest.approx(1 / 2 + 1 / 2 * 2 / 3)
    assert ranking.average_precision([0.1, 0.2], [1, 1]) == 1.0
    assert math.isnan(ranking.average_precision([0.1, 0.2], [0, 0])) and math.isnan(ranking.average_precision([], []))


def test_normalized_entropy_is_the_logloss_over_that_of_the_base_rate(theirs):
    logits, labels = made_up(6)
    rate, loss = labels.mean(dtype=np.float64), calibration.logloss(logits, labels)
    constant = theirs.log_loss(labels, np.full(len(labels), rate))
    positives = int(labels.sum())
    totals = Totals(len(labels) - positives, positives, 0, loss * len(labels))
    assert calibration.normalized_entropy(totals) == pytest.approx(loss / constant, rel=1e-9)
    assert calibration.normalized_entropy(
        Totals(3, 1, 0, 4 * theirs.log_loss([0, 0, 0, 1], [0.25] * 4))
    ) == pytest.approx(1)
    assert math.isnan(calibration.normalized_entropy(Totals(3, 0, 0, 1.0)))


def test_calibration_is_predicted_over_observed():
    assert calibration.calibration([0.0, 0.0, 0.0, 0.0], [1, 0, 0, 0]) == 2.0
    logits, labels = made_up(6)
    predicted = (1 / (1 + np.exp(-logits.astype(np.float64)))).mean()
    assert calibration.calibration(logits, labels) == pytest.approx(
        predicted / labels.mean(dtype=np.float64), rel=1e-12
    )
    assert calibration.calibration([1000.0, -1000.0], [1, 0]) == 1.0
    assert math.isnan(calibration.calibration([0.1], [0]))


def test_calibration_error_without_ties_is_that_of_equal_parts_of_the_sorted_rows():
    logits, labels = made_up(6, rows=3000)
    order = np.argsort(logits)
    probability = 1 / (1 + np.exp(-logits.astype(np.float64)))
    assert len(np.unique(logits)) > 2990  # rounding to float32 leaves some ties, within a bin
    gaps = [
        abs(probability[part].mean() - labels[part].mean(dtype=np.float64)) * len(part) / len(logits)
        for part in np.array_split(order, calibration.BINS)
    ]
    assert calibration.calibration_error(logits, labels) == pytest.approx(sum(gaps), rel=1e-9)


def test_calibration_error_puts_ties_into_one_bin_in_any_order_of_rows():
    logits, labels = made_up(0)
    order = np.random.default_rng(5).permutation(len(logits))
    error = calibration.calibration_error(logits, labels)
    assert calibration.calibration_error(logits[order], labels[order]) == pytest.approx(error, rel=1e-12)
    # All rows are tied, so they are in one bin: 0.5 predicted, 0.25 observed.
    assert calibration.calibration_error([0.0] * 4, [1, 0, 0, 0]) == 0.25
    # Two bins: 0.5 - 0 in the first, 0.5 - 1 in the second; by all rows together there is no error.
    assert calibration.calibration_error([0.0, 1e-9, 2e-9, 3e-9], [0, 0, 1, 1], bins=2) == pytest.approx(0.5)
    assert math.isnan(calibration.calibration_error([], []))


@TIES
def test_group_auc_equals_a_loop_over_groups(theirs, decimals):
    logits, labels = made_up(decimals, rows=2003, rate=0.3)
    groups = np.random.default_rng(7).zipf(1.5, 2003) % 401  # some large, many of one row, and 0
    areas, rows = [], []
    for group in set(groups.tolist()) - {0}:
        chosen = groups == group
        if 0 < labels[chosen].sum() < chosen.sum():
            areas.append(theirs.roc_auc_score(labels[chosen], logits[chosen]))
            rows.append(chosen.sum())
    found = ranking.group_areas(logits, labels, groups)
    assert (groups == 0).any() and 10 < len(areas) < len(set(groups.tolist())) - 10
    assert found.weighted == pytest.approx(np.average(areas, weights=rows), abs=1e-12)
    assert found.mean == pytest.approx(np.mean(areas), abs=1e-12)
    assert found.share == pytest.approx(sum(rows) / 2003, abs=1e-12)


def test_group_auc_by_hand():
    # Group 1: the positive wins one pair and ties one, 3/4. Group 2 has one class. Group 0 is the unknown value.
    found = ranking.group_areas([0.5, 0.5, 0.1, 9, 8, 3], [1, 0, 0, 1, 1, 0], np.array([1, 1, 1, 2, 2, 0]))
    assert (found.weighted, found.mean, found.share) == (0.75, 0.75, 0.5)
    none = ranking.group_areas([0.5, 0.1], [1, 0], np.array([0, 1]))
    assert math.isnan(none.weighted) and math.isnan(none.mean) and none.share == 0.0
    nobody = ranking.group_areas([0.5, 0.1], [1, 0], np.array([0, 0]))
    assert math.isnan(nobody.weighted) and nobody.share == 0.0


def test_every_metric_of_the_table_is_within_its_bounds_or_says_why_it_is_not_defined():
    logits, labels = made_up(2, rows=997, rate=0.3)
    groups = np.arange(997) % 31
    positives = int(labels.sum())
    totals = Totals(
        997 - positives,
        positives,
        round(2 * ranking.auc(logits, labels) * positives * (997 - positives)),
        calibration.logloss(logits, labels) * 997,
    )
    values = metrics.figures(METRICS, Scored(totals, labels, logits, groups, row_weights=np.ones(997)))
    assert list(values) == list(METRICS)
    for name, value in values.items():
        assert METRICS[name].name == name and METRICS[name].possible(value) and math.isfinite(value)
        assert METRICS[name].shown(value) == f'{value:.4f}'
    two = Scored(Totals(0, 2, 0, 1.0), np.ones(2), np.array([0.1, 0.2]), np.array([1, 1]))
    ones = metrics.figures(METRICS, two)
    assert values['auc_minus_logloss'] == pytest.approx(
        ranking.auc(logits, labels) - calibration.logloss(logits, labels)
    )
    undefined = {name: METRICS[name].shown(value) for name, value in ones.items() if math.isnan(value)}
    assert undefined == {
        'auc': 'not defined (one class only)',
        'normalized_entropy': 'not defined (one class only)',
        'auc_minus_logloss': 'not defined (one class only)',
        'group_auc': 'not defined (no group has both classes)',
        'group_auc_mean': 'not defined (no group has both classes)',
        'weighted_auc': 'not defined (no weights of both classes)',
        'weighted_logloss': 'not defined (no weights)',
    }
    assert not METRICS['auc'].possible(NAN) and not METRICS['auc'].possible(1.1) and METRICS['logloss'].possible(9.0)


def test_an_evaluation_has_auc_and_logloss_and_what_is_named():
    assert metrics.chosen(()) == ('auc', 'logloss')
    assert metrics.chosen(('pr_auc', 'logloss', 'pr_auc')) == ('auc', 'logloss', 'pr_auc')
    assert [metrics.needed(names) for names in (('auc',), ('auc', 'pr_auc'), ('group_auc', 'auc'))] == [
        TOTALS,
        LOGITS,
        GROUPS,
    ]
    with pytest.raises(UsageError, match=r"unknown metric 'pr_acu' \(did you mean 'pr_auc'\?\); known: auc, pr_auc, "):
        metrics.chosen(('pr_acu',))


def test_figures_are_shown_by_title_digits_and_reason():
    assert metrics.line({'auc': 0.84561, 'logloss': 0.37971}) == 'AUC 0.8456, logloss 0.3797'
    assert metrics.line({'auc': NAN, 'pr_auc': 0.5}, 2, '  ') == 'AUC not defined (one class only)  PR-AUC 0.500000'
    assert list(metrics.in_order({'logloss': 0.4, 'of a later version': 1.0, 'auc': 0.8}).items()) == [
        ('auc', 0.8),
        ('logloss', 0.4),
    ]


FIELDS = Schema(
    (
        FieldSpec('age', NUMERIC),
        FieldSpec('genres', MULTIVALUED, 5, 3),
        FieldSpec('UserID', CATEGORICAL, 7),
        FieldSpec('MovieID', CATEGORICAL, 11),
    )
)


def test_groups_are_the_values_of_a_categorical_field():
    assert measures(('group_auc',), 'MovieID', FIELDS) == Measures(('auc', 'logloss', 'group_auc'), 4)
    assert measures(('group_auc',), 'UserID', FIELDS).slot == 3
    assert not measures((), '', FIELDS).keep_logits and measures(('pr_auc',), '', FIELDS).keep_logits
    for name in ('genres', 'age', 'userid'):
        with pytest.raises(
            UsageError, match=f"'group_auc' groups rows by .* and {name!r} is not one.*: choose one of UserID"
        ):
            measures(('group_auc',), name, FIELDS)
    with pytest.raises(UsageError, match='and none is named: choose one of UserID, MovieID'):
        measures(('group_auc',), '', FIELDS)


def test_metrics_of_groups_share_what_they_are_computed_from():
    calls = []

    def ends(logits, labels, groups):
        calls.append(len(logits))
        return min(groups), max(groups)

    scored = Scored(Totals(1, 1, 2, 1.0), np.array([0, 1]), np.array([0.1, 0.2]), np.array([3, 5]))
    assert [of_groups(ends, lambda found, end=end: found[end])(scored) for end in (0, 1)] == [3, 5] and calls == [2]
