"""Encodes the raw column of one field."""

from typing import NamedTuple

import numpy as np
import polars as pl

from autoint_jax.data.encoding.fitted import Fitted
from autoint_jax.data.encoding.plan import UNKNOWN, FieldPlan
from autoint_jax.data.encoding.transforms import as_numbers, hashed, keys, split_values, transformed
from autoint_jax.data.encoding.value_table import ValueTable
from autoint_jax.data.encoding.value_texts import as_values
from autoint_jax.schema import CATEGORICAL, MULTIVALUED, NUMERIC


class EncodedField(NamedTuple):
    """A field of a block of rows, encoded.

    Attributes:
      columns: numbers float32 [n, 1] of a numeric field, or ids int32 [n, slots].
      values: number of values of each row, int [n]; None if every row that is not missing has one.
      unknown: number of values of each row without an id of their own, int or bool [n]; None if there are none.
      outside: number of unknown values in the block that are not in the vocabulary at all.
      missing: the rows without a value, bool [n]; None if there are none.
      unseen: the values that are not in the vocabulary at all, [outside]; None if there are none.
      unseen_rows: number of rows with such a value.
    """

    columns: np.ndarray
    values: np.ndarray | None = None
    unknown: np.ndarray | None = None
    outside: int = 0
    missing: np.ndarray | None = None
    unseen: pl.Series | None = None
    unseen_rows: int = 0


class FieldEncoder:
    """Encodes the raw column of one field, block after block in the order of the rows.

    Attributes:
      field: plan of the field.
    """

    def __init__(self, field: FieldPlan, fitted: Fitted, dtype: pl.DataType):
        """Prepares the tables of a field.

        Args:
          field: plan of the field.
          fitted: of the whole table.
          dtype: type of the raw column.
        """
        self.field, self._fitted = field, fitted
        self._parameters = fitted.parameters.get(field.name, ())
        self._nothing = field.kind == CATEGORICAL and field.missing == 'nothing'
        if field.has_vocabulary:
            texts = list(fitted.vocabularies[field.name].values)
            special = int(bool(texts) and texts[0] in ('', UNKNOWN))
            missing_id = 1 + texts.index('') if '' in texts else 0
            known = [text for text in texts[special:] if text]
            values = as_values(known, pl.Int64() if field.transform == 'log_square_bucket' else dtype)
            self._table = ValueTable(
                values, first_id=1 + special, unknown_id=1 if self._nothing else 0, missing_id=missing_id
            )
            self._seen = np.zeros(len(texts) + 1 if field.streaming else 0, np.int32)  # occurrences so far, by id
            self._first_id = 1 + special

    def __call__(self, values: pl.Series) -> EncodedField:
        """Encodes the raw values [n] of the next block. Raises UsageError if a number becomes too large."""
        if self.field.kind == NUMERIC:
            numbers = transformed(self.field, values, self._parameters)
            return EncodedField(numbers[:, None], missing=np.isnan(numbers))
        if self.field.kind == MULTIVALUED:
            return self._lists(values)
        if self.field.transform == 'quantiles':
            numbers = as_numbers(self.field, values)
            bins, no_number = 1 + np.searchsorted(self._parameters, numbers, side='right'), np.isnan(numbers)
            return EncodedField(np.where(no_number, 0, bins).astype(np.int32)[:, None], missing=no_number)
        present = keys(self.field, values.cast(pl.String) if self.field.transform == 'hash' else values)
        ids, unknown = self._ids(present)
        outside = int(np.count_nonzero(unknown))
        unseen = present.filter(pl.Series(unknown)) if outside else None
        if self.field.has_vocabulary and self.field.streaming:
            unknown[self._hide_early(ids)] = True
        missing = present.is_null().to_numpy() if present.null_count() else None
        return EncodedField(ids[:, None], None, unknown, outside, missing, unseen, outside)

    def _ids(self, present: pl.Series) -> tuple[np.ndarray, np.ndarray]:
        """Values [n] -> ids int32 [n], and which of the values are unknown, bool [n]."""
        if self.field.transform == 'hash':
            ids = hashed(present, self.field.buckets).to_numpy().astype(np.int32)
            return ids, np.zeros(len(ids), bool)
        return self._table(present)

    def _lists(self, values: pl.Series) -> EncodedField:
        """Encodes the next block of a multivalued field. Known values come first in a row's slots, in their order."""
        lists = split_values(self.field, keys(self.field, values))
        sizes = lists.list.len().fill_null(0).to_numpy()
        ids, unknown, outside = np.zeros(0, np.int32), np.zeros(0, bool), None
        if sizes.any():
            exploded = keys(self.field, lists.drop_nulls().explode())
            ids, unknown = self._ids(exploded)
            outside = exploded.filter(pl.Series(unknown)) if unknown.any() else None
        slots = self._fitted.max_values[self.field.name]
        encoded = np.zeros((len(values), slots), np.int32)
        of_value = np.repeat(np.arange(len(values)), sizes)
        rows = of_value[ids > 0]
        place = np.arange(len(rows)) - np.searchsorted(rows, rows)
        fits = place < slots
        encoded[rows[fits], place[fits]] = ids[ids > 0][fits]
        of_row = np.bincount(of_value[unknown], minlength=len(values))
        counted = int(np.count_nonzero(unknown))
        return EncodedField(encoded, sizes, of_row, counted, sizes == 0, outside, int(np.count_nonzero(of_row)))

    def _hide_early(self, ids: np.ndarray) -> np.ndarray:
        """Gives the unknown id to occurrences of a value before its `min_count`-th, counted over all blocks so far.

        Args:
          ids: of the block, int32 [n]; changed in place.

        Returns:
          The rows whose id was changed.
        """
        early = np.flatnonzero((ids >= self._first_id) & (self._seen[ids] < self.field.min_count))
        if not len(early):
            return early
        order = early[np.argsort(ids[early], kind='stable')]
        own = ids[order]
        starts = np.flatnonzero(np.diff(own, prepend=-1))
        sizes = np.diff(np.append(starts, len(own)))
        occurrence = self._seen[own] + np.arange(len(own)) - np.repeat(starts, sizes) + 1
        self._seen[own[starts]] += sizes.astype(np.int32)
        hidden = order[occurrence < self.field.min_count]
        ids[hidden] = 1 if self._nothing else 0
        return hidden
