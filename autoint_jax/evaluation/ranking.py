"""Metrics of the order of rows: the areas under the ROC and the precision-recall curve, of a split and of its groups.

They depend only on the order of the scores. They are exact, and rows with the same score count as tied.
"""

from typing import NamedTuple

import numpy as np

from autoint_jax.evaluation.metric import (
    GROUPS,
    HIGHER,
    LOGITS,
    TOTALS,
    Metric,
    Totals,
    of_groups,
    of_logits,
    of_totals,
)

UNIT = (0.0, 1.0)  # the bounds of an area or a share


def auc_of_totals(totals: Totals) -> float:
    """Returns the area under the ROC curve, P(a positive scores above a negative), in which a tie counts one half.

    It is exact to the last bit of a float64. NaN if only one class is present.
    """
    pairs = totals.positives * totals.negatives
    return totals.won / (2 * pairs) if pairs else float('nan')


def auc(logits: np.ndarray, labels: np.ndarray) -> float:
    """Computes the area under the ROC curve in NumPy, by the ranks of the rows (Mann-Whitney U).

    Args:
      logits: [rows], any real scores.
      labels: [rows], 0 or 1.

    Returns:
      The area, or NaN if only one class is present.
    """
    positive = np.asarray(labels) > 0.5
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        return float('nan')
    _, group, size = np.unique(np.asarray(logits), return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(size) - (size - 1) / 2  # ranks from 1; tied rows share their mean
    rank_sum = mean_rank[group][positive].sum()
    return float((rank_sum - positives * (positives + 1) / 2) / (positives * negatives))


def average_precision(logits: np.ndarray, labels: np.ndarray) -> float:
    """Returns the area under the precision-recall curve: the sum over thresholds of precision times recall gained.

    Rows with the same score pass a threshold together. There is no interpolation between thresholds, which would be
    too optimistic (Davis and Goadrich, ICML 2006).

    Args:
      logits: [rows], any real scores.
      labels: [rows], 0 or 1.

    Returns:
      The area, or NaN if there is no positive.
    """
    scores, positive = np.asarray(logits), np.asarray(labels) > 0.5
    order = np.argsort(-scores, kind='stable')
    scores, found = scores[order], np.cumsum(positive[order])
    if not len(found) or not found[-1]:
        return float('nan')
    last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))  # the last row of each threshold
    gains = np.diff(found[last], prepend=0)
    return float((gains * (found[last] / (last + 1))).sum() / found[-1])


class GroupAreas(NamedTuple):
    """The areas under the ROC curve within groups of rows; groups of one class are left out.

    Attributes:
      areas: float64 [groups].
      rows: int64 [groups], rows of each group.
      of_rows: rows of all groups, including those that are left out.
    """

    areas: np.ndarray
    rows: np.ndarray
    of_rows: int

    @property
    def weighted(self) -> float:
        """The mean over groups weighted by their rows (GAUC of Zhou et al., KDD 2018); NaN without groups."""
        return float((self.areas * self.rows).sum() / self.rows.sum()) if len(self.rows) else float('nan')

    @property
    def mean(self) -> float:
        """The mean over groups, each counted once; NaN without groups."""
        return float(self.areas.mean()) if len(self.areas) else float('nan')

    @property
    def share(self) -> float:
        """The rows of the groups as a share of all rows; NaN without rows."""
        return float(self.rows.sum() / self.of_rows) if self.of_rows else float('nan')


def group_areas(logits: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> GroupAreas:
    """Returns the exact area under the ROC curve within each group that has both classes.

    Args:
      logits: [rows], any real scores.
      labels: [rows], 0 or 1.
      groups: int [rows], the group of each row; 0, the unknown value of a field, is not a group.
    """
    known = np.flatnonzero(np.asarray(groups) != 0)
    group, score = np.asarray(groups)[known], np.asarray(logits)[known]
    order = np.lexsort((score, group))
    group, score = group[order], score[order]
    positive = (np.asarray(labels)[known] > 0.5)[order].astype(np.int64)
    if not len(group):
        return GroupAreas(np.zeros(0), np.zeros(0, np.int64), len(labels))
    new_group = np.append(True, group[1:] != group[:-1])
    new_tie = new_group | np.append(True, score[1:] != score[:-1])
    groups_at, ties_at = np.flatnonzero(new_group), np.flatnonzero(new_tie)
    negatives_before = np.append(0, np.cumsum(1 - positive))  # of all groups, by row
    tie_ends = np.append(ties_at[1:], len(group))
    # Twice the negatives of a tie's group that are scored lower, plus those that are tied.
    group_of_tie = np.cumsum(new_group)[ties_at] - 1
    won = negatives_before[ties_at] + negatives_before[tie_ends] - 2 * negatives_before[groups_at][group_of_tie]
    won = np.add.reduceat(won * np.add.reduceat(positive, ties_at), np.flatnonzero(new_group[ties_at]))
    rows, positives = np.diff(np.append(groups_at, len(group))), np.add.reduceat(positive, groups_at)
    both = (0 < positives) & (positives < rows)
    pairs = (positives * (rows - positives))[both]
    return GroupAreas(won[both] / (2 * pairs), rows[both], len(labels))


NO_GROUP = 'no group has both classes'
RANKING = (
    Metric('auc', 'AUC', HIGHER, TOTALS, of_totals(auc_of_totals), UNIT),
    Metric('pr_auc', 'PR-AUC', HIGHER, LOGITS, of_logits(average_precision), UNIT, 'no positive row'),
    Metric(
        'group_auc', 'group AUC', HIGHER, GROUPS, of_groups(group_areas, lambda found: found.weighted), UNIT, NO_GROUP
    ),
    Metric(
        'group_auc_mean',
        'mean group AUC',
        HIGHER,
        GROUPS,
        of_groups(group_areas, lambda found: found.mean),
        UNIT,
        NO_GROUP,
    ),
    Metric(
        'group_share',
        'share of rows in group AUC',
        None,
        GROUPS,
        of_groups(group_areas, lambda found: found.share),
        UNIT,
        'no row',
    ),
)
