"""Shapley values of fields, and Shapley interaction values of groups (Grabisch and Roubens, 1999).

With f(S) as in `interventions.py`, the value of a group G of k of the n fields is the weighted sum of its mixed
differences over all contexts C of the other fields:

    sum over C of |C|! (n - k - |C|)! / (n - k + 1)! d(G, C).

It equals the mean of d(G, C) if first the size of C is drawn, each alike, and then C among those of the size. Rows of
few fields are computed exactly, from all 2^n counterfactuals; others by a sample of contexts for each row and group.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from autoint_jax.explain.counterfactuals import Explained, Score, pieces, scored

MOST_EXACT = 10  # fields


class Values(NamedTuple):
    """The values of some rows.

    Attributes:
      effect: the values, float64 [n, groups].
      strength: their squares, float64 [n, groups]. Those of a sample are the products of the means of two halves, whose
        expectation is the square; they may be negative.
    """

    effect: np.ndarray
    strength: np.ndarray


def values(
    score: Score, explained: Explained, groups: Sequence[tuple[int, ...]], samples: int, seed: int
) -> Iterator[Values]:
    """Yields the values of all rows, piece by piece, in their order.

    Args:
      score: scores rows.
      explained: the rows, with their background rows.
      groups: the fields of each group, by number; all groups have the same size.
      samples: number of contexts for each row and group, an even number; 0 for all contexts.
      seed: seed of the sample.
    """
    if not samples:
        yield from _exact(score, explained, groups)
        return
    rng = np.random.default_rng((1953, seed))
    for piece in pieces(explained, len(groups)):
        halves = _sampled(score, piece, groups, samples, rng)
        yield Values(halves.mean(0), halves[0] * halves[1])


def coefficients(fields: int, groups: Sequence[tuple[int, ...]]) -> np.ndarray:
    """Returns the factors of f(S) in the values of groups, float64 [2^n, groups].

    Bit number i of S says whether field i is in S.
    """
    order = len(groups[0])
    sets = (np.arange(1 << fields)[:, None] >> np.arange(fields)) & 1  # [2^n, n]
    found = np.empty((len(sets), len(groups)))
    factorial = [float(math.factorial(number)) for number in range(fields + 2)]
    weights = np.array(
        [
            factorial[size] * factorial[fields - order - size] / factorial[fields - order + 1]
            for size in range(fields - order + 1)
        ]
    )
    for number, group in enumerate(groups):
        within = sets[:, list(group)].sum(1)
        found[:, number] = (-1.0) ** (order - within) * weights[sets.sum(1) - within]
    return found


def _exact(score: Score, explained: Explained, groups: Sequence[tuple[int, ...]]) -> Iterator[Values]:
    fields = len(explained.schema.fields)
    sets = ((np.arange(1 << fields)[:, None] >> np.arange(fields)) & 1).astype(bool)
    factors = coefficients(fields, groups)
    for piece in pieces(explained, len(sets)):
        n = len(piece.rows)
        # Sets that differ only in fields with equal values are the same row, which is scored once.
        bits = np.arange(1 << fields)[None] & (piece.differing @ (1 << np.arange(fields)))[:, None]  # [n, 2^n]
        needed = bits == np.arange(1 << fields)
        logits = np.zeros((n, len(sets)))
        rows, chosen = np.nonzero(needed)
        logits[rows, chosen] = scored(score, piece, rows, sets[chosen])
        effect = np.take_along_axis(logits, bits, 1) @ factors
        yield Values(effect, effect**2)


def _sampled(
    score: Score, piece: Explained, groups: Sequence[tuple[int, ...]], samples: int, rng: np.random.Generator
) -> np.ndarray:
    """Returns the means of two halves of a sample of contexts, float64 [2, n, groups]."""
    members = np.zeros((len(groups), len(piece.schema.fields)), bool)
    for number, group in enumerate(groups):
        members[number, list(group)] = True
    differing, order, half = piece.differing, len(groups[0]), samples // 2
    rows, which = np.nonzero(~((~differing)[:, None] & members).any(2))  # groups of which every field differs
    found = np.zeros((2, len(piece.rows), len(groups)))
    for number in range(2 * half):
        context = _contexts(members[which], order, rng)
        total = np.zeros(len(rows))
        for part in itertools.product((False, True), repeat=order):
            kept = context.copy()
            for place, there in enumerate(part):
                kept[np.arange(len(rows)), np.array(groups)[which, place]] = there
            total += (-1) ** (order - sum(part)) * scored(score, piece, rows, kept).astype(np.float64)
        found[number % 2, rows, which] += total / half
    return found


def _contexts(members: np.ndarray, order: int, rng: np.random.Generator) -> np.ndarray:
    """Draws a context for each group, bool [k, f], of the fields that are not in it; members bool [k, f]."""
    count, fields = members.shape
    places = rng.random((count, fields))
    places[members] = 2.0  # behind all others
    ranks = places.argsort(1).argsort(1)
    return ranks < rng.integers(0, fields - order + 1, count)[:, None]
