"""Finds columns of times, by which rows can be split."""

import math
import re
from typing import NamedTuple

import polars as pl

from autoint_jax.data.datasets.drafting.columns import Column
from autoint_jax.data.datasets.drafting.words import names_a_time, names_ids, words_of
from autoint_jax.data.datasets.drafting.yaml_text import shown
from autoint_jax.data.raw.times import formats_that_fit, read_times
from autoint_jax.errors import UsageError

_VALUES = 2000  # most different values that are looked at
# (first, last) of the years 1995 to 2039 in seconds, milliseconds, microseconds and nanoseconds since 1970.
_EPOCHS = tuple((788_918_400 * scale, 2_208_988_800 * scale) for scale in (1, 10**3, 10**6, 10**9))
_SPANS = ('hour', 'month')  # names of spans that may also hold points in time, such as 14102100 and 201410
_LEAST = 3  # different times; fewer cannot be split


class Times(NamedTuple):
    """A column of times.

    Attributes:
      column: its name.
      format: the first format that fits, or None if the times are numbers or ISO dates.
      others: other formats that fit as well.
      seen: why they are times, for a comment.
      missing: number of rows without a time.
    """

    column: str
    format: str | None
    others: tuple[str, ...]
    seen: str
    missing: int


def times_of(column: Column) -> Times | None:
    """Returns the column as times, or None if it does not hold times."""
    values = list(column.counts)[:_VALUES]
    if len(values) < _LEAST:
        return None
    missing = len(column.texts) - len(column.known)
    shape = f'{shown(column.known[0], 30)} to {shown(column.known[-1], 30)}'
    if column.is_numeric:
        reason = _numbers(column)
        return Times(column.name, None, (), f'{shape}: {reason}', missing) if reason else None
    if not any(character.isdigit() for character in values[0]):
        return None
    try:
        read_times(pl.Series(values, dtype=pl.String), column.name, None)
        return Times(column.name, None, (), f'{shape}: ISO dates', missing)
    except UsageError:
        pass
    formats = formats_that_fit(values)
    return Times(column.name, formats[0], tuple(formats[1:]), f'{shape}: dates', missing) if formats else None


def _numbers(column: Column) -> str | None:
    """Returns why numbers are times, or None if they are not.

    They are if they count from 1970, if they are digits of dates, or if they grow and have a name of times.
    """
    values = column.numbers.values
    named = names_a_time(column.name)
    if not column.numbers.whole or (names_ids(column.name) and not named and words_of(column.name)[-1] not in _SPANS):
        return None
    low, high = column.numbers.least, column.numbers.greatest
    if any(first <= low and high <= last for first, last in _EPOCHS):
        return 'numbers as large as times since 1970'
    texts = list(column.counts)[:_VALUES]
    if _are_digits_of_dates(texts):
        return 'digits of dates'
    grow = named and values.is_sorted() and len(column.counts) > math.sqrt(len(values))
    return 'numbers that grow from row to row' if grow else None


def _are_digits_of_dates(texts: list[str]) -> bool:
    """Returns whether texts are such as 20241031, 2024103123, 202410312359, 20241031235959, or 14102100 as in Avazu."""
    if len({len(text) for text in texts}) > 1:
        return False
    month, day, hour, sixty = '(0[1-9]|1[0-2])', '(0[1-9]|[12][0-9]|3[01])', '([01][0-9]|2[0-3])', '[0-5][0-9]'
    forms = (f'(19|20)[0-9]{{2}}{month}{day}({hour}({sixty}({sixty})?)?)?', f'[0-3][0-9]{month}{day}{hour}')
    return any(all(re.fullmatch(form, text) for text in texts) for form in forms)
