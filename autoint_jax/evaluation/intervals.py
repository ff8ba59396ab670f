"""Intervals of figures: any metric by the bootstrap, an AUC by DeLong's variance, a rate by Wilson's formula."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from autoint_jax.evaluation import metrics
from autoint_jax.evaluation.calibration import logloss
from autoint_jax.evaluation.metric import GROUPS, Scored, Totals
from autoint_jax.evaluation.quality import Interval
from autoint_jax.evaluation.ranking import auc

LEVEL, DEVIATIONS = 0.95, 1.959964  # of an interval; the normal quantile for it
# Resamples of the bootstrap, and the most rows of each. Of a larger split a part is resampled, and the interval of the
# part is narrowed by the square root of its share (the m out of n bootstrap; Bickel et al., Statistica Sinica 1997).
RESAMPLES, MOST_ROWS = 200, 20_000


def scored_rows(logits: np.ndarray, labels: np.ndarray) -> Scored:
    """Returns rows as metrics take them, with sums that are computed in NumPy.

    Args:
      logits: float32 [n].
      labels: [n], 0 or 1.
    """
    positives = int((np.asarray(labels) > 0.5).sum())
    negatives, area = len(labels) - positives, auc(logits, labels)
    won = 0 if np.isnan(area) else round(2 * area * positives * negatives)
    loss = logloss(logits, labels) * len(labels) if len(labels) else 0.0
    return Scored(Totals(negatives, positives, won, loss), np.asarray(labels), np.asarray(logits))


def with_intervals(
    names: Iterable[str], logits: np.ndarray, labels: np.ndarray, seed: int = 0, resamples: int = RESAMPLES
) -> dict[str, Interval]:
    """Returns {name: figure with a 95 % interval} of metrics, by resampling rows.

    The interval is that of the deviations from the median of the resamples, so that a metric that is larger in small
    samples, as the calibration error is, has one around its value.

    Args:
      names: of metrics in the table; those that need groups are left out, because single rows are resampled.
      logits: float32 [n].
      labels: [n], 0 or 1.
      seed: of the resamples.
      resamples: their number.
    """
    chosen = [name for name in names if metrics.metric(name).needs != GROUPS]
    whole = metrics.figures(chosen, scored_rows(logits, labels))
    rng, count = np.random.default_rng((1993, seed)), len(labels)
    part = np.arange(count)
    if count > MOST_ROWS:
        part = rng.choice(count, MOST_ROWS, replace=False)
    part = part[np.argsort(np.asarray(logits)[part], kind='stable')]  # resamples of sorted rows are sorted fast
    logits, labels = np.asarray(logits)[part], np.asarray(labels)[part]
    found: dict[str, list[float]] = {name: [] for name in chosen}
    for _ in range(resamples if count else 0):
        rows = np.repeat(np.arange(len(part)), rng.multinomial(len(part), np.full(len(part), 1 / len(part))))
        for name, value in metrics.figures(chosen, scored_rows(logits[rows], labels[rows])).items():
            found[name].append(value)
    narrowed = np.sqrt(len(part) / count) if count else 1.0
    return {name: _interval(whole[name], np.array(found[name]), narrowed, name) for name in chosen}


def _interval(value: float, resampled: np.ndarray, narrowed: float, name: str) -> Interval:
    """Returns an interval around a value, from its resampled values; within the bounds of the metric."""
    sound = resampled[~np.isnan(resampled)]
    if np.isnan(value) or not len(sound):
        return Interval(value, float('nan'), float('nan'))
    deviations = np.quantile(sound, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) - np.median(sound)
    low, high = np.clip(value + narrowed * deviations, *metrics.metric(name).bounds)
    return Interval(value, float(low), float(high))


def auc_interval(logits: np.ndarray, labels: np.ndarray) -> Interval:
    """Returns the exact AUC with the interval that its variance by DeLong et al. (Biometrics 1988) gives.

    NaN if one class is missing; the interval is NaN if a class has a single row.

    Args:
      logits: [n].
      labels: [n], 0 or 1.
    """
    return _of_placements(_placements(logits, labels), (0.0, 1.0))


def auc_loss(logits: np.ndarray, changed: np.ndarray, labels: np.ndarray) -> Interval:
    """Returns by how much the AUC is lower with changed scores of the same rows, with DeLong's interval for pairs.

    NaN as in `auc_interval`.

    Args:
      logits, changed: scores before and after, [n] each.
      labels: [n], 0 or 1.
    """
    both = zip(_placements(logits, labels), _placements(changed, labels), strict=True)
    return _of_placements([before - after for before, after in both], (-1.0, 1.0))


def _placements(logits: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    """Returns for each positive the share of negatives below it, and for each negative the share of positives above it.

    A tie counts one half. Both are empty if a class is missing.
    """
    scores, positive = np.asarray(logits), np.asarray(labels) > 0.5
    found = []
    for sign, own in ((1, positive), (-1, ~positive)):
        others = np.sort(sign * scores[~own])
        below = np.zeros(own.sum()) if len(others) else np.zeros(0)
        for side in ('left', 'right') if len(others) else ():
            below += np.searchsorted(others, sign * scores[own], side) / (2 * len(others))
        found.append(below)
    return found if all(map(len, found)) else [np.zeros(0), np.zeros(0)]


def _of_placements(placements: Sequence[np.ndarray], bounds: tuple[float, float]) -> Interval:
    """Returns the mean of the placements of positives with the interval of the variance of both classes' means."""
    if not all(map(len, placements)):
        return Interval(float('nan'), float('nan'), float('nan'))
    value = float(placements[0].mean())
    if min(map(len, placements)) < 2:
        return Interval(value, float('nan'), float('nan'))
    half = DEVIATIONS * math.sqrt(sum(own.var(ddof=1) / len(own) for own in placements))
    return Interval(value, max(bounds[0], value - half), min(bounds[1], value + half))


def rate_interval(positives: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns both ends of the 95 % intervals of rates (Wilson, JASA 1927), from positives and rows, [k] each."""
    rate, square = positives / rows, DEVIATIONS**2
    middle = (rate + square / (2 * rows)) / (1 + square / rows)
    half = DEVIATIONS / (1 + square / rows) * np.sqrt(rate * (1 - rate) / rows + square / (4 * rows**2))
    return np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)
