"""The values of encoded rows as text."""

from collections.abc import Mapping

import numpy as np

from autoint_jax.data.encoding import plan
from autoint_jax.data.store.columns import Columns
from autoint_jax.data.store.vocabulary import Vocabulary
from autoint_jax.schema import MULTIVALUED, NUMERIC, FieldSpec, Schema

UNKNOWN, MISSING = '(unknown)', '(missing)'
BETWEEN = ' | '  # between the values of a multivalued field
DIGITS = 6  # of a number


class ValueTexts:
    """Writes encoded values as the texts that they were made of.

    A value without an id of its own is UNKNOWN, a missing one MISSING, and one of a field without a vocabulary, whose
    values are hashed or parted by their size, is 'bucket 17'. A number is the transformed one.
    """

    def __init__(self, schema: Schema, vocabularies: Mapping[str, Vocabulary]):
        """Takes the fields, and {name of a field: its vocabulary}."""
        self._schema = schema
        self._known = {name: [_shown(value) for value in own.values] for name, own in vocabularies.items()}

    def id(self, field: FieldSpec, number: int) -> str:
        """Returns an id of a field as text."""
        if number == 0:
            return MISSING if field.kind == MULTIVALUED else UNKNOWN
        known = self._known.get(field.name)
        return f'bucket {number}' if known is None else known[number - 1]

    def row(self, columns: Columns, row: int) -> list[str]:
        """Returns the values of all fields of a row, [f]."""
        ids, numbers, found = np.asarray(columns.ids[row]), np.asarray(columns.numeric[row]), []
        slots, places = self._schema.slots, self._schema.numeric_columns
        for field in self._schema.fields:
            if field.kind == NUMERIC:
                found.append(number_text(float(numbers[places[field.name]][0])))
                continue
            own = ids[slots[field.name]]
            if field.kind == MULTIVALUED and own.any():
                own = own[own != 0]
            else:
                own = own[:1]
            found.append(BETWEEN.join(self.id(field, int(number)) for number in own))
        return found


def number_text(number: float) -> str:
    """Returns a number as text, with DIGITS digits."""
    return MISSING if np.isnan(number) else f'{number:.{DIGITS}g}'


def _shown(value: str) -> str:
    return {'': MISSING, plan.UNKNOWN: UNKNOWN}.get(value, value)
