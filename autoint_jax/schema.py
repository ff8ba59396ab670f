"""Fields, schema and batch: what data and models agree on."""

import dataclasses
import itertools
import json
from typing import Any, NamedTuple

CATEGORICAL = 'categorical'
MULTIVALUED = 'multivalued'
NUMERIC = 'numeric'
KINDS = (CATEGORICAL, MULTIVALUED, NUMERIC)
# Columns that rows may have beside ids, numbers and labels.
ROW_WEIGHTS, SOFT_LABELS = ROW_COLUMNS = ('row_weights', 'soft_labels')


@dataclasses.dataclass(frozen=True)
class FieldSpec:
    """One field of the input (paper section 4.2).

    Attributes:
      name: shown in figures and errors.
      kind: `categorical` (one id), `multivalued` (up to `max_values` ids, averaged, Eq. 3) or `numeric` (Eq. 4).
      cardinality: number of ids, id 0 included; 0 for numeric fields. In a categorical field id 0 is the unknown
        value and has an embedding of its own; in a multivalued field it is padding and contributes nothing.
      max_values: number of the field's id slots in a batch; 1 unless multivalued.
      transform: name of a numeric field's transform, which prepared data has already undergone.
      transform_parameters: parameters that apply the transform to raw rows; (min, max) for `min_max`.
      boundaries: quantiles of a numeric field's values in the training split, ascending; empty if they are not known.
      embedding_dim: the field's own embedding dimension; None = the model's.

    Raises:
      ValueError: the attributes contradict each other.
    """

    name: str
    kind: str
    cardinality: int = 0
    max_values: int = 1
    transform: str = 'none'
    transform_parameters: tuple[float, ...] = ()
    boundaries: tuple[float, ...] = ()
    embedding_dim: int | None = None

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f'field {self.name!r}: {self.kind=} is none of {KINDS}')
        if self.kind == NUMERIC and self.cardinality:
            raise ValueError(f'field {self.name!r}: a numeric field has no ids, but {self.cardinality=}')
        if self.kind != NUMERIC and self.cardinality < 1:
            raise ValueError(f'field {self.name!r}: {self.cardinality=} must count at least id 0')
        if self.kind != MULTIVALUED and self.max_values != 1:
            raise ValueError(f'field {self.name!r}: only a multivalued field can have {self.max_values=}')


@dataclasses.dataclass(frozen=True)
class Schema:
    """The fields of a data set, in order. Id slots and numeric columns of a batch have the same order.

    Attributes:
      fields: all fields.
      row_columns: names of the columns that rows have beside ids, numbers and labels; some of ROW_COLUMNS, in their
        order.

    Raises:
      ValueError: two fields have the same name, or there is no such column.
    """

    fields: tuple[FieldSpec, ...]
    row_columns: tuple[str, ...] = ()

    def __post_init__(self):
        names = [field.name for field in self.fields]
        if len(set(names)) != len(names):
            raise ValueError(f'field names repeat: {names}')
        if self.row_columns != tuple(name for name in ROW_COLUMNS if name in self.row_columns):
            raise ValueError(f'{self.row_columns=} are not some of {ROW_COLUMNS}, in their order')

    @property
    def names(self) -> list[str]:
        """Names of all fields."""
        return [field.name for field in self.fields]

    @property
    def id_fields(self) -> tuple[FieldSpec, ...]:
        """The categorical and multivalued fields."""
        return tuple(field for field in self.fields if field.kind != NUMERIC)

    @property
    def numeric_fields(self) -> tuple[FieldSpec, ...]:
        """The numeric fields."""
        return tuple(field for field in self.fields if field.kind == NUMERIC)

    @property
    def slots(self) -> dict[str, slice]:
        """{name of an id field: the slice of a batch's id slots that belongs to it}, in the order of the fields."""
        ends = list(itertools.accumulate(field.max_values for field in self.id_fields))
        return {field.name: slice(end - field.max_values, end) for field, end in zip(self.id_fields, ends, strict=True)}

    @property
    def numeric_columns(self) -> dict[str, slice]:
        """{name of a numeric field: the slice, one wide, of a batch's numeric columns that belongs to it}."""
        return {field.name: slice(column, column + 1) for column, field in enumerate(self.numeric_fields)}

    @property
    def num_slots(self) -> int:
        """Number of id slots of a batch."""
        return sum(field.max_values for field in self.id_fields)

    @property
    def num_ids(self) -> int:
        """Number of ids of all fields."""
        return sum(field.cardinality for field in self.id_fields)

    def to_json(self) -> dict[str, Any]:
        """Returns the schema as JSON."""
        # Empty boundaries and columns are left out, so that data prepared before there were any keeps its hash.
        fields = [
            {name: value for name, value in dataclasses.asdict(field).items() if name != 'boundaries' or value}
            for field in self.fields
        ]
        return {'fields': fields, **({'row_columns': list(self.row_columns)} if self.row_columns else {})}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> 'Schema':
        """Returns the schema that `to_json` made JSON of. Raises KeyError, TypeError or ValueError for other JSON."""
        return cls(
            tuple(
                FieldSpec(
                    **{
                        **field,
                        'transform_parameters': tuple(field['transform_parameters']),
                        'boundaries': tuple(field.get('boundaries', ())),
                    }
                )
                for field in value['fields']
            ),
            tuple(value.get('row_columns', ())),
        )

    def dumps(self) -> str:
        """Returns the schema as JSON text."""
        return json.dumps(self.to_json(), indent=2) + '\n'


class Batch(NamedTuple):
    """A batch of rows, as models get it (NumPy or JAX arrays).

    Attributes:
      ids: int32 [b, slots], ids within their field; 0 = unknown (categorical) or padding (multivalued).
      numeric: float32 [b, numeric], transformed values; NaN = missing. A missing value contributes nothing.
      labels: float32 [b], 0 or 1, or in training between them if the data has soft labels.
      weights: float32 [b], 0 for rows that only fill the last batch, else 1.
      row_weights: float32 [b], how much each row counts in the training loss; None if all count alike.
    """

    ids: Any
    numeric: Any
    labels: Any
    weights: Any
    row_weights: Any = None
