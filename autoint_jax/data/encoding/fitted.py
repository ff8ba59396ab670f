"""The values fitted to the rows: vocabularies, parameters of transforms, and slots. The schema follows from them."""

from typing import NamedTuple

from autoint_jax.data.encoding.plan import TablePlan
from autoint_jax.data.encoding.rare_counts import RareCounts
from autoint_jax.data.store.vocabulary import Vocabulary
from autoint_jax.schema import MULTIVALUED, NUMERIC, FieldSpec, Schema


class Fitted(NamedTuple):
    """The part of an encoding that depends on the rows.

    Attributes:
      vocabularies: {field name: vocabulary}. One value is '' if missing values have an id of their own; it is the
        first one unless they have had it only since a later day. The first value is `plan.UNKNOWN` if missing values
        contribute nothing.
      parameters: {field name: parameters of its transform}.
      max_values: {name of a multivalued field: number of its slots}.
      cuts: {name of a numeric field that is crossed: the points between its buckets, ascending}.
      notes: sentences about fields that tell a model nothing, or that cost much memory for few rows.
    """

    vocabularies: dict[str, Vocabulary]
    parameters: dict[str, tuple[float, ...]]
    max_values: dict[str, int]
    notes: tuple[str, ...] = ()
    cuts: dict[str, tuple[float, ...]] = {}  # noqa: RUF012 - nobody changes it


class Earlier(NamedTuple):
    """What was fitted to the rows of earlier days, which new rows extend.

    Attributes:
      fitted: vocabularies, parameters and slots.
      rare: counts of the values that have no id yet.
    """

    fitted: Fitted
    rare: RareCounts


def schema_of(plan: TablePlan, fitted: Fitted) -> Schema:
    """Returns the schema of the fields of a plan without its crosses, by its vocabularies and parameters."""
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
