"""The fields and rows that a memory plan is made for. Imports no JAX."""

import json
import pathlib
from typing import NamedTuple

from autoint_jax.data.store.opening import folder_of, open_prepared
from autoint_jax.errors import UsageError
from autoint_jax.schema import CATEGORICAL, FieldSpec, Schema


class Planned(NamedTuple):
    """A schema and the rows of each split, {'train': 1000, ...}; no splits where their rows are not known."""

    schema: Schema
    rows: dict[str, int]


def schema_of(cardinalities: list[str] | list[int]) -> Schema:
    """Categorical fields of so many ids each. Raises UsageError."""
    if not all(str(size).isdecimal() and len(str(size)) < 16 and int(size) for size in cardinalities):
        raise UsageError(
            f'the cardinalities {",".join(map(str, cardinalities))} must be numbers of ids, at least 1 '
            'for each field, such as 64,1000'
        )
    return Schema(
        tuple(FieldSpec(f'field_{number}', CATEGORICAL, int(size)) for number, size in enumerate(cardinalities))
    )


def schema_file(path: pathlib.Path) -> Schema:
    """The schema.json of prepared data. Raises UsageError."""
    try:
        return Schema.from_json(json.loads(path.read_text()))
    except OSError as error:
        raise UsageError(f'the schema {path} cannot be read ({error.strerror})') from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(f'{path} is no schema.json of prepared data ({error})') from None


def rows_of(total: int | None) -> dict[str, int]:
    """Rows of splits, 8:1:1; none where the total is not known."""
    if total is None:
        return {}
    return {'train': total - 2 * (total // 10), 'valid': total // 10, 'test': total // 10}


def prepared(data_dir: str, dataset: str, recipe: str) -> Planned | None:
    """Prepared data's own schema and rows, or None where it is not prepared. Raises UsageError where it is damaged."""
    if not folder_of(data_dir, dataset, recipe).exists():
        return None
    data = open_prepared(data_dir, dataset, recipe)
    return Planned(data.schema, {split: counts['rows'] for split, counts in data.manifest['splits'].items()})
