"""Conditions on rows, such as Gender=M or Price=1..3, and the rows that meet them."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from autoint_jax.data.store.columns import Columns
from autoint_jax.data.store.vocabulary import Vocabulary
from autoint_jax.errors import UsageError, nearest
from autoint_jax.explain.texts import DIGITS, MISSING, UNKNOWN, ValueTexts
from autoint_jax.schema import MULTIVALUED, NUMERIC, FieldSpec, Schema

SHOWN = 12  # fields or values that a sentence names
AT_ONCE = 1 << 18  # rows that are compared at a time
BETWEEN = '..'  # between the ends of a range of numbers


class Condition(NamedTuple):
    """A field and a value that one of its slots must hold, or a range that its number must be in.

    Attributes:
      field: name of the field.
      value: the value or the range as text.
      ids: the ids that mean the value; () for a numeric field.
      low, high: the ends of the range, both within it; NaN if the number must be missing.
    """

    field: str
    value: str
    ids: tuple[int, ...] = ()
    low: float = math.nan
    high: float = math.nan


def conditions(texts: Sequence[str], schema: Schema, vocabularies: Mapping[str, Vocabulary]) -> list[Condition]:
    """Reads conditions: ['Gender=M'] -> [Condition('Gender', 'M', (2,))].

    A value is written as reports show it: as it stands in the raw rows, as '(unknown)' or '(missing)', or, in a field
    without a vocabulary, as 'bucket 17'. A number is the transformed one, and is compared with six digits; '1..3' is a
    range of numbers.

    Args:
      texts: FIELD=VALUE, each.
      schema: the fields.
      vocabularies: {name of a field: its vocabulary}.

    Raises:
      UsageError: a text has another form, or there is no such field or value.
    """
    return [_condition(text, schema, vocabularies) for text in texts]


def matching(columns: Columns, schema: Schema, wanted: Sequence[Condition]) -> np.ndarray:
    """Returns the numbers of the rows that meet all conditions, int64, ascending.

    A multivalued field meets a condition if one of its values is the wanted one. Rows are read block by block.
    """
    slots, places, found = schema.slots, schema.numeric_columns, []
    for first in range(0, len(columns), AT_ONCE):
        ids, numeric = (np.asarray(part[first : first + AT_ONCE]) for part in (columns.ids, columns.numeric))
        met = np.ones(len(ids), bool)
        for one in wanted:
            kind = schema.fields[schema.names.index(one.field)].kind
            if kind == NUMERIC:
                numbers = numeric[:, places[one.field]][:, 0].astype(np.float64)
                met &= np.isnan(numbers) if math.isnan(one.low) else (numbers >= one.low) & (numbers <= one.high)
                continue
            own = ids[:, slots[one.field]]
            holds = np.isin(own, one.ids)
            if kind == MULTIVALUED:  # a zero is padding, and means that the value is missing only if there is no other
                holds &= (own != 0) | (own == 0).all(1, keepdims=True)
            met &= holds.any(1)
        found.append(first + np.flatnonzero(met))
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def sentence(wanted: Sequence[Condition]) -> str:
    """Returns the conditions as text, such as 'Gender is M and Age is 18'; '' without conditions."""
    return ' and '.join(f'{one.field} is {one.value}' for one in wanted)


def _condition(text: str, schema: Schema, vocabularies: Mapping[str, Vocabulary]) -> Condition:
    name = max((own for own in schema.names if text.startswith(f'{own}=')), key=len, default=None)
    if name is None:
        asked, sign, _ = text.partition('=')
        if not sign:
            raise UsageError(f'--where={text} is not FIELD=VALUE, such as {schema.names[0]}=VALUE')
        raise UsageError(
            f'--where={text}: there is no field {asked!r}{nearest(asked, schema.names)}; there are '
            f'{_listed(schema.names)}'
        )
    field, value = schema.fields[schema.names.index(name)], text[len(name) + 1 :]
    if field.kind == NUMERIC:
        return _range(text, field, value)
    texts = ValueTexts(schema, vocabularies)
    ids: dict[str, list[int]] = {}
    for number in range(field.cardinality):
        ids.setdefault(texts.id(field, number), []).append(number)
    if value not in ids:
        known = [own for own in ids if own not in (UNKNOWN, MISSING)]
        raise UsageError(
            f'--where={text}: field {name!r} has no value {value!r}{nearest(value, known)}; it has {_listed(known)}'
        )
    return Condition(name, value, tuple(ids[value]))


def _range(text: str, field: FieldSpec, value: str) -> Condition:
    """Reads a condition on a numeric field."""
    if value == MISSING:
        return Condition(field.name, value)
    start, dots, end = value.partition(BETWEEN)
    try:
        low, high = float(start), float(end if dots else start)
    except ValueError:
        low, high = math.nan, math.nan
    if not (math.isfinite(low) and math.isfinite(high)):
        raise UsageError(
            f'--where={text}: field {field.name!r} is numeric: give a number as reports show it, a range such as '
            f'{field.name}=1{BETWEEN}3, or {field.name}={MISSING}'
        )
    if low > high:
        raise UsageError(f'--where={text}: the range ends before it begins: write {field.name}={end}{BETWEEN}{start}')
    return Condition(field.name, f'{start} to {end}' if dots else value, (), low - _half(low), high + _half(high))


def _half(number: float) -> float:
    """Returns half a unit of the last digit that reports show of a number."""
    return 0.5 * 10.0 ** (math.floor(math.log10(abs(number))) - DIGITS + 1) if number else 0.0


def _listed(names: Sequence[str]) -> str:
    """Returns the first names, and how many more there are."""
    more = f' and {len(names) - SHOWN:,} more' if len(names) > SHOWN else ''
    return f'{", ".join(names[:SHOWN])}{more}'
