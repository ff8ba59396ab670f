"""Raw rows as dictionaries -> one array for each raw column, as the graphs of a bundle take them."""

import contextlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from autoint_jax.bundle.manifest import RawInput
from autoint_jax.errors import UsageError
from autoint_jax.terminal import shown

TEXT, NUMBER, TEXTS = 'text', 'number', 'texts'  # kinds of raw columns
CONTEXT = 'the context'  # what the context of a request is called in an error
_SHOWN = 60  # characters of a value in a sentence
_WHOLE, _NUMBERS = {str, int}, {float, int, type(None)}
_LARGEST = 10**4000  # Python writes no number of many more digits


def columns_of(
    rows: Sequence[Mapping[str, Any]], inputs: Sequence[RawInput], where: str = 'row'
) -> dict[str, np.ndarray]:
    """Returns the raw columns of rows: {name: objects of str, or float64, [n]}.

    None is a missing value: an empty text, or NaN. A whole number is taken where a text is expected, as its digits.

    Args:
      rows: dictionaries; keys that are no raw column are not read.
      inputs: the raw columns.
      where: what a row is called in an error, before its number from 0.

    Raises:
      UsageError: a row lacks a column, or a value has another type than its column.
    """
    return {column.name: _column(rows, column, where) for column in inputs}


def _column(rows: Sequence[Mapping[str, Any]], column: RawInput, where: str) -> np.ndarray:
    """Returns one column of all rows."""
    try:
        values = [row[column.name] for row in rows]
    except KeyError:
        number = next(number for number, row in enumerate(rows) if column.name not in row)
        raise UsageError(
            f'{_place(where, number, len(rows))} has no column {shown(column.name)!r}: give it, or null for a missing '
            'value'
        ) from None
    types = set(map(type, values))
    if column.kind == NUMBER:
        if types <= _NUMBERS:
            filled = [math.nan if value is None else value for value in values] if type(None) in types else values
            with contextlib.suppress(OverflowError):  # a whole number of hundreds of digits
                numbers = np.array(filled, np.float64)
                if np.count_nonzero(~np.isfinite(numbers)) == values.count(None):
                    return numbers
        return np.array([_number(value, column, where, number, len(rows)) for number, value in enumerate(values)])
    if types == {str, type(None)}:
        values = ['' if value is None else value for value in values]
    elif types != {str}:
        values = [_text(value, column, where, number, len(rows)) for number, value in enumerate(values)]
    array = np.empty(len(values), object)
    array[:] = values
    return array


def _number(value: Any, column: RawInput, where: str, number: int, count: int) -> float:
    if value is None:
        return math.nan
    if type(value) in (int, float):
        try:
            found = float(value)
        except OverflowError:  # a whole number of hundreds of digits
            found = math.inf
        if math.isfinite(found):
            return found
    raise _mismatch(value, column, 'a finite number', where, number, count)


def _text(value: Any, column: RawInput, where: str, number: int, count: int) -> str:
    if value is None:
        return ''
    if type(value) is int and abs(value) < _LARGEST:
        return str(value)
    if type(value) is str:
        return value
    if column.kind == TEXTS:
        if type(value) is list and set(map(type, value)) <= _WHOLE:
            texts = [str(one) for one in value]
            if column.separator and not any(column.separator in one for one in texts):
                return column.separator.join(texts)
        expected = f'a text, or a list of texts without {column.separator!r}'
    else:
        expected = 'a text or a whole number'
    raise _mismatch(value, column, expected, where, number, count)


def _mismatch(value: Any, column: RawInput, expected: str, where: str, number: int, count: int) -> UsageError:
    said = 'a number of many digits' if type(value) is int and abs(value) >= _LARGEST else shown(repr(value))
    said = said if len(said) <= _SHOWN else said[:_SHOWN] + '...'
    return UsageError(
        f'{_place(where, number, count)} has {said} in column {shown(column.name)!r}, not {expected}: correct it, or '
        'give null for a missing value'
    )


def _place(where: str, number: int, count: int) -> str:
    return where if where == CONTEXT and count == 1 else f'{where} {number}'
