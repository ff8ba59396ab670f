"""The rows of a split as columns: ids, numbers and labels."""

import dataclasses
from typing import Any

import numpy as np

from autoint_jax.schema import Batch

SPLITS = ('train', 'valid', 'test')
# Columns of a split and their types; each is a file NAME.npy of prepared data.
DTYPES = {'ids': np.int32, 'numeric': np.float32, 'labels': np.float32}


@dataclasses.dataclass(frozen=True)
class Columns:
    """Rows of a split, in order, as memory-mapped files, NumPy arrays or, in training, arrays on the devices.

    Attributes:
      ids: int32 [n, slots], ids within their field; `Schema.slots` says which slots are a field's.
      numeric: float32 [n, numeric], transformed values; NaN = missing.
      labels: float32 [n], 0 or 1.
    """

    ids: Any
    numeric: Any
    labels: Any

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, rows: slice) -> 'Columns':
        """The rows of a slice."""
        return Columns(self.ids[rows], self.numeric[rows], self.labels[rows])

    def batch(self, rows: slice | np.ndarray = slice(None)) -> Batch:
        """The chosen rows, by default all, each with weight 1."""
        labels = np.asarray(self.labels[rows])
        return Batch(np.asarray(self.ids[rows]), np.asarray(self.numeric[rows]), labels, np.ones_like(labels))
