"""The strength of fields and of groups of fields over many rows, with intervals by the bootstrap."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

RESAMPLES, LEVEL = 500, 0.95  # of the bootstrap; share of the resamples within an interval


class Effects(NamedTuple):
    """The strength of groups of fields, in one kind of evidence.

    Attributes:
      groups: names of the fields of each group, [k].
      strength: mean over the rows, float64 [k]. What it measures depends on the kind of evidence.
      low, high: a 95 % interval of the strength, by resampling rows, float64 [k].
      effect: mean over the rows of the signed effect, float64 [k]; NaN if the kind of evidence has no sign.
      rows: number of rows.
    """

    groups: list[tuple[str, ...]]
    strength: np.ndarray
    low: np.ndarray
    high: np.ndarray
    effect: np.ndarray
    rows: int

    def ranked(self) -> pl.DataFrame:
        """Returns the groups, the strongest first: rank, fields (a list of names), strength, low, high, effect."""
        order = np.argsort(-self.strength, kind='stable')
        return pl.DataFrame(
            {
                'rank': np.arange(1, len(order) + 1),
                'fields': [list(self.groups[number]) for number in order],
                'strength': self.strength[order],
                'low': self.low[order],
                'high': self.high[order],
                'effect': self.effect[order],
            }
        )


class Resampled:
    """Sums over rows, and over resamples of the rows, in memory that does not grow with the rows.

    In a resample each row, or each group of rows that share scores, counts as often as a draw of Poisson(1) says, which
    is the bootstrap for many rows.
    """

    def __init__(self, groups: int, seed: int):
        """Takes the number of groups, and the seed of the resamples."""
        self._rng = np.random.default_rng((1979, seed))
        self._strengths, self._counts = np.zeros((RESAMPLES, groups)), np.zeros((RESAMPLES, 1))
        self._strength, self._effect, self._rows = np.zeros(groups), np.zeros(groups), 0

    def add(self, strengths: np.ndarray, effects: np.ndarray, together: int = 1) -> None:
        """Adds rows.

        Args:
          strengths, effects: strengths and signed effects, [n, groups].
          together: so many successive rows count as often in a resample; it divides n.
        """
        units = strengths.reshape(-1, together, strengths.shape[1]).sum(1, dtype=np.float64)
        draws = self._rng.poisson(1.0, (RESAMPLES, len(units))).astype(np.float64)
        self._strengths += draws @ units
        self._counts += together * draws.sum(1, keepdims=True)
        self._strength += units.sum(0)
        self._effect += effects.sum(0, dtype=np.float64)
        self._rows += len(strengths)

    def result(self, groups: Sequence[tuple[str, ...]]) -> Effects:
        """Returns the means of all rows, with intervals, for groups of these names."""
        counted = self._counts[:, 0] > 0
        means = self._strengths[counted] / self._counts[counted]
        low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
        rows = self._rows
        return Effects(list(groups), self._strength / rows, low, high, self._effect / rows, rows)
