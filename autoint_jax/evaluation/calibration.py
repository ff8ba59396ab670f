"""Metrics of predicted probabilities: the logloss, and how close predictions are to observed rates."""

import math

import numpy as np

from autoint_jax.evaluation.metric import HIGHER, LOGITS, LOWER, TOTALS, Metric, Totals, of_logits, of_totals
from autoint_jax.evaluation.ranking import auc_of_totals

# Bins of the calibration error, as many as Guo et al. use (ICML 2017).
BINS = 15
POSITIVE = (0.0, math.inf)  # the bounds of a loss or a ratio


def mean_loss(totals: Totals) -> float:
    """Returns the logloss (Eq. 10), in nats; NaN without rows."""
    rows = totals.positives + totals.negatives
    return totals.loss / rows if rows else float('nan')


def logloss(logits: np.ndarray, labels: np.ndarray) -> float:
    """Computes the logloss in NumPy: the mean of -log p(label) (Eq. 10), in nats, in float64, without clipping.

    Args:
      logits: [rows].
      labels: [rows], 0 or 1.
    """
    logits, labels = np.asarray(logits, np.float64), np.asarray(labels, np.float64)
    return float(np.mean(np.logaddexp(0, logits) - labels * logits))


def normalized_entropy(totals: Totals) -> float:
    """Returns the logloss divided by that of a constant prediction, the split's rate of positives.

    Below 1, the model is better than the constant prediction (He et al., ADKDD 2014). NaN if only one class is present.
    """
    rows = totals.positives + totals.negatives
    shares = [count / rows for count in (totals.positives, totals.negatives) if count]
    return mean_loss(totals) / -sum(share * math.log(share) for share in shares) if len(shares) == 2 else float('nan')


def auc_minus_logloss(totals: Totals) -> float:
    """Returns the AUC minus the mean logloss in nats, by which FuxiCTR and BARS choose and stop."""
    return auc_of_totals(totals) - mean_loss(totals)


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Returns the predicted probabilities of label 1, float64 [rows], from logits [rows]."""
    return np.exp(-np.logaddexp(0, -np.asarray(logits, np.float64)))


def calibration(logits: np.ndarray, labels: np.ndarray) -> float:
    """Returns the mean predicted probability divided by the rate of positives (He et al., ADKDD 2014); 1 is best.

    Args:
      logits: [rows].
      labels: [rows], 0 or 1.

    Returns:
      The ratio, or NaN if there is no positive.
    """
    positives = int((np.asarray(labels) > 0.5).sum())
    return float(probabilities(logits).sum() / positives) if positives else float('nan')


def equal_mass_bins(logits: np.ndarray, bins: int) -> np.ndarray:
    """Puts rows into bins of about equally many rows, by the rank of their score: numbers int64 [rows], 0 the lowest.

    Rows of the same score share their mean rank, and so their bin: the order of rows changes nothing.
    """
    _, tie, size = np.unique(np.asarray(logits), return_inverse=True, return_counts=True)
    mean_rank = 2 * np.cumsum(size) - size - 1  # from 0, doubled: a whole number
    return (mean_rank * bins // max(2 * len(tie), 1))[tie]


def calibration_error(logits: np.ndarray, labels: np.ndarray, bins: int = BINS) -> float:
    """Returns the expected calibration error in bins of equally many rows (Nixon et al., CVPR workshops 2019).

    It is the mean over rows of |mean prediction - rate of positives| of the row's bin, as `equal_mass_bins` makes bins.

    Args:
      logits: [rows].
      labels: [rows], 0 or 1.
      bins: the number of bins.

    Returns:
      The error, from 0 to 1, or NaN without rows.
    """
    if not len(logits):
        return float('nan')
    gaps = np.bincount(
        equal_mass_bins(logits, bins), probabilities(logits) - (np.asarray(labels) > 0.5), minlength=bins
    )
    return float(np.abs(gaps).sum() / len(logits))


CALIBRATION = (
    Metric('logloss', 'logloss', LOWER, TOTALS, of_totals(mean_loss), POSITIVE, 'no row'),
    Metric(
        'normalized_entropy',
        'normalized entropy',
        LOWER,
        TOTALS,
        of_totals(normalized_entropy),
        POSITIVE,
        of_shares=True,
    ),
    Metric('auc_minus_logloss', 'AUC - logloss', HIGHER, TOTALS, of_totals(auc_minus_logloss), (-math.inf, 1.0)),
    Metric(
        'calibration', 'calibration', None, LOGITS, of_logits(calibration), POSITIVE, 'no positive row', of_shares=True
    ),
    Metric(
        'calibration_error',
        'calibration error',
        LOWER,
        LOGITS,
        of_logits(calibration_error),
        (0.0, 1.0),
        'no row',
        of_shares=True,
    ),
)
