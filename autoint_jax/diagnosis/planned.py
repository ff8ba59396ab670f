"""The fields and rows for which a memory plan is made. This module imports no JAX."""

import json
import pathlib
import re
from collections.abc import Sequence
from typing import NamedTuple

from autoint_jax.data.store.opening import folder_of, open_prepared
from autoint_jax.errors import UsageError
from autoint_jax.schema import CATEGORICAL, FieldSpec, Schema

_FIELDS = re.compile(r'[1-9]\d{0,14}(?:x[1-9]\d{0,3})?')  # ids of a field, and the number of such fields


class Planned(NamedTuple):
    """The data for which a memory plan is made.

    Attributes:
      schema: the schema of the data.
      rows: {split: number of rows}; {} if the numbers are unknown.
    """

    schema: Schema
    rows: dict[str, int]


def schema_of(cardinalities: Sequence[str | int]) -> Schema:
    """Makes a schema of categorical fields with these numbers of ids; '1000x26' stands for 26 fields of 1000 ids.

    Raises UsageError on any but positive numbers.
    """
    if not all(_FIELDS.fullmatch(str(part)) for part in cardinalities):
        raise UsageError(
            f'the cardinalities {",".join(map(str, cardinalities))} must be numbers of ids, at least 1 '
            'for each field, such as 64,1000, or 1000x26 for 26 fields of 1000'
        )
    sizes = [
        int(ids)
        for part in cardinalities
        for ids, _, fields in [str(part).partition('x')]
        for _ in range(int(fields or 1))
    ]
    return Schema(tuple(FieldSpec(f'field_{number}', CATEGORICAL, size) for number, size in enumerate(sizes)))


def schema_file(path: pathlib.Path) -> Schema:
    """Reads a schema.json of prepared data. Raises UsageError if it is unreadable or no such file."""
    try:
        return Schema.from_json(json.loads(path.read_text()))
    except OSError as error:
        raise UsageError(f'the schema {path} cannot be read ({error.strerror})') from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(f'{path} is not a schema.json of prepared data ({error})') from None


def rows_of(total: int | None) -> dict[str, int]:
    """Divides rows 8:1:1 into splits: {split: number of rows}. Returns {} if the total is unknown."""
    if total is None:
        return {}
    return {'train': total - 2 * (total // 10), 'valid': total // 10, 'test': total // 10}


def prepared(data_dir: str, dataset: str, recipe: str) -> Planned | None:
    """Returns the schema and rows of prepared data; None if it is not prepared. Raises UsageError if it is damaged."""
    if not folder_of(data_dir, dataset, recipe).exists():
        return None
    data = open_prepared(data_dir, dataset, recipe)
    return Planned(data.schema, {split: counts['rows'] for split, counts in data.manifest['splits'].items()})
