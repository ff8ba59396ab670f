"""An entry in the table of metrics, and the scored rows of a split that it is computed from."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

HIGHER, LOWER = 'higher', 'lower'
# Inputs that a metric is computed from, the cheapest first. Each includes those before it.
TOTALS, LOGITS, GROUPS = NEEDS = ('totals', 'logits', 'groups')

NOTHING = np.zeros(0)


class Totals(NamedTuple):
    """The sums of a split that are computed on the devices, exact unless said otherwise.

    Attributes:
      negatives: rows of label 0.
      positives: rows of label 1.
      won: summed over positives, twice the number of negatives that are scored lower plus the number of those tied.
      loss: -log p(label) summed over rows, in nats; its relative error is below 2e-6, and 1e-8 as a rule.
    """

    negatives: int
    positives: int
    won: int
    loss: float


@dataclasses.dataclass(frozen=True)
class Scored:
    """The rows of a split with the scores that a model gave them.

    Attributes:
      totals: the sums of the rows, for metrics that need TOTALS.
      labels: [rows], 0 or 1.
      logits: float32 [rows]; empty if no metric needs LOGITS.
      groups: int [rows], the key by which rows are grouped, 0 for a row without a known key; empty if no metric needs
        GROUPS.
      row_weights: [rows], how much each row counts in weighted metrics; empty if rows have no weights.
      soft_labels: [rows], from 0 to 1; empty if there are none.
    """

    totals: Totals
    labels: np.ndarray
    logits: np.ndarray = dataclasses.field(default_factory=lambda: NOTHING)
    groups: np.ndarray = dataclasses.field(default_factory=lambda: NOTHING)
    row_weights: np.ndarray = dataclasses.field(default_factory=lambda: NOTHING)
    soft_labels: np.ndarray = dataclasses.field(default_factory=lambda: NOTHING)
    _parts: dict[Callable, Any] = dataclasses.field(default_factory=dict)  # results of `by_groups`

    def by_groups(self, function: Callable[[np.ndarray, np.ndarray, np.ndarray], Any]) -> Any:
        """Returns function(logits, labels, groups). It is computed once, even if several metrics ask for it."""
        if function not in self._parts:
            self._parts[function] = function(self.logits, self.labels, self.groups)
        return self._parts[function]


@dataclasses.dataclass(frozen=True)
class Metric:
    """A figure that says how good the scores of a split are.

    Attributes:
      name: the name in options, flags, records and sweep files.
      title: the name that people read in tables and lines.
      better: HIGHER or LOWER; None if neither is, and then the metric is reported but no run is chosen by it.
      needs: TOTALS, LOGITS or GROUPS.
      of: computes the figure; NaN if it is not defined.
      bounds: the lowest and the highest value that is possible; a record with another one is refused.
      undefined: the reason for NaN, which is shown in its place.
      digits: decimal places in tables and lines.
      weighted: whether it needs weights of rows.
      of_shares: whether it compares predictions with the share of positive rows, so that labels must be 0 or 1.
    """

    name: str
    title: str
    better: str | None
    needs: str
    of: Callable[[Scored], float]
    bounds: tuple[float, float]
    undefined: str = 'one class only'
    digits: int = 4
    weighted: bool = False
    of_shares: bool = False

    @property
    def higher_is_better(self) -> bool:
        """Whether a higher value is better."""
        return self.better == HIGHER

    def rank(self, value: float) -> float:
        """Returns a number that is lower if `value` is better; `value` itself if neither direction is better."""
        return -value if self.higher_is_better else value

    def possible(self, value: float) -> bool:
        """Returns whether the metric can have this value; NaN is not possible."""
        return self.bounds[0] <= value <= self.bounds[1]

    def shown(self, value: float, more_digits: int = 0) -> str:
        """Returns the value as a text, such as '0.8456', or the reason why it is not defined."""
        if math.isnan(value):
            return f'not defined ({self.undefined})'
        return f'{value:.{self.digits + more_digits}f}'


def of_totals(function: Callable[[Totals], float]) -> Callable[[Scored], float]:
    """Returns a `Metric.of` that calls a function of totals."""
    return lambda scored: function(scored.totals)


def of_logits(function: Callable[[np.ndarray, np.ndarray], float]) -> Callable[[Scored], float]:
    """Returns a `Metric.of` that calls a function of logits and labels."""
    return lambda scored: function(scored.logits, scored.labels)


def of_groups(
    function: Callable[[np.ndarray, np.ndarray, np.ndarray], Any], figure: Callable[[Any], float]
) -> Callable[[Scored], float]:
    """Returns a `Metric.of` that takes a figure from the result of `function`, which metrics share."""
    return lambda scored: figure(scored.by_groups(function))
