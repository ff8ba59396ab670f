"""Conditions on rows, such as Gender=M, and the rows that meet them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from autoint_jax.data.store.columns import Columns
from autoint_jax.data.store.vocabulary import Vocabulary
from autoint_jax.errors import UsageError, nearest
from autoint_jax.explain.texts import MISSING, UNKNOWN, ValueTexts
from autoint_jax.schema import MULTIVALUED, NUMERIC, Schema

SHOWN = 12  # fields or values that a sentence names
AT_ONCE = 1 << 18  # rows that are compared at a time


class Condition(NamedTuple):
    """A field and a value that one of its slots must hold.

    Attributes:
      field: name of the field.
      value: the value as text.
      ids: the ids that mean the value.
    """

    field: str
    value: str
    ids: tuple[int, ...]


def conditions(texts: Sequence[str], schema: Schema, vocabularies: Mapping[str, Vocabulary]) -> list[Condition]:
    """Reads conditions: ['Gender=M'] -> [Condition('Gender', 'M', (2,))].

    A value is written as it stands in the raw rows, or as '(unknown)' or '(missing)'.

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
    slots, found = schema.slots, []
    for first in range(0, len(columns), AT_ONCE):
        ids = np.asarray(columns.ids[first : first + AT_ONCE])
        met = np.ones(len(ids), bool)
        for one in wanted:
            own = ids[:, slots[one.field]]
            kind = schema.fields[schema.names.index(one.field)].kind
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
    if field.kind == NUMERIC or name not in vocabularies:
        raise UsageError(
            f'--where={text}: field {name!r} has no list of values, because it is '
            f'{"numeric" if field.kind == NUMERIC else "hashed or parted by size"}: choose another field'
        )
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


def _listed(names: Sequence[str]) -> str:
    """Returns the first names, and how many more there are."""
    more = f' and {len(names) - SHOWN:,} more' if len(names) > SHOWN else ''
    return f'{", ".join(names[:SHOWN])}{more}'
