"""The weights of the rows of each split: their means, and a check that some row counts."""

import numpy as np
import polars as pl

from autoint_jax.data.raw.labels import LabelPlan
from autoint_jax.data.store.columns import SPLITS
from autoint_jax.errors import UsageError


class SplitWeights:
    """Counts rows and sums their weights by split, if a label plan names a column of weights; else it does nothing."""

    def __init__(self, label: LabelPlan):
        self._column = label.weight
        self._rows, self._sums = np.zeros(len(SPLITS)), np.zeros(len(SPLITS))

    def add(self, frame: pl.DataFrame, split_of: np.ndarray) -> None:
        """Adds rows with their raw columns; `split_of` are the numbers of their splits, int8 [n]."""
        if self._column is not None:
            weights = frame[self._column].cast(pl.Float64).to_numpy()
            self._rows += np.bincount(split_of, minlength=len(SPLITS))
            self._sums += np.bincount(split_of, weights, minlength=len(SPLITS))

    def sentences(self) -> list[str]:
        """Returns a sentence about the means of the weights, if there are any.

        Raises UsageError if all weights of a split are 0.
        """
        if self._column is None:
            return []
        for name, total in zip(SPLITS, self._sums, strict=True):
            if not total:
                raise UsageError(
                    f'the weights, column {self._column!r}, are 0 in all rows of the split {name}: choose the split so '
                    'that each has rows that count'
                )
        means = zip(SPLITS, self._sums / self._rows, strict=True)
        named = ', '.join(f'{mean:.4g} of {name} rows' for name, mean in means)
        return [f'rows count in training by column {self._column!r}, whose mean is {named}']
