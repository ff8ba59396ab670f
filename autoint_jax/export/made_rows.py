"""Raw rows that are made from what a run knows: vocabularies, parameters of transforms. They need no raw data.

Some of their values are unknown to the run, and some are missing. Multivalued columns have no, one or several values.
"""

import itertools
import math

from autoint_jax.bundle.manifest import RawInput
from autoint_jax.data.datasets.row_plan import RowPlan
from autoint_jax.data.encoding.plan import UNKNOWN
from autoint_jax.data.raw.derived import AGE_GROUPS
from autoint_jax.export.onnx.hashed_texts import can_be_hashed
from autoint_jax.export.raw_inputs import NUMBERS, TEXTS, raw_inputs
from autoint_jax.schema import NUMERIC

ROWS = 16
Value = str | int | float | None
_SPREAD = 7  # values of a vocabulary that rows have
# Values of columns from which others are derived.
_DERIVED_FROM: dict[str, dict[str, list[Value]]] = {
    'avazu_calendar': {'hour': [14102100, 14102213, 14102523, 14103008]},
    'movielens_groups': {'Year': [1924, 1957, 1986, 1995, 2000], 'Age': [*AGE_GROUPS, 33]},
}
_ANY_NUMBERS: list[Value] = [0, 1, 2, 3, 7, 30, 211, 4099]


def made_rows(plan: RowPlan) -> list[dict[str, Value]]:
    """Returns sixteen raw rows, each {column: value}; a missing value is None."""
    inputs = raw_inputs(plan)
    known = {column.name: _known(plan, column) for column in inputs}
    unseen = {column.name: _unseen(plan, column.name) for column in inputs}
    return [
        {column.name: _value(column, row, place, known[column.name], unseen[column.name], plan)
         for place, column in enumerate(inputs)}
        for row in range(ROWS)
    ]  # fmt: skip


def _value(column: RawInput, row: int, place: int, known: list[Value], unseen: Value, plan: RowPlan) -> Value:
    """Returns the value of a column in a row: the first rows know all values, one has none, one knows none."""
    turn = (row + place) % 5 if row > 5 else {4: 0, 5: 1}.get(row, 2)
    if turn == 0 and column.name not in plan.layout.required:
        return None
    if turn == 1 and unseen is not None:
        return unseen if column.kind != TEXTS else f'{known[0]}{column.separator}{unseen}'
    if column.kind == TEXTS:
        count = row % (2 + max(plan.fitted.max_values.values(), default=1))
        values = itertools.islice(itertools.cycle(known), row, row + min(count, _SPREAD))
        return column.separator.join(dict.fromkeys(map(str, values)))
    return known[(row + place) % len(known)]


def _known(plan: RowPlan, column: RawInput) -> list[Value]:
    """Returns values of a column that training rows may have had."""
    given = _DERIVED_FROM.get(plan.table.derivation, {}).get(column.name)
    if given is not None:
        return given
    kind = dict(plan.layout.columns).get(column.name, 'integer')
    values: list[Value] = []
    fields = [field for field in plan.table.fields if field.column == column.name]
    hashed = any(field.transform == 'hash' for field in fields)
    for field in fields:
        if field.kind != NUMERIC and field.transform == 'none':
            texts = [text for text in plan.fitted.vocabularies[field.name].values if text not in ('', UNKNOWN)]
            texts = [text for text in texts if can_be_hashed(text) or not hashed]
            step = max(1, len(texts) // _SPREAD)
            values += map(_number, texts[::step][:_SPREAD]) if kind in NUMBERS else texts[::step][:_SPREAD]
        elif parameters := plan.fitted.parameters.get(field.name, ()):
            numbers = _near(field.transform, parameters)
            values += [math.floor(number) for number in numbers] if kind != 'real' else numbers
    if not values:
        values = _ANY_NUMBERS if kind in NUMBERS else list(map(str, _ANY_NUMBERS))
    return list(dict.fromkeys(values))


def _near(transform: str, parameters: tuple[float, ...]) -> list[float]:
    """Returns numbers near those to which the parameters of a transform were fitted."""
    if transform == 'standard':
        return [parameters[0] + parameters[1] * times for times in (-1.25, 0, 0.5, 2)]
    low, high = min(parameters), max(parameters)
    return [low, high, low + 0.375 * (high - low), high + 1]


def _unseen(plan: RowPlan, name: str) -> Value:
    """Returns a value of a column that no training row had; None if its fields have no vocabulary."""
    kind = dict(plan.layout.columns).get(name, 'integer')
    fields = [field for field in plan.table.fields if field.column == name]
    if name in _DERIVED_FROM.get(plan.table.derivation, {}) or not any(field.has_vocabulary for field in fields):
        return None
    seen = {text for field in fields if field.has_vocabulary for text in plan.fitted.vocabularies[field.name].values}
    tried = itertools.count()
    if kind == 'text':
        return next(text for text in (f'not seen {number}' for number in tried) if text not in seen)
    if kind == 'hexadecimal':
        return next(text for text in (f'{number:08x}' for number in tried) if text not in seen)
    return next(number for number in tried if str(number) not in seen)


def _number(text: str) -> int | float:
    """Returns the number that a text of a vocabulary stands for."""
    try:
        return int(text)
    except ValueError:
        return float(text)
