"""How well parts of a split are predicted: rows that share a value, a decile of prediction, or the rarity of an id."""

from collections.abc import Sequence

import numpy as np

from autoint_jax.evaluation.calibration import equal_mass_bins, logloss, probabilities
from autoint_jax.evaluation.intervals import auc_interval
from autoint_jax.evaluation.quality import GroupAuc, Segment
from autoint_jax.evaluation.ranking import group_areas

BY_DECILE, BY_RARITY = 'decile of prediction', 'rarest id of the row'
DECILES = 10
# The least number of times that the rarest id of a row was seen in training, and what the row is called.
RARITIES = (
    (0, 'unknown or never in training'),
    (1, '1 to 9 times'),
    (10, '10 to 99 times'),
    (100, '100 to 999 times'),
    (1000, '1,000 times and more'),
)


def segments(by: str, keys: np.ndarray, names: Sequence[str], logits: np.ndarray, labels: np.ndarray) -> list[Segment]:
    """Returns the segments of rows that share a key, in the order of the keys; keys without rows are left out.

    Args:
      by: what the keys are.
      keys: int [n], from 0.
      names: of the keys.
      logits: float32 [n].
      labels: [n], 0 or 1.
    """
    order = np.argsort(keys, kind='stable')
    ends = np.cumsum(np.bincount(keys, minlength=len(names)))
    found = []
    for name, rows in zip(names, np.split(order, ends[:-1]), strict=True):
        if not len(rows):
            continue
        scores, positive = np.asarray(logits)[rows], np.asarray(labels)[rows] > 0.5
        area = auc_interval(scores, positive)
        found.append(
            Segment(
                by,
                name,
                len(rows),
                int(positive.sum()),
                float(positive.mean()),
                float(probabilities(scores).mean()),
                area.value,
                logloss(scores, positive),
                area.low,
                area.high,
            )
        )
    return found


def by_decile(logits: np.ndarray, labels: np.ndarray) -> list[Segment]:
    """Returns the segments of rows by the decile of their prediction, the lowest first."""
    names = [str(number + 1) for number in range(DECILES)]
    return segments(BY_DECILE, equal_mass_bins(logits, DECILES), names, logits, labels)


def by_rarity(times: np.ndarray, logits: np.ndarray, labels: np.ndarray) -> list[Segment]:
    """Returns the segments of rows by how many times their rarest id occurs in the training split, int [n]."""
    keys = np.searchsorted([least for least, _ in RARITIES], times, side='right') - 1
    return segments(BY_RARITY, keys, [name for _, name in RARITIES], logits, labels)


def group_auc(key: str, groups: np.ndarray, logits: np.ndarray, labels: np.ndarray) -> GroupAuc:
    """Returns the AUC within groups of rows.

    Args:
      key: name of the field that groups rows.
      groups: int [n]; 0, the unknown value, is not a group.
      logits: float32 [n].
      labels: [n], 0 or 1.
    """
    found = group_areas(logits, labels, groups)
    return GroupAuc(key, found.weighted, found.mean, len(found.areas), found.share)
