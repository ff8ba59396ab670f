"""Metrics in which each row counts by its weight in the data."""

import math
from collections.abc import Callable

import numpy as np

from autoint_jax.evaluation.metric import HIGHER, LOGITS, LOWER, Metric, Scored


def weighted_auc(logits: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> float:
    """Returns the area under the ROC curve of weighted rows.

    It is the mean over pairs of a positive and a negative row, weighted by the product of their weights, of 1 if the
    positive is scored higher, 1/2 if both have the same score, and 0 otherwise.

    Args:
      logits: [rows], any real scores.
      labels: [rows], 0 or 1.
      weights: [rows], not negative.

    Returns:
      The area, or NaN if a class has no weight.
    """
    positive = np.asarray(labels) > 0.5
    of_score = np.unique(np.asarray(logits), return_inverse=True)[1]
    weights = np.asarray(weights, np.float64)
    positives, negatives = (np.bincount(of_score, np.where(own, weights, 0.0)) for own in (positive, ~positive))
    pairs = positives.sum() * negatives.sum()
    return float(positives @ (np.cumsum(negatives) - negatives / 2) / pairs) if pairs else math.nan


def weighted_logloss(logits: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> float:
    """Returns the logloss of weighted rows: the sum of weight times loss (Eq. 10) over the sum of weights, in nats.

    Args:
      logits: [rows].
      labels: [rows], from 0 to 1.
      weights: [rows], not negative.

    Returns:
      The logloss, or NaN if no row has a weight.
    """
    logits, labels = np.asarray(logits, np.float64), np.asarray(labels, np.float64)
    weights = np.asarray(weights, np.float64)
    losses = labels * np.logaddexp(0, -logits) + (1 - labels) * np.logaddexp(0, logits)
    return float(weights @ losses / weights.sum()) if weights.any() else math.nan


def _of_weights(function: Callable[[np.ndarray, np.ndarray, np.ndarray], float], *, soft: bool) -> Callable:
    """Returns a `Metric.of` that calls a function of logits, labels and weights; NaN if rows have no weights.

    With `soft` it takes soft labels where there are any.
    """

    def of(scored: Scored) -> float:
        if not len(scored.row_weights):
            return math.nan
        labels = scored.soft_labels if soft and len(scored.soft_labels) else scored.labels
        return function(scored.logits, labels, scored.row_weights)

    return of


NO_WEIGHT = 'no weights of both classes'
WEIGHTED = (
    Metric(
        'weighted_auc',
        'weighted AUC',
        HIGHER,
        LOGITS,
        _of_weights(weighted_auc, soft=False),
        (0.0, 1.0),
        NO_WEIGHT,
        weighted=True,
    ),
    Metric(
        'weighted_logloss',
        'weighted logloss',
        LOWER,
        LOGITS,
        _of_weights(weighted_logloss, soft=True),
        (0.0, math.inf),
        'no weights',
        weighted=True,
    ),
)
