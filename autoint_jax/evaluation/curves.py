"""Curves that show the quality of predictions: ROC, precision and recall, and calibration."""

import numpy as np

from autoint_jax.evaluation.calibration import BINS, equal_mass_bins, probabilities
from autoint_jax.evaluation.intervals import rate_interval
from autoint_jax.evaluation.quality import CalibrationBins, Curve

MOST_POINTS = 400


def roc(logits: np.ndarray, labels: np.ndarray) -> Curve:
    """Returns the ROC curve: the true positive rate over the false positive rate, from (0, 0) to (1, 1).

    Of more than MOST_POINTS thresholds, points at equal distances along the curve are kept. Both rates are NaN if a
    class is missing.

    Args:
      logits: [n].
      labels: [n], 0 or 1.
    """
    found, passed = _thresholds(logits, labels)
    positives, negatives = int(found[-1]), int(passed[-1] - found[-1])
    with np.errstate(invalid='ignore'):
        x, y = (passed - found) / np.float64(negatives), found / np.float64(positives)
    return _thinned(Curve(x, y))


def precision_recall(logits: np.ndarray, labels: np.ndarray) -> Curve:
    """Returns precision over recall, from the highest threshold down; the first point has the second's precision.

    Args:
      logits: [n].
      labels: [n], 0 or 1.
    """
    found, passed = _thresholds(logits, labels)
    with np.errstate(invalid='ignore'):
        recall, precision = found / np.float64(found[-1]), found[1:] / passed[1:]
    return _thinned(Curve(recall, np.append(precision[:1], precision)))


def calibration_bins(logits: np.ndarray, labels: np.ndarray, bins: int = BINS) -> CalibrationBins:
    """Returns predictions beside observed rates, in the bins of the calibration error; bins without rows are left out.

    Args:
      logits: [n].
      labels: [n], 0 or 1.
      bins: the number of bins.
    """
    number = equal_mass_bins(logits, bins)
    rows = np.bincount(number, minlength=bins)
    positives = np.bincount(number, np.asarray(labels) > 0.5, minlength=bins)
    predicted = np.bincount(number, probabilities(logits), minlength=bins)
    there = rows > 0
    rows, positives, predicted = rows[there], positives[there], predicted[there]
    low, high = rate_interval(positives, rows)
    return CalibrationBins(predicted / rows, positives / rows, low, high, rows)


def _thresholds(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns how many positives and how many rows are at or above each threshold, int [t + 1], from 0 up."""
    scores = np.asarray(logits)
    order = np.argsort(-scores, kind='stable')
    scores, found = scores[order], np.cumsum(np.asarray(labels)[order] > 0.5)
    last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True)) if len(scores) else np.zeros(0, np.int64)
    return np.append(0, found[last]), np.append(0, last + 1)


def _thinned(curve: Curve) -> Curve:
    """Returns at most MOST_POINTS points of a curve, about equally far apart along it, its ends among them."""
    if len(curve.x) <= MOST_POINTS or not np.isfinite([curve.x, curve.y]).all():
        return Curve(curve.x[:MOST_POINTS], curve.y[:MOST_POINTS])
    length = np.append(0.0, np.cumsum(np.abs(np.diff(curve.x)) + np.abs(np.diff(curve.y))))
    kept = np.unique(np.searchsorted(length, np.linspace(0, length[-1], MOST_POINTS - 1)))
    kept = np.unique(np.append(kept, len(length) - 1))
    return Curve(curve.x[kept], curve.y[kept])
