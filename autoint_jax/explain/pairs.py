"""The strength of field pairs in attention, their ranks, and whether several runs agree on them (paper, Figure 7)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats


class Pair(NamedTuple):
    """Two different fields in the schema's order, and the attention between them.

    Attributes:
      fields: their names.
      strength: mean of the two weights.
      forward, backward: how much the first attends to the second, and the second to the first.
      rank: rank by strength among all pairs; 1 is the strongest.
      forward_rank, backward_rank: ranks of the two weights among all ordered pairs.
    """

    fields: tuple[str, str]
    strength: float
    forward: float
    backward: float
    rank: int
    forward_rank: int
    backward_rank: int


def ranked_pairs(weights: np.ndarray, names: Sequence[str]) -> list[Pair]:
    """Returns all pairs of different fields, the strongest first. The attention of a field to itself is left out.

    Args:
      weights: [f, g], how much field f attends to field g.
      names: names of the fields, [f].
    """
    first, second = np.triu_indices(len(names), 1)
    strengths = (weights[first, second] + weights[second, first]) / 2
    ordered = ranks(np.concatenate([weights[first, second], weights[second, first]]))
    numbers = zip(
        first,
        second,
        strengths.tolist(),
        ranks(strengths).tolist(),
        ordered[: len(first)].tolist(),
        ordered[len(first) :].tolist(),
        strict=True,
    )
    pairs = [
        Pair((names[f], names[g]), strength, float(weights[f, g]), float(weights[g, f]), rank, forward, backward)
        for f, g, strength, rank, forward, backward in numbers
    ]
    return sorted(pairs, key=lambda pair: pair.rank)


def ranks(values: np.ndarray) -> np.ndarray:
    """Returns ranks, 1 for the largest. Equal values share the worst of their ranks, so that a tie helps no claim."""
    return stats.rankdata(-values, method='max').astype(int)


def rank_correlations(weights: Sequence[np.ndarray]) -> list[float]:
    """Returns Spearman's rank correlation of the weights between different fields, for every two of several runs.

    Args:
      weights: for each run [f, g], how much field f attends to field g.
    """
    apart = ~np.eye(len(weights[0]), dtype=bool)
    return [
        float(stats.spearmanr(one[apart], other[apart]).statistic)
        for at, one in enumerate(weights)
        for other in weights[at + 1 :]
    ]


def rank_matrix(values: np.ndarray) -> np.ndarray:
    """Returns Spearman's rank correlations of every two of k rows, [k, values] -> float64 [k, k].

    NaN if all values of one of the rows are equal, or if there are fewer than two values.
    """
    if values.shape[1] < 2:
        return np.where(np.eye(len(values), dtype=bool), 1.0, np.nan)
    ranks = stats.rankdata(values, axis=1)
    ranks -= ranks.mean(1, keepdims=True)
    norms = np.sqrt((ranks**2).sum(1))
    with np.errstate(invalid='ignore', divide='ignore'):
        found = ranks @ ranks.T / np.outer(norms, norms)
    np.fill_diagonal(found, 1.0)
    return found
