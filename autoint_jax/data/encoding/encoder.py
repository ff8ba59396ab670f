"""Raw columns -> ids and numbers, by a plan and what was fitted."""

from collections.abc import Mapping
from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np
import polars as pl

from autoint_jax.data.encoding.plan import UNKNOWN, FieldPlan, TablePlan
from autoint_jax.data.encoding.transforms import as_numbers, hashed, keys, transformed
from autoint_jax.data.encoding.unknown_values import BlockSplits, Counts
from autoint_jax.data.encoding.value_table import ValueTable
from autoint_jax.data.store.vocabulary import Vocabulary
from autoint_jax.schema import CATEGORICAL, MULTIVALUED, NUMERIC, FieldSpec, Schema


class Fitted(NamedTuple):
    """What of a plan is fitted.

    Attributes:
      vocabularies: of the fields that have one, by name. A missing value that is one like any other is '', the first.
        Where missing values contribute nothing, the first is `field_plan.UNKNOWN`.
      parameters: of transforms, by name of the field.
      max_values: slots of multivalued fields, by name.
      notes: sentences of fields that tell a model nothing, or cost much for few rows.
    """

    vocabularies: dict[str, Vocabulary]
    parameters: dict[str, tuple[float, ...]]
    max_values: dict[str, int]
    notes: tuple[str, ...] = ()


def schema_of(plan: TablePlan, fitted: Fitted) -> Schema:
    fields = []
    for field in plan.fields:
        if field.kind == NUMERIC:
            fields.append(
                FieldSpec(
                    field.name,
                    NUMERIC,
                    transform=field.transform,
                    transform_parameters=fitted.parameters.get(field.name, ()),
                    embedding_dim=field.embedding_dim,
                )
            )
            continue
        if field.has_vocabulary:
            cardinality = fitted.vocabularies[field.name].cardinality
        else:
            cardinality = 1 + (
                field.buckets if field.transform == 'hash' else len(fitted.parameters.get(field.name, ())) + 1
            )
        fields.append(
            FieldSpec(
                field.name,
                field.schema_kind,
                cardinality,
                fitted.max_values[field.name] if field.kind == MULTIVALUED else 1,
                embedding_dim=field.embedding_dim,
            )
        )
    return Schema(tuple(fields))


def as_text(values: pl.Series) -> list[str]:
    """Values as a vocabulary holds them: as they stand in the raw file."""
    if values.dtype == pl.UInt32:
        return [f'{value:08x}' for value in values]
    return [str(value) for value in values]


def as_values(texts: list[str], dtype: pl.DataType) -> pl.Series:
    """The inverse of `as_text`."""
    values = pl.Series(texts, dtype=pl.String)
    return values.str.to_integer(base=16, dtype=dtype) if dtype == pl.UInt32 else values.cast(dtype)


def split_values(field: FieldPlan, values: pl.Series) -> pl.Series:
    """Texts of a multivalued field -> lists; null where there is nothing."""
    stripped = (
        values.str.split(field.separator)
        .list.eval(pl.element().str.strip_chars())
        .list.eval(pl.element().filter(pl.element() != ''))
    )
    return stripped.set(stripped.list.len() == 0, None) if len(stripped) else stripped


class EncodedField(NamedTuple):
    """A field of a block of rows.

    Attributes:
      columns: float32 [n, 1] of a numeric field, int32 [n, slots] of another.
      values: how many values each row has, int [n]; None if each has one, or none where it is missing.
      unknown: how many values of each row have no id of their own, int or bool [n]; None if all have one.
      outside: how many of these the vocabulary does not have at all.
      missing: which rows have no value, bool [n]; None if all have one.
    """

    columns: np.ndarray
    values: np.ndarray | None = None
    unknown: np.ndarray | None = None
    outside: int = 0
    missing: np.ndarray | None = None


class FieldEncoder:
    """Encodes the raw column of one field, block after block in the order of the rows."""

    def __init__(self, field: FieldPlan, fitted: Fitted, dtype: pl.DataType):
        """`dtype` is the raw column's."""
        self.field, self._fitted = field, fitted
        self._parameters = fitted.parameters.get(field.name, ())
        self._nothing = field.kind == CATEGORICAL and field.missing == 'nothing'
        if field.has_vocabulary:
            texts = list(fitted.vocabularies[field.name].values)
            special = int(bool(texts) and texts[0] in ('', UNKNOWN))
            values = as_values(texts[special:], pl.Int64 if field.transform == 'log_square_bucket' else dtype)
            missing_id = 1 if special and texts[0] == '' else 0
            self._table = ValueTable(
                values, first_id=1 + special, unknown_id=1 if self._nothing else 0, missing_id=missing_id
            )
            self._seen = np.zeros(len(texts) + 1, np.int32) if field.streaming else None
            self._first_id = 1 + special

    def __call__(self, values: pl.Series) -> EncodedField:
        """Encodes values [n]. Raises UsageError where a number becomes too large."""
        if self.field.kind == NUMERIC:
            numbers = transformed(self.field, values, self._parameters)
            return EncodedField(numbers[:, None], missing=np.isnan(numbers))
        if self.field.kind == MULTIVALUED:
            return self._lists(values)
        if self.field.transform == 'quantiles':
            numbers = as_numbers(self.field, values)
            ids, missing = (
                1 + np.searchsorted(self._parameters, numbers, side='right').astype(np.int32),
                np.isnan(numbers),
            )
            return EncodedField(np.where(missing, 0, ids).astype(np.int32)[:, None], missing=missing)
        present = keys(self.field, values.cast(pl.String) if self.field.transform == 'hash' else values)
        ids, unknown = self._ids(present)
        outside = int(np.count_nonzero(unknown))
        if self.field.has_vocabulary and self._seen is not None:
            unknown[self._hide_early(ids)] = True
        return EncodedField(
            ids[:, None], None, unknown, outside, present.is_null().to_numpy() if present.null_count() else None
        )

    def _ids(self, present: pl.Series) -> tuple[np.ndarray, np.ndarray]:
        """Ids of values and which of them are unknown, both [n]."""
        if self.field.transform == 'hash':
            ids = hashed(present, self.field.buckets).to_numpy().astype(np.int32)
            return ids, np.zeros(len(ids), bool)
        return self._table(present)

    def _lists(self, values: pl.Series) -> EncodedField:
        lists = split_values(self.field, keys(self.field, values))
        sizes = lists.list.len().fill_null(0).to_numpy()
        nothing = np.zeros(0, np.int32), np.zeros(0, bool)
        ids, unknown = self._ids(keys(self.field, lists.drop_nulls().explode())) if sizes.any() else nothing
        slots = self._fitted.max_values[self.field.name]
        encoded = np.zeros((len(values), slots), np.int32)
        of_value = np.repeat(np.arange(len(values)), sizes)
        rows = of_value[ids > 0]
        place = np.arange(len(rows)) - np.searchsorted(rows, rows)
        fits = place < slots
        encoded[rows[fits], place[fits]] = ids[ids > 0][fits]
        of_row = np.bincount(of_value[unknown], minlength=len(values))
        return EncodedField(encoded, sizes, of_row, int(np.count_nonzero(unknown)), sizes == 0)

    def _hide_early(self, ids: np.ndarray) -> np.ndarray:
        """Gives the unknown id to occurrences before the `min_count`-th of a value, counted over all blocks so far: their rows."""
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


class Encoder:
    """Encodes blocks of raw rows by a plan."""

    def __init__(self, plan: TablePlan, fitted: Fitted, types: Mapping[str, pl.DataType]):
        """`types` are those of the raw columns, derived ones included."""
        self.schema = schema_of(plan, fitted)
        self._fields = [FieldEncoder(field, fitted, types[field.column]) for field in plan.fields]
        places = {**self.schema.slots, **self.schema.numeric_columns}
        self._places = {field.name: places[field.name] for field in plan.fields}
        self.unknown = dict.fromkeys((field.name for field in plan.fields if field.kind != NUMERIC), 0)
        self.counts = Counts([field.name for field in plan.fields])

    def __call__(
        self, frame: pl.DataFrame, threads: Executor, split_of: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The next block of rows -> ids int32 [n, slots], numeric float32 [n, numeric].

        Counts unknown values by field and, with the number of each row's split, int8 [n], by field and split. Raises UsageError
        where a number becomes too large. In memory both results lie by columns: each is written in one piece, and only the
        pieces that are stored are transposed.
        """
        ids = np.empty((self.schema.num_slots, frame.height), np.int32)
        numeric = np.empty((len(self.schema.numeric_fields), frame.height), np.float32)

        splits = None if split_of is None else BlockSplits(split_of)

        def work(encoder: FieldEncoder, place: slice) -> int:
            found = encoder(frame[encoder.field.column])
            (numeric if encoder.field.kind == NUMERIC else ids)[place] = found.columns.T
            if splits is not None:
                missing = splits.count(found.missing)
                values = splits.rows - missing if found.values is None else splits.count(found.values)
                self.counts.add(encoder.field.name, splits.rows, values, splits.count(found.unknown), missing)
            return found.outside

        for name, unknown in zip(self._places, threads.map(work, self._fields, self._places.values()), strict=True):
            if name in self.unknown:
                self.unknown[name] += unknown
        return ids.T, numeric.T
