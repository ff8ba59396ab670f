"""Random values with long tails, and labels that depend on planted interactions of fields.

They are for tests and benchmarks. Every value has a hidden attribute, +1 or -1. The logit of a label is mainly a sum of
products of the attributes of two fields; an attribute by itself adds little. So a model without interactions learns
only a small part.
"""

import functools
from collections.abc import Sequence

import numpy as np


def zipf(rng: np.random.Generator, size: int, rows: int) -> np.ndarray:
    """Random ranks 0 to size - 1, int64 [rows]; the probability of a rank is nearly proportional to 1 / (rank + 1)."""
    return np.minimum((size + 1.0) ** rng.random(rows), size).astype(np.int64) - 1


def scrambled(ranks: np.ndarray, salt: int) -> np.ndarray:
    """Ranks [n] below 2^32 -> distinct values uint32 [n] without visible order, another order for each salt."""
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
    """The hidden attribute of each value, float32 [n], -1 or 1; for each salt another attribute."""
    return _attributes(salt)[ranks % 997]


def planted_labels(
    rng: np.random.Generator,
    pairs: Sequence[tuple[np.ndarray, np.ndarray]],
    *,
    rate: float,
    strength: float,
    single: float = 0.2,
) -> np.ndarray:
    """Random labels, bool [n].

    Args:
      rng: random generator.
      pairs: of fields that interact: the ranks [n] of both.
      rate: probability of a positive label before the fields change it.
      strength: what the product of a pair's attributes adds to the logit.
      single: what each attribute adds to the logit by itself; it hints at the fields that matter.
    """
    logit = np.full(len(pairs[0][0]), np.log(rate / (1 - rate)), np.float32)
    for number, (one, other) in enumerate(pairs):
        left, right = attribute(one, 2 * number), attribute(other, 2 * number + 1)
        logit += strength * left * right + single * (left + right)
    return rng.random(len(logit)) < 1 / (1 + np.exp(-logit))
