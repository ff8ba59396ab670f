"""Encodes raw columns as ids and numbers, by a plan and the values that were fitted to it."""

from collections.abc import Mapping
from concurrent.futures import Executor

import numpy as np
import polars as pl

from autoint_jax.data.encoding.crosses import CrossEncoder
from autoint_jax.data.encoding.field_encoder import FieldEncoder
from autoint_jax.data.encoding.fitted import Fitted, schema_of
from autoint_jax.data.encoding.plan import TablePlan
from autoint_jax.data.encoding.unknown_values import BlockSplits, Counts
from autoint_jax.data.encoding.unseen_values import UnseenValues
from autoint_jax.schema import MULTIVALUED, NUMERIC, Schema


class Encoder:
    """Encodes blocks of raw rows by a plan.

    Attributes:
      schema: of the encoded rows.
      unknown: {name of an id field: number of values so far that are not in its vocabulary}, without crosses.
      counts: values so far, by field and split.
      unseen: counts the values that are in no vocabulary; None if that is not asked for.
    """

    def __init__(
        self, plan: TablePlan, fitted: Fitted, types: Mapping[str, pl.DataType], unseen: UnseenValues | None = None
    ):
        """Prepares the encoders of all fields.

        Args:
          plan: of the table.
          fitted: to the rows.
          types: {raw column: its type}, derived columns included.
          unseen: counts the values that are in no vocabulary.
        """
        self.unseen = unseen
        own = schema_of(plan, fitted)
        self._crosses = CrossEncoder(plan.crosses, own, fitted.vocabularies, fitted.cuts)
        self.schema = Schema((*own.fields, *self._crosses.fields), plan.label.row_columns)
        self._fields = [FieldEncoder(field, fitted, types[field.column]) for field in plan.fields]
        places = {**self.schema.slots, **self.schema.numeric_columns}
        self._places = {field.name: places[field.name] for field in plan.fields}
        self.unknown = dict.fromkeys((field.name for field in plan.fields if field.kind != NUMERIC), 0)
        self.counts = Counts(self.schema.names)

    def __call__(
        self, frame: pl.DataFrame, threads: Executor, split_of: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Encodes the next block of rows.

        Args:
          frame: raw columns of the block.
          threads: each encodes one field at a time.
          split_of: number of the split of each row, int8 [n]; if it is given, `counts` grows.

        Returns:
          ids int32 [n, slots] and numbers float32 [n, numeric]. In memory the values of a column lie side by side.

        Raises:
          UsageError: a number becomes too large.
        """
        ids = np.empty((self.schema.num_slots, frame.height), np.int32)
        numeric = np.empty((len(self.schema.numeric_fields), frame.height), np.float32)

        splits = None if split_of is None else BlockSplits(split_of)

        def work(encoder: FieldEncoder, place: slice) -> int:
            """Encodes a field into its columns, and returns the number of values outside its vocabulary."""
            found = encoder(frame[encoder.field.column])
            (numeric if encoder.field.kind == NUMERIC else ids)[place] = found.columns.T
            if self.unseen is not None and found.unseen is not None:
                self.unseen.add(encoder.field.name, found.unseen, found.unseen_rows)
            if splits is not None:
                missing = splits.count(found.missing)
                values = splits.rows - missing if found.values is None else splits.count(found.values)
                self.counts.add(encoder.field.name, splits.rows, values, splits.count(found.unknown), missing)
            return found.outside

        for name, unknown in zip(self._places, threads.map(work, self._fields, self._places.values()), strict=True):
            if name in self.unknown:
                self.unknown[name] += unknown
        own = ids[: self.schema.num_slots - sum(field.max_values for field in self._crosses.fields)]
        for field, crossed in zip(self._crosses.fields, self._crosses(own.T, numeric.T), strict=True):
            ids[self.schema.slots[field.name]] = crossed.ids.T
            if splits is not None:
                unknown = crossed.pairs - np.count_nonzero(crossed.ids, axis=1)
                missing = splits.count(crossed.pairs == 0) if field.kind == MULTIVALUED else splits.count(None)
                self.counts.add(field.name, splits.rows, splits.count(crossed.pairs), splits.count(unknown), missing)
        return ids.T, numeric.T
