"""What a recipe makes of raw columns: fields, and how each is encoded. Saved with prepared data to encode new rows."""

import dataclasses
from typing import Any

from autoint_jax.data.raw.labels import LabelPlan
from autoint_jax.schema import CATEGORICAL, MULTIVALUED, NUMERIC

# Of numeric fields. Log-square is the authors' int(log(x)^2) for x > 2, other values unchanged.
NUMERIC_TRANSFORMS = ('none', 'log_square', 'standard', 'min_max')
# Of id fields. None: the value itself. Log-square bucket: as above, cut to a whole number, used as a value. Quantiles: the
# number of the value's quantile bucket. Hash: one of a fixed number of buckets, no vocabulary.
ID_TRANSFORMS = ('none', 'log_square_bucket', 'quantiles', 'hash')
# What a missing value is. Unknown: shares id 0 with rare values. Value: a value like any other, ''. Nothing: contributes a
# zero embedding; such a field has one slot of the multivalued kind, in which id 0 is padding and id 1 the unknown value.
# Nothing, unknown too: the same, and values without an id of their own contribute nothing either. Zero: the number 0,
# before a bucket is taken.
MISSING = ('unknown', 'value', 'nothing', 'nothing_unknown_too', 'zero')
UNKNOWN = '<unknown>'
MOST_SLOTS = 10_000  # of a multivalued field: each row of prepared data has all of them


@dataclasses.dataclass(frozen=True)
class FieldPlan:
    """How a field is made.

    Attributes:
      name: of the field.
      kind: categorical, multivalued or numeric.
      column: raw column; of its type in the layout.
      transform: one of NUMERIC_TRANSFORMS or ID_TRANSFORMS.
      min_count: occurrences in the fitted rows that give a value an id of its own.
      missing: one of MISSING; a multivalued field's empty list is always padding.
      missing_values: values, as text, that are missing beside the empty one.
      streaming: rows before the `min_count`-th occurrence of a value, in file order, get the unknown id all the same.
      buckets: number of them, for `quantiles` and `hash`.
      cap: at most so many values, the most frequent, or None.
      separator: between the values of a multivalued field.
      max_values: slots of a multivalued field; 0: as many as a fitted row has at most.
      embedding_dim: the field's own, or None.
      shares: name of the field whose vocabulary this one uses; it is then fitted on both.
    """

    name: str
    kind: str
    column: str
    transform: str = 'none'
    min_count: int = 1
    missing: str = 'unknown'
    missing_values: tuple[str, ...] = ()
    streaming: bool = False
    buckets: int = 0
    cap: int | None = None
    separator: str = '|'
    max_values: int = 1
    embedding_dim: int | None = None
    shares: str | None = None

    def __post_init__(self):
        transforms = NUMERIC_TRANSFORMS if self.kind == NUMERIC else ID_TRANSFORMS
        if self.kind not in (CATEGORICAL, MULTIVALUED, NUMERIC):
            raise ValueError(f'field {self.name!r}: unknown {self.kind=}')
        if self.transform not in transforms:
            raise ValueError(f'field {self.name!r}: {self.transform=} is none of {transforms}')
        if self.missing not in MISSING:
            raise ValueError(f'field {self.name!r}: {self.missing=} is none of {MISSING}')

    @property
    def schema_kind(self) -> str:
        return MULTIVALUED if self.kind == CATEGORICAL and self.missing.startswith('nothing') else self.kind

    @property
    def has_vocabulary(self) -> bool:
        return self.kind != NUMERIC and self.transform in ('none', 'log_square_bucket')


@dataclasses.dataclass(frozen=True)
class TablePlan:
    """A recipe for a table.

    Attributes:
      fields: in order.
      label: of a row.
      fit_on_all: fit on all rows, test rows included, instead of on training rows.
      derivation: name of the columns added to raw ones (`derived.py`), or 'none'.
    """

    fields: tuple[FieldPlan, ...]
    label: LabelPlan
    fit_on_all: bool = False
    derivation: str = 'none'

    def to_json(self) -> dict[str, Any]:
        value = dataclasses.asdict(self)
        if not self.label.negative:  # left out, so that data prepared before there was such a list keeps its identity
            del value['label']['negative']
        return value

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> 'TablePlan':
        fields = tuple(
            FieldPlan(**{**field, 'missing_values': tuple(field['missing_values'])}) for field in value['fields']
        )
        label = LabelPlan(
            **{**value['label'], **{key: tuple(value['label'].get(key, ())) for key in ('positive', 'negative')}}
        )
        return cls(**{**value, 'fields': fields, 'label': label})
