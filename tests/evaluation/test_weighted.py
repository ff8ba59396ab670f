"""Weighted metrics and the logloss of soft labels, against loops."""

import math
from typing import NamedTuple

import jax
import numpy as np
import pytest

from autoint_jax.errors import UsageError
from autoint_jax.evaluation import calibration, ranking, sums, weighted
from autoint_jax.evaluation.measures import measures
from autoint_jax.evaluation.metric import Totals
from autoint_jax.evaluation.metrics import METRICS
from autoint_jax.schema import CATEGORICAL, FieldSpec, Schema
from autoint_jax.scoring.figures import RunningFigures

ROWS = 61
FIELDS = FieldSpec('a', CATEGORICAL, 3)
RNG = np.random.default_rng(3)
LOGITS = np.round(RNG.normal(size=ROWS), 1).astype(np.float32)  # some are tied
SOFT = RNG.random(ROWS).astype(np.float32)
LABELS = (SOFT > 0.4).astype(np.float32)
WEIGHTS = RNG.exponential(size=ROWS).astype(np.float32)


def entropy(soft, logit):
    p = 1 / (1 + math.exp(-logit))
    return -soft * math.log(p) - (1 - soft) * math.log(1 - p)


def test_weighted_metrics_equal_loops():
    won = pairs = 0.0
    for i in range(ROWS):
        for j in range(ROWS):
            if LABELS[i] and not LABELS[j]:
                weight = float(WEIGHTS[i]) * float(WEIGHTS[j])
                pairs += weight
                won += weight * (float(LOGITS[i] > LOGITS[j]) + 0.5 * float(LOGITS[i] == LOGITS[j]))
    assert weighted.weighted_auc(LOGITS, LABELS, WEIGHTS) == pytest.approx(won / pairs, rel=1e-12)
    rows = zip(SOFT.tolist(), LOGITS.tolist(), WEIGHTS.tolist(), strict=True)
    losses = [(weight, weight * entropy(soft, logit)) for soft, logit, weight in rows]
    expected = sum(loss for _, loss in losses) / sum(weight for weight, _ in losses)
    assert weighted.weighted_logloss(LOGITS, SOFT, WEIGHTS) == pytest.approx(expected, rel=1e-10)
    ones = np.ones(ROWS)
    assert weighted.weighted_auc(LOGITS, LABELS, ones) == pytest.approx(ranking.auc(LOGITS, LABELS), rel=1e-12)
    assert weighted.weighted_logloss(LOGITS, LABELS, ones) == pytest.approx(calibration.logloss(LOGITS, LABELS))
    assert math.isnan(weighted.weighted_auc(LOGITS, LABELS, LABELS))


def test_the_logloss_is_that_of_soft_labels_and_the_order_that_of_hard_ones():
    expected = sum(entropy(soft, logit) for soft, logit in zip(SOFT.tolist(), LOGITS.tolist(), strict=True))
    found = sums.totals(jax.jit(sums.sums)(LOGITS, LABELS, SOFT))
    assert found.loss == pytest.approx(expected, rel=1e-6)
    assert ranking.auc_of_totals(found) == pytest.approx(ranking.auc(LOGITS, LABELS), abs=1e-12)
    running = RunningFigures()
    running.add(LOGITS, LABELS, SOFT)
    assert running.figures()['logloss'] == pytest.approx(expected / ROWS, rel=1e-10)


def test_weighted_rows_always_have_weighted_metrics_and_others_never():
    names = ('auc', 'logloss', 'weighted_auc', 'weighted_logloss')
    found = measures((), '', Schema((FIELDS,), ('row_weights',)))
    assert found.names == names and found.keep_logits
    assert measures((), '', Schema((FIELDS,))).names == names[:2]
    with pytest.raises(UsageError, match=r"'weighted_auc' needs weights of rows, and this data has none"):
        measures(('weighted_auc',), '', Schema((FIELDS,)))
    with pytest.raises(UsageError, match=r"'calibration' compares .* labels of this data are soft"):
        measures(('calibration',), '', Schema((FIELDS,), ('soft_labels',)))


class Rows(NamedTuple):
    """The rows of a split."""

    ids: np.ndarray
    labels: np.ndarray
    row_weights: np.ndarray | None
    soft_labels: np.ndarray | None = None


@pytest.mark.parametrize('name', METRICS)
def test_a_metric_that_no_scores_can_have_is_told_by_the_rows_alone(name):
    """Whatever is NaN for random scores is refused before there are any, and nothing else is."""
    metric, groups = METRICS[name], np.arange(ROWS, dtype=np.int32)[:, None] % 3
    measured = measures((name,), 'a', Schema((FIELDS,), ('row_weights',)))
    for labels, weights in (
        (LABELS, WEIGHTS),
        (LABELS, 0 * WEIGHTS),
        (LABELS, LABELS),
        (0 * LABELS, WEIGHTS),
        (np.ones_like(LABELS), WEIGHTS),
        ((groups[:, 0] == 1).astype(np.float32), WEIGHTS),
    ):
        rows = Rows(groups, labels, weights)
        positives = int(labels.sum())
        value = metric.of(measured._scored(Totals(ROWS - positives, positives, 1, 30.0), LOGITS, rows))
        if math.isnan(value):
            with pytest.raises(
                UsageError, match=rf'^asked=x is not defined on .*\({metric.undefined}\): choose another'
            ):
                measured.check_defined(name, rows, 'asked=x')
        else:
            measured.check_defined(name, rows, 'asked=x')
