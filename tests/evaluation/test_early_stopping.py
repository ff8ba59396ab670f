"""Early stopping, plateaus and the best evaluation follow from the values of the monitored metric."""

import pytest

from autoint_jax.evaluation.evaluation import Evaluation
from autoint_jax.evaluation.stopping import best_evaluation, plateaus, should_stop, since_the_best


@pytest.mark.parametrize(
    'loglosses, stops',
    [
        ([5, 4, 3, 4, 5, 6], False),
        ([3, 4, 5, 6, 7], True),
        ([3, 4, 5, 4.5, 5, 6, 7], False),
        ([3, 3, 3, 3, 3], False),
        ([], False),
    ],
)
def test_training_ends_after_four_successive_increases(loglosses, stops):
    assert should_stop(loglosses, 'logloss', 4) == stops
    assert not should_stop(loglosses, 'logloss', 0)


@pytest.mark.parametrize(
    'loglosses, waited, cuts',
    [
        ([], 0, 0),
        ([5, 4, 3], 0, 0),
        ([3, 4, 3.5, 3.2], 3, 1),  # better than the one before, but not than the best
        ([3, 3, 2, 2, 2, 2, 2], 4, 2),
        ([3, 4, 4, 1, 2, 1], 2, 2),
        ([float('nan'), 3, float('nan')], 1, 0),
    ],
)
def test_patience_counts_evaluations_since_the_best_one(loglosses, waited, cuts):
    assert since_the_best(loglosses, 'logloss') == waited and plateaus(loglosses, 'logloss', 2) == cuts
    assert since_the_best([-value for value in loglosses], 'auc') == waited
    assert should_stop(loglosses, 'logloss', 0, patience=2) == (waited >= 2)
    assert not should_stop(loglosses, 'logloss', 0, patience=waited + 1)


def test_a_metric_of_which_higher_is_better_stops_by_its_decreases():
    falling = [-value for value in (3, 4, 5, 6, 7)]
    assert should_stop(falling, 'auc', 4) and not should_stop(falling, 'logloss', 4)
    assert not should_stop([0.5, 0.5, 0.5], 'auc', 1) and not should_stop([float('nan')] * 3, 'auc', 1)


@pytest.mark.parametrize(
    'monitor, values, best',
    [
        ('logloss', (3, 2, 2), 2),
        ('auc', (0.5, 0.7, 0.7), 2),
        ('auc', (float('nan'), 0.5, 0.6), 3),
        ('auc', (float('nan'), float('nan')), 1),
    ],
)
def test_the_first_best_value_of_the_monitor_is_best(monitor, values, best):
    evaluations = [Evaluation(step, 1.0, 0.5, {monitor: value}) for step, value in enumerate(values, start=1)]
    assert best_evaluation(evaluations, monitor).step == best
