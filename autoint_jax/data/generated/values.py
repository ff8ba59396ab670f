"""Generated click logs: long-tailed values and labels with planted field interactions, by seed.

For tests and benchmarks. Labels depend on pairs of fields more than on single ones: the logit sums products of hidden +-1
attributes of two values, and little of each attribute itself, so a model without interactions learns a small part only.
"""

import functools
from collections.abc import Sequence

import numpy as np

BLOCK_ROWS = 100_000


def zipf(rng: np.random.Generator, size: int, rows: int) -> np.ndarray:
    """Ranks 0..size-1, int64 [rows], with P(rank) close to proportional to 1 / (rank + 1)."""
    return np.minimum((size + 1.0) ** rng.random(rows), size).astype(np.int64) - 1


def scrambled(ranks: np.ndarray, salt: int) -> np.ndarray:
    """Ranks below 2^32 -> uint32 values one to one, without visible order."""
    values = ranks.astype(np.uint32)
    values ^= np.uint32(salt * 0x9E3779B9 & 0xFFFFFFFF)
    for factor in (0x85EBCA6B, 0xC2B2AE35):  # odd factors and shifts to the right: each step can be undone
        values ^= values >> np.uint32(16)
        values *= np.uint32(factor)
    return values ^ (values >> np.uint32(13))


@functools.lru_cache(maxsize=64)
def _attributes(salt: int) -> np.ndarray:
    return np.random.default_rng((2018, salt)).choice(np.array([-1.0, 1.0], np.float32), 997)


def attribute(ranks: np.ndarray, salt: int) -> np.ndarray:
    """A hidden attribute of each value, float32 [n], -1 or 1."""
    return _attributes(salt)[ranks % 997]


def planted_labels(
    rng: np.random.Generator,
    pairs: Sequence[tuple[np.ndarray, np.ndarray]],
    *,
    rate: float,
    strength: float,
    single: float = 0.2,
) -> np.ndarray:
    """Labels bool [n].

    Args:
      pairs: ranks of the two fields of each planted pair.
      rate: share of positives where the pairs say nothing.
      strength: of one pair on the logit.
      single: of each field of a pair by itself, a hint of which fields matter.
    """
    logit = np.full(len(pairs[0][0]), np.log(rate / (1 - rate)), np.float32)
    for number, (one, other) in enumerate(pairs):
        left, right = attribute(one, 2 * number), attribute(other, 2 * number + 1)
        logit += strength * left * right + single * (left + right)
    return rng.random(len(logit)) < 1 / (1 + np.exp(-logit))
