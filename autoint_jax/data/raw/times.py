"""Reads the times of rows, as text or numbers, into whole numbers of the same order."""

import datetime
import itertools
from collections.abc import Iterable, Sequence

import polars as pl

from autoint_jax.errors import UsageError

_DATES = (
    '%m/%d/%Y',
    '%d/%m/%Y',
    '%Y/%m/%d',
    '%d.%m.%Y',
    '%d-%m-%Y',
    '%m-%d-%Y',
    '%m/%d/%y',
    '%d/%m/%y',
    '%d %b %Y',
    '%b %d %Y',
    '%b %d, %Y',
    '%d-%b-%Y',
    '%d/%b/%Y',
    '%Y.%m.%d',
    '%Y-%m-%d',
)
_CLOCKS = ('', ' %H:%M', ' %H:%M:%S', ' %H:%M:%S.%f', ' %I:%M %p', ' %I:%M:%S %p', ':%H:%M:%S %z', ':%H:%M:%S')
# Formats that an error suggests if times are neither numbers nor ISO dates.
FORMATS = (
    *(date + clock for date in _DATES for clock in _CLOCKS),
    '%Y-%m',
    '%Y/%m',
    '%m/%Y',
    '%Y%m%dT%H%M%S',
    '%Y%m%dT%H%M%S%z',
    '%a %b %d %H:%M:%S %Y',
    '%a, %d %b %Y %H:%M:%S %z',
)
_WHOLE = r'^[+-]?\d{1,38}$'
_NUMBER = r'^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$'
_ISO = (
    r'^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?'
    r' ?(Z|z|[+-]\d{2}:?\d{2}|[+-]\d{2})?$'
)
_EPOCH = datetime.datetime(1970, 1, 1)
_DAY = 86_400


def read_times(values: pl.Series, column: str, format: str | None) -> pl.Series:
    """Returns times as int64 [n]; null where a value is null. Only their order has a meaning.

    All values must be of one kind: numbers, ISO dates with or without the time of day, or times written in `format`.

    Args:
      values: texts, numbers, dates or datetimes [n].
      column: name of the column, for error messages.
      format: directives of Python's `datetime.strptime`, as in '%m/%d/%Y %H:%M', or None.

    Raises UsageError, which suggests a format, if a value is of none of these kinds.
    """
    if values.dtype.is_temporal():
        return values.to_physical().cast(pl.Int64)
    if format is not None:
        return _by_format(values.cast(pl.String), column, format)
    if values.dtype.is_integer() and values.dtype != pl.UInt64:
        return values.cast(pl.Int64)
    texts = values.cast(pl.String).str.strip_chars()
    if _all(texts, _WHOLE):
        _refuse_dates_in_disguise(texts, column)
        numbers = texts.cast(pl.Int128)
        small = numbers.is_between(-(2**63), 2**63 - 1).all()
        return (numbers if small else numbers.rank('dense')).cast(pl.Int64)
    if _all(texts, _NUMBER) and texts.cast(pl.Float64).is_finite().all():
        return texts.cast(pl.Float64).rank('dense').cast(pl.Int64)
    if _all(texts, _ISO):
        return _by_iso(texts, column)
    raise _unreadable(texts, column)


def formats_that_fit(values: Iterable[str]) -> list[str]:
    """Returns those of FORMATS that fit all of the first 100,000 values."""
    fitting = list(FORMATS)
    for value in itertools.islice(values, 100_000):
        fitting = [form for form in fitting if _fits(value, form)]
        if not fitting:
            break
    return fitting


def _all(texts: pl.Series, form: str) -> bool:
    """Returns whether all texts that are not null have a form."""
    return bool(texts.str.contains(form).all(ignore_nulls=True))


def _fits(value: str, form: str) -> bool:
    """Returns whether a value is written in a format of `datetime.strptime`."""
    try:
        datetime.datetime.strptime(value, form)
    except ValueError:
        return False
    return True


def _by_format(texts: pl.Series, column: str, form: str) -> pl.Series:
    """Reads times in a format, as int64 microseconds since 1970 [n]. Raises UsageError if one does not fit."""
    texts = texts.str.strip_chars()
    distinct = texts.drop_nulls().unique()
    parsed = []
    for value in distinct:
        try:
            time = datetime.datetime.strptime(value, form)
        except ValueError as error:
            cause = '' if str(error).startswith(('time data', 'unconverted')) else f' ({error})'
            raise UsageError(
                f'column {column!r} holds {value[:40]!r}, which is not written in the format {form!r} of the split '
                f'by time{cause}{_offer(distinct)}'
            ) from None
        start = _EPOCH.replace(tzinfo=datetime.UTC if time.tzinfo else None)
        parsed.append((time - start) // datetime.timedelta(microseconds=1))
    return texts.replace_strict(distinct, pl.Series(parsed, dtype=pl.Int64), default=None, return_dtype=pl.Int64)


def _by_iso(texts: pl.Series, column: str) -> pl.Series:
    """Reads ISO dates, as int64 microseconds since 1970 [n], or nanoseconds if any has more than six digits."""
    parts = texts.str.extract_groups(_ISO).struct.unnest()
    day = parts['1'].str.to_date('%Y-%m-%d', strict=False).to_physical().cast(pl.Int64)
    hour, minute, second = (parts[name].cast(pl.Int64).fill_null(0) for name in '234')
    known = texts.is_not_null()
    wrong = known & (
        day.is_null() | (hour > 24) | (minute > 59) | (second > 60) | ((hour == 24) & (minute + second > 0))
    )
    if wrong.any():
        raise UsageError(
            f'column {column!r} holds {texts.filter(wrong)[0]!r}, which is not a time: correct it, or leave the row out'
        )
    zones = parts['6']
    if zones.is_null().any() and (zones.is_null() & known).any() and zones.is_not_null().any():
        raise UsageError(
            f'column {column!r} holds times with a zone, {texts.filter(zones.is_not_null())[0]!r}, and without one, '
            f'{texts.filter(zones.is_null() & known)[0]!r}: write all of them in one way'
        )
    minutes = zones.str.replace_all('[Zz:]', '')
    ahead = (_number(minutes.str.slice(1, 2)) * 60 + _number(minutes.str.slice(3, 2))) * 60
    ahead = ahead * (1 - 2 * zones.str.starts_with('-').fill_null(False).cast(pl.Int64))
    seconds = day * _DAY + hour * 3600 + minute * 60 + second - ahead
    digits = parts['5'].fill_null('')
    places = 9 if (digits.str.len_bytes() > 6).any() else 6
    fraction = digits.str.pad_end(places, '0').cast(pl.Int64)
    if places == 9 and (seconds.abs() > 9_000_000_000).any():
        raise UsageError(
            f'column {column!r} holds nanoseconds, and years too far from 1970 to count them: give fewer digits'
        )
    return seconds * 10**places + fraction


def _number(texts: pl.Series) -> pl.Series:
    """Reads texts as whole numbers; 0 if there is none."""
    return texts.cast(pl.Int64, strict=False).fill_null(0)


def _refuse_dates_in_disguise(texts: pl.Series, column: str) -> None:
    """Raises UsageError if numbers can only be day, month and year, because their order is then not that of time."""
    if not _all(texts, r'^[0-3]\d[0-3]\d(19|20)\d{2}$') or not texts.drop_nulls().len():
        return
    distinct = texts.drop_nulls().unique()
    forms = [form for form in ('%m%d%Y', '%d%m%Y') if all(_fits(value, form) for value in distinct)]
    if forms and not all(_fits(value, '%Y%m%d') for value in distinct):
        raise UsageError(
            f'column {column!r} holds {distinct[0]!r}, which looks like a day, a month and a year, so the numbers are '
            f'not in the order of time: write format: {_either(forms)} in the split by time'
        )


def _unreadable(texts: pl.Series, column: str) -> UsageError:
    """Returns the error about values that are not all times of one kind."""
    known = texts.drop_nulls()
    distinct = known.unique(maintain_order=True)
    kinds = [distinct.filter(distinct.str.contains(form)) for form in (_NUMBER, _ISO)]
    other = distinct.filter(~(distinct.str.contains(_NUMBER) | distinct.str.contains(_ISO)))
    if not len(other):
        return (
            UsageError(
                f'column {column!r} of the split by time holds numbers, such as {kinds[0][0]!r}, and dates, such as '
                f'{kinds[1][0]!r}: write all of them in one way'
            )
            if len(kinds[1])
            else UsageError(
                f'column {column!r} of the split by time holds {distinct[0]!r}, which is too large a number'
            )
        )
    mixed = f', beside {(kinds[0] if len(kinds[0]) else kinds[1])[0]!r}' if len(other) < len(distinct) else ''
    return UsageError(
        f'column {column!r} of the split by time holds {other[0][:40]!r}{mixed}, which is neither a number nor an '
        f'ISO date such as 2024-01-31 or 2024-01-31 12:30:00{_offer(distinct)}'
    )


def _offer(distinct: pl.Series) -> str:
    """Returns the end of an error about values that are not times: what to write."""
    forms = formats_that_fit(distinct)
    if forms:
        return f': write format: {_either(forms)} in the split by time'
    return (
        ": write its format in the split by time, as in format: '%m/%d/%Y %H:%M', or list values that mean missing "
        'under missing:'
    )


def _either(forms: Sequence[str]) -> str:
    """Returns formats joined by "or"; several are followed by a note to choose."""
    both = (
        ' (the values fit both: choose)'
        if len(forms) == 2
        else ' (the values fit each: choose)'
        if len(forms) > 2
        else ''
    )
    return ' or '.join(f"'{form}'" for form in forms) + both
