"""What is known about the quality of predictions, beyond single figures."""

from typing import NamedTuple

import numpy as np


class Interval(NamedTuple):
    """A figure with its 95 % interval; all three are NaN if the figure is not defined."""

    value: float
    low: float
    high: float


class Curve(NamedTuple):
    """Points of a curve.

    Attributes:
      x, y: float64 [points].
    """

    x: np.ndarray
    y: np.ndarray


class CalibrationBins(NamedTuple):
    """Predictions beside observed rates, in bins of about equally many rows, from the lowest prediction up.

    Attributes:
      predicted: mean predicted probability of each bin, float64 [bins].
      observed: rate of positives of each bin, float64 [bins].
      low, high: the 95 % interval of the rate (Wilson), float64 [bins].
      rows: int64 [bins].
    """

    predicted: np.ndarray
    observed: np.ndarray
    low: np.ndarray
    high: np.ndarray
    rows: np.ndarray


class Segment(NamedTuple):
    """The rows that have something in common, and how well they are predicted.

    Attributes:
      by: name of a field, 'decile of prediction', or 'rarest id of the row'.
      value: what the rows have in common.
      rows, positives: their numbers.
      observed: rate of positives.
      predicted: mean predicted probability.
      auc, logloss: of these rows; the AUC is NaN if only one class is present.
      low, high: the 95 % interval of the AUC (DeLong).
    """

    by: str
    value: str
    rows: int
    positives: int
    observed: float
    predicted: float
    auc: float
    logloss: float
    low: float
    high: float


class GroupAuc(NamedTuple):
    """The AUC within the groups of rows that share a key; groups of one class are left out.

    Attributes:
      key: name of the field.
      weighted: mean over groups, weighted by their rows.
      plain: mean over groups, each counted once.
      groups: number of groups with both classes.
      share: their rows as a share of all.
    """

    key: str
    weighted: float
    plain: float
    groups: int
    share: float


class Quality(NamedTuple):
    """How good the predictions are.

    Attributes:
      metrics: {name in the table of metrics: figure with a bootstrap interval}.
      roc: false positive rate, and true positive rate; at most 400 points.
      precision_recall: recall, and precision; at most 400 points.
      calibration: predictions beside observed rates.
      learning: {name of a run folder: its evaluations, the lines of metrics.jsonl}, the run first.
      segments: rows by what they have in common.
      group_auc: the AUC by group; None if no key is named.
    """

    metrics: dict[str, Interval]
    roc: Curve
    precision_recall: Curve
    calibration: CalibrationBins
    learning: dict[str, list[dict[str, float]]]
    segments: list[Segment]
    group_auc: GroupAuc | None
