"""Exact metrics of whole splits, from logits."""

import numpy as np


def auc(logits: np.ndarray, labels: np.ndarray) -> float:
    """Exact area under the ROC curve: P(positive scores above negative), ties count one half.

    From ranks (Mann-Whitney U), so invariant under any increasing map of the scores.

    Args:
      logits: [rows], any real scores.
      labels: [rows], 0 or 1.

    Returns:
      The area, or NaN where only one class is present and it is not defined.
    """
    positive = np.asarray(labels) > 0.5
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        return float('nan')
    _, group, size = np.unique(np.asarray(logits), return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(size) - (size - 1) / 2  # ranks from 1; tied rows share their mean
    rank_sum = mean_rank[group][positive].sum()
    return float((rank_sum - positives * (positives + 1) / 2) / (positives * negatives))


def logloss(logits: np.ndarray, labels: np.ndarray) -> float:
    """Mean of -log p(label) (Eq. 10), in nats, computed from logits in float64, without clipping."""
    logits, labels = np.asarray(logits, np.float64), np.asarray(labels, np.float64)
    return float(np.mean(np.logaddexp(0, logits) - labels * logits))


def summary(logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """The figures every evaluation reports."""
    return {'auc': auc(logits, labels), 'logloss': logloss(logits, labels)}


def shown_auc(area: float, digits: int) -> str:
    """The area for a person, with the reason where it is not defined."""
    return 'not defined (one class only)' if np.isnan(area) else f'{area:.{digits}f}'
