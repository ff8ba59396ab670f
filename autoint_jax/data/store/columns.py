"""The rows of a split as columns: ids, numbers and labels."""

import dataclasses
from typing import Any

import numpy as np

from autoint_jax.schema import Batch, Schema

SPLITS = ('train', 'valid', 'test')
# Columns that every split has, and their types; each is a file NAME.npy of prepared data.
DTYPES = {'ids': np.int32, 'numeric': np.float32, 'labels': np.float32}


def dtypes(schema: Schema) -> dict[str, type[np.generic]]:
    """Returns the types of all columns of a split by name, those of `Schema.row_columns` last."""
    return {**DTYPES, **dict.fromkeys(schema.row_columns, np.float32)}


@dataclasses.dataclass(frozen=True)
class Columns:
    """Rows of a split, in order, as memory-mapped files, NumPy arrays or, in training, arrays on the devices.

    Attributes:
      ids: int32 [n, slots], ids within their field; `Schema.slots` says which slots are a field's.
      numeric: float32 [n, numeric], transformed values; NaN = missing.
      labels: float32 [n], 0 or 1.
      row_weights: float32 [n], how much each row counts in the training loss; None if all count alike.
      soft_labels: float32 [n], from 0 to 1; training and the logloss take them in place of labels. None if there are
        none.
    """

    ids: Any
    numeric: Any
    labels: Any
    row_weights: Any = None
    soft_labels: Any = None

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, rows: slice) -> 'Columns':
        """The rows of a slice."""
        arrays = self.ids, self.numeric, self.labels, self.row_weights, self.soft_labels
        return Columns(*(None if array is None else array[rows] for array in arrays))

    def batch(self, rows: slice | np.ndarray = slice(None)) -> Batch:
        """The chosen rows, by default all, each with weight 1."""
        labels = np.asarray(self.labels[rows])
        return Batch(np.asarray(self.ids[rows]), np.asarray(self.numeric[rows]), labels, np.ones_like(labels))
