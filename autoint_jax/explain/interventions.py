"""Interaction by intervention (ArchDetect; Tsang et al., How does this interaction affect me?, NeurIPS 2020).

Let x be a row, z a background row, and f(S) the logit of the row with the values of x in the fields S and those of z in
all others. The effect of a group G of fields in the context of the fields C, which none of G is in, is the mixed
difference

    d(G, C) = sum over T in G of (-1)^(|G| - |T|) f(T + C).

There are two contexts: C are all other fields (x), or none (z). The strength of G is the mean of the two d^2, and its
signed effect the mean of the two d. A group of one field gives the importance of the field, of two the paper's Eq. 5
with distances of 1, as for all values that are not numbers, and of three the interaction beyond all pairs.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from autoint_jax.explain.counterfactuals import Explained, Score, pieces, scored


class Differences(NamedTuple):
    """The mixed differences of some rows.

    Attributes:
      of_row: d(G, all other fields), float64 [n, groups].
      of_background: d(G, no field), float64 [n, groups].
    """

    of_row: np.ndarray
    of_background: np.ndarray

    @property
    def strength(self) -> np.ndarray:
        """The mean of the two squares, float64 [n, groups]."""
        return (self.of_row**2 + self.of_background**2) / 2

    @property
    def effect(self) -> np.ndarray:
        """The mean of the two differences, float64 [n, groups]."""
        return (self.of_row + self.of_background) / 2


def groups_of(fields: Sequence[int], order: int) -> list[tuple[int, ...]]:
    """Returns all groups of `order` of the fields, in lexicographic order."""
    return list(itertools.combinations(fields, order))


def differences(score: Score, explained: Explained, groups: Sequence[tuple[int, ...]]) -> Iterator[Differences]:
    """Yields the mixed differences of all rows, piece by piece, in their order.

    Args:
      score: scores rows.
      explained: the rows, with their background rows.
      groups: the fields of each group, by number; all groups have the same size.
    """
    order = len(groups[0])
    chosen = [part for size in range(order + 1) for part in itertools.combinations(range(order), size)]
    parts = sorted({tuple(group[place] for place in part) for group in groups for part in chosen}, key=_by_size)
    numbers = {part: number for number, part in enumerate(parts)}
    members = np.zeros((len(parts), len(explained.schema.fields)), bool)  # [parts, f]
    for number, part in enumerate(parts):
        members[number, list(part)] = True
    # For each group the numbers of its parts, [groups, 2^order], and how many fields each part has.
    of_group = np.array([[numbers[tuple(group[place] for place in part)] for part in chosen] for group in groups])
    sizes = np.array([len(part) for part in chosen])
    for piece in pieces(explained, 2 * len(parts)):
        differing = piece.differing
        unequal = ~((~differing).astype(np.float32) @ members.T.astype(np.float32) > 0)  # [n, parts]
        values = _values(score, piece, unequal, members)
        there = unequal[:, of_group[:, -1]]  # groups of which every field differs; the effect of others is zero
        replaced, kept = (value[:, of_group] for value in values)  # [n, groups, 2^order]
        yield Differences(
            np.where(there, replaced @ (-1.0) ** sizes, 0.0), np.where(there, kept @ (-1.0) ** (order - sizes), 0.0)
        )


def _by_size(part: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    return len(part), part


def _values(score: Score, piece: Explained, unequal: np.ndarray, members: np.ndarray) -> list[np.ndarray]:
    """Returns f(all fields but a part) and f(a part), float64 [n, parts] each; 0 where a part is not `unequal`."""
    rows, parts = np.nonzero(unequal)
    kept = members[parts]
    logits = scored(score, piece, np.concatenate([rows, rows]), np.concatenate([~kept, kept]))
    found = []
    for own in np.split(logits, 2):
        values = np.zeros(unequal.shape)
        values[rows, parts] = own
        found.append(values)
    return found
