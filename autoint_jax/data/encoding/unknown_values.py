"""Counts the values of each field that are unknown or missing in each split."""

from collections.abc import Iterable, Mapping

import numpy as np

from autoint_jax.data.store.columns import SPLITS, Columns
from autoint_jax.schema import CATEGORICAL, NUMERIC, Schema

VALUES_KEY = 'values'  # of the manifest's preparation; its value is a Record
_COUNTED = ('rows', 'values', 'unknown', 'missing')

Record = dict[str, dict[str, dict[str, int]]]  # {field: {split: {rows, values, unknown, missing}}}


class BlockSplits:
    """The rows of a block by the split that they belong to.

    Attributes:
      rows: number of rows of each split, int64 [splits].
    """

    def __init__(self, split_of: np.ndarray):
        """`split_of`: number of the split of each row, int8 [n]."""
        self._masks = [split_of == number for number in range(len(SPLITS))]
        self.rows = np.array([np.count_nonzero(mask) for mask in self._masks])

    def count(self, what: np.ndarray | None) -> np.ndarray:
        """Counts of the rows or a mask, [n] -> sums over the rows of each split, int64 [splits]; None -> 0."""
        if what is None:
            return np.zeros(len(SPLITS), np.int64)
        if what.dtype == bool:  # several times faster than picking rows
            return np.array([np.count_nonzero(what & mask) for mask in self._masks])
        return np.array([what[mask].sum(dtype=np.int64) for mask in self._masks])


class Counts:
    """Counts by field and split, which grow block by block. A field must be counted by one thread at a time."""

    def __init__(self, fields: Iterable[str]):
        self._counts = {name: np.zeros((len(SPLITS), 4), np.int64) for name in fields}

    def add(self, name: str, rows: np.ndarray, values: np.ndarray, unknown: np.ndarray, missing: np.ndarray) -> None:
        """Adds the counts of a block, each int64 [splits].

        Args:
          name: of the field.
          rows: rows of the block.
          values: values of these rows.
          unknown: values that are unknown.
          missing: rows without a value.
        """
        self._counts[name] += np.stack([rows, values, unknown, missing], 1)

    def record(self) -> Record:
        """Returns the counts for the manifest."""
        return {
            name: {
                split: dict(zip(_COUNTED, of_split, strict=True))
                for split, of_split in zip(SPLITS, counts.tolist(), strict=True)
            }
            for name, counts in self._counts.items()
        }


def of_columns(schema: Schema, splits: Mapping[str, Columns]) -> Record:
    """Counts the values of encoded columns.

    Id 0 of a categorical field counts as unknown, even if the value was missing. In a multivalued field unknown values
    cannot be told from padding, so they are not counted.

    Args:
      schema: of the columns.
      splits: {split: columns}.
    """
    record: Record = {}
    slots, numeric_columns = schema.slots, schema.numeric_columns
    for field in schema.fields:
        record[field.name] = {}
        for split, columns in splits.items():
            rows = len(columns)
            if field.kind == NUMERIC:
                missing = int(np.isnan(columns.numeric[:, numeric_columns[field.name]]).sum())
                found = [rows, rows - missing, 0, missing]
            else:
                ids = columns.ids[:, slots[field.name]]
                found = (
                    [rows, rows, int((ids == 0).sum()), 0]
                    if field.kind == CATEGORICAL
                    else [rows, int((ids > 0).sum()), 0, int((ids == 0).all(1).sum())]
                )
            record[field.name][split] = dict(zip(_COUNTED, found, strict=True))
    return record
