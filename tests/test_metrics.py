import math

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from autoint_jax.evaluation import metrics


@pytest.mark.parametrize('decimals', [0, 1, 6], ids=['many ties', 'some ties', 'no ties'])
def test_auc_and_logloss_equal_scikit_learn(decimals):
    rng = np.random.default_rng(3)
    labels = (rng.random(4999) < 0.02).astype(np.float32)
    logits = np.round(rng.normal(size=4999) + labels, decimals).astype(np.float32)
    assert metrics.auc(logits, labels) == pytest.approx(roc_auc_score(labels, logits), abs=1e-12)
    probability = 1 / (1 + np.exp(-logits.astype(np.float64)))
    assert metrics.logloss(logits, labels) == pytest.approx(log_loss(labels, probability), abs=1e-9)


def test_auc_by_hand():
    # Positives 0.4, 0.8; negatives 0.1, 0.4: pairs won 1 + 1 + 1, one tie = 0.5.
    assert metrics.auc([0.1, 0.4, 0.4, 0.8], [0, 0, 1, 1]) == 3.5 / 4


def test_auc_does_not_change_under_increasing_maps():
    rng = np.random.default_rng(5)
    logits, labels = rng.normal(size=997), rng.random(997) < 0.3
    assert metrics.auc(logits, labels) == metrics.auc(np.exp(logits) * 0.01, labels)


def test_auc_of_one_class_is_an_explained_nan():
    area = metrics.auc([0.1, 0.2], [1, 1])
    assert math.isnan(area) and metrics.shown_auc(area, 4) == 'not defined (one class only)'


def test_logloss_of_extreme_logits_is_finite_and_exact():
    assert metrics.logloss([1000.0, -1000.0], [0, 1]) == 1000.0
