"""Plans: how each field is made of a raw column. They are saved with prepared data, so that new rows can be encoded."""

import dataclasses
from typing import Any

from autoint_jax.data.raw.labels import LabelPlan
from autoint_jax.schema import CATEGORICAL, MULTIVALUED, NUMERIC

# Transforms of numeric fields. 'log_square' is the authors' int(log(x)^2) for x > 2; other values stay.
NUMERIC_TRANSFORMS = ('none', 'log_square', 'standard', 'min_max')
# Transforms of id fields. 'none': the value itself. 'log_square_bucket': the log-square, cut to a whole number.
# 'quantiles': the number of the value's quantile bucket. 'hash': one of a fixed number of buckets, without a
# vocabulary.
ID_TRANSFORMS = ('none', 'log_square_bucket', 'quantiles', 'hash')
# What a missing value becomes. 'unknown': id 0, like rare values. 'value': a value like any other, ''. 'nothing': a
# zero embedding; such a field is multivalued with one slot, in which id 0 is padding and id 1 the unknown value.
# 'nothing_unknown_too': the same, and values without an id of their own become a zero embedding, too. 'zero': the
# number 0, before its bucket is taken.
MISSING = ('unknown', 'value', 'nothing', 'nothing_unknown_too', 'zero')
UNKNOWN = '<unknown>'  # stands for id 1 in a vocabulary whose id 0 is padding
MOST_SLOTS = 10_000  # of a multivalued field; every row of prepared data has all of them


@dataclasses.dataclass(frozen=True)
class FieldPlan:
    """The plan of a field: how it is made of a raw column.

    Attributes:
      name: of the field.
      kind: categorical, multivalued or numeric.
      column: name of the raw column.
      transform: one of NUMERIC_TRANSFORMS or ID_TRANSFORMS.
      min_count: a value has an id of its own if it occurs so many times in the rows that are fitted.
      missing: one of MISSING; an empty list of a multivalued field is always padding.
      missing_values: values, as text, that mean missing, beside the empty cell.
      streaming: in file order, occurrences of a value before its `min_count`-th get the unknown id.
      buckets: number of buckets, for `quantiles` and `hash`.
      cap: only so many values, the most frequent ones, have an id; None = all.
      separator: between the values of a multivalued field.
      max_values: slots of a multivalued field; 0 = as many as the longest row that is fitted has values.
      embedding_dim: the field's own embedding dimension; None = the model's.
      shares: name of the field whose vocabulary this field uses; it is fitted on the columns of both.
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
        """Kind of the field in the schema."""
        return MULTIVALUED if self.kind == CATEGORICAL and self.missing.startswith('nothing') else self.kind

    @property
    def has_vocabulary(self) -> bool:
        """Whether values have ids by a vocabulary, not by buckets."""
        return self.kind != NUMERIC and self.transform in ('none', 'log_square_bucket')


@dataclasses.dataclass(frozen=True)
class CrossPlan:
    """The plan of a crossed field: each pair (or triple) of values of its fields is a value of its own.

    Attributes:
      name: of the crossed field.
      fields: names of the fields that are crossed, two or three.
      min_count: a pair has an id of its own if it occurs in so many training rows; not read by hashed crosses.
      cap: only so many pairs, the most frequent ones, have an id; None = all; not read by hashed crosses.
      buckets: number of buckets of a hashed cross, which has no vocabulary; 0 = pairs are counted.
      embedding_dim: the field's own embedding dimension; None = the model's.
    """

    name: str
    fields: tuple[str, ...]
    min_count: int = 1
    cap: int | None = None
    buckets: int = 0
    embedding_dim: int | None = None


@dataclasses.dataclass(frozen=True)
class TablePlan:
    """The plan of a table: all of its fields, and its label.

    Attributes:
      fields: plans of the fields, in the order of the schema.
      label: how the label of a row is made.
      fit_on_all: fit on all rows, test rows included, instead of on training rows only.
      derivation: name of the columns that are added to the raw ones (`data/raw/derived.py`), or 'none'.
      crosses: plans of the crossed fields, which stand after all others in the schema.
    """

    fields: tuple[FieldPlan, ...]
    label: LabelPlan
    fit_on_all: bool = False
    derivation: str = 'none'
    crosses: tuple[CrossPlan, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Returns the plan as JSON."""
        value = dataclasses.asdict(self)
        # What is not declared is left out, so that data prepared before it could be declared keeps its hash.
        value['label'] = {
            key: own for key, own in value['label'].items() if own or key not in ('negative', 'soft', 'weight')
        }
        if not self.crosses:
            del value['crosses']
        return value

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> 'TablePlan':
        """Returns the plan that `to_json` made JSON of. Raises KeyError, TypeError or ValueError for other JSON."""
        fields = tuple(
            FieldPlan(**{**field, 'missing_values': tuple(field['missing_values'])}) for field in value['fields']
        )
        label = LabelPlan(
            **{**value['label'], **{key: tuple(value['label'].get(key, ())) for key in ('positive', 'negative')}}
        )
        crosses = tuple(CrossPlan(**{**cross, 'fields': tuple(cross['fields'])}) for cross in value.get('crosses', ()))
        return cls(**{**value, 'fields': fields, 'label': label, 'crosses': crosses})
