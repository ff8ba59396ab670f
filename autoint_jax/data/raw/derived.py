"""Derives columns from raw ones: Avazu's calendar, the user profiles of KDD Cup 2012, the periods of MovieLens."""

import datetime
import pathlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from autoint_jax.data.raw.cells import Check
from autoint_jax.data.raw.lines import BadRow
from autoint_jax.data.raw.rows import parsed
from autoint_jax.data.text.blocks import blocks
from autoint_jax.data.text.layout import Layout
from autoint_jax.data.text.tally import Tally
from autoint_jax.errors import UsageError


class Derivation(NamedTuple):
    """A derivation adds columns to raw ones, perhaps by joining files.

    Attributes:
      derive: takes a block of raw columns and returns it with more columns.
      types: the types of the added columns.
      checksums: SHA-256 of the joined files by name.
      bad: bad rows of the joined files.
      check: finds rows from which nothing can be derived; None if there are no such rows.
      tallies: counts of the joined files.
    """

    derive: Callable[[pl.DataFrame], pl.DataFrame]
    types: dict[str, pl.DataType]
    checksums: dict[str, str]
    bad: Sequence[BadRow]
    check: Check | None = None
    tallies: Sequence[Tally] = ()


NO_DERIVATION = Derivation(lambda frame: frame, {}, {}, ())


def avazu_calendar(folder: pathlib.Path) -> Derivation:
    """Derives three columns from `hour`, which is YYMMDDHH: `hour_of_day`, `weekday` (0 is Sunday) and `is_weekend`.

    Rows whose `hour` is not a date and hour are bad. `folder` is not read.
    """

    def derive(frame: pl.DataFrame) -> pl.DataFrame:
        hour = pl.col('hour')
        date = pl.date(2000 + hour // 1_000_000, hour // 10_000 % 100, hour // 100 % 100)
        weekday = (date.dt.weekday() % 7).cast(pl.Int64)
        return frame.with_columns(
            hour_of_day=hour % 100, weekday=weekday, is_weekend=weekday.is_in([0, 6]).cast(pl.Int64)
        )

    def check(frame: pl.DataFrame) -> dict[int, str]:
        hours = frame['hour']
        wrong = [hour for hour in hours.drop_nulls().unique() if not _is_hour(hour)]
        rows = hours.is_in(wrong).arg_true().to_list() if wrong else []
        return {row: f"column 'hour' holds {hours[row]}, which is not a date and hour, YYMMDDHH" for row in rows}

    types: dict[str, pl.DataType] = dict.fromkeys(('hour_of_day', 'weekday', 'is_weekend'), pl.Int64())
    return NO_DERIVATION._replace(derive=derive, types=types, check=check)


def _is_hour(hour: int) -> bool:
    """Returns whether a number is YYMMDDHH."""
    try:
        datetime.datetime(2000 + hour // 1_000_000, hour // 10_000 % 100, hour // 100 % 100, hour % 100)
    except ValueError:
        return False
    return 0 <= hour < 10**8


PROFILE = 'userid_profile.txt'


def kdd12_profile(folder: pathlib.Path) -> Derivation:
    """Joins `Gender` and `Age` by `UserID` from `userid_profile.txt` in the raw folder.

    They are missing for users who are not in the file. If a user has several lines, the last one counts. Raises
    UsageError if the file does not exist or holds no profile.
    """
    path = folder / PROFILE
    if not path.is_file():
        raise UsageError(f'{path} does not exist: put that file there, which has the gender and age of every user')
    names = ('UserID', 'Gender', 'Age')
    layout, tally = Layout(tuple((name, 'integer') for name in names)), Tally(path)
    frames: list[pl.DataFrame] = []
    bad: list[BadRow] = []
    for block in blocks(tally, layout):
        raw = parsed(block, layout, names, None, _check_profile)
        tally.add(raw.frame.height, len(raw.bad), sum(row.lines for row in raw.bad), raw.blank, raw.spanning)
        frames.append(raw.frame.with_columns(pl.col('Gender', 'Age').cast(pl.Int32)))
        bad += raw.bad
    tally.check()
    if not tally.rows:
        why = f'its line {bad[0].line} is bad, {bad[0].reason}' if bad else 'it is empty'
        raise UsageError(f'{path} holds no profile: {why}')
    profile = pl.concat(frames).unique('UserID', keep='last').sort('UserID')
    users = profile['UserID'].to_numpy()

    def derive(frame: pl.DataFrame) -> pl.DataFrame:
        wanted = frame['UserID'].fill_null(-1).to_numpy()
        place = np.minimum(np.searchsorted(users, wanted), len(users) - 1)
        unknown = pl.Series(users[place] != wanted)
        columns = [profile[name].gather(place).cast(pl.Int64).set(unknown, None) for name in ('Gender', 'Age')]
        return frame.with_columns(columns)

    return Derivation(
        derive, {'Gender': pl.Int64(), 'Age': pl.Int64()}, {PROFILE: tally.checksum.hexdigest()}, bad, tallies=[tally]
    )


def _check_profile(frame: pl.DataFrame) -> dict[int, str]:
    """Finds rows that are not profiles, as a Check does."""
    user = pl.col('UserID')
    wrong = frame.select(
        pl.any_horizontal(user.is_null(), user < 0, pl.col('Gender', 'Age').abs() >= 2**31)
    ).to_series()
    return dict.fromkeys(
        wrong.arg_true().to_list(),
        'it is not a profile: UserID is missing or below 0, or Gender or Age is 2**31 or more',
    )


AGE_GROUPS = (1, 18, 25, 35, 45, 50, 56)  # their lower ends, in MovieLens-1M


def movielens_groups(folder: pathlib.Path) -> Derivation:
    """Derives `ReleaseTime`, the period of the movie's `Year`, and `AgeGroup`, the lower end of the group of an `Age`.

    A row whose `Age` is below 1 is bad. `folder` is not read.
    """

    def derive(frame: pl.DataFrame) -> pl.DataFrame:
        years, ages = frame['Year'], frame['Age']
        periods = {year: release_period(year) for year in years.drop_nulls().unique()}
        groups = {age: age_group(age) for age in ages.drop_nulls().unique()}
        return frame.with_columns(_replaced(years, periods, 'ReleaseTime'), _replaced(ages, groups, 'AgeGroup'))

    def check(frame: pl.DataFrame) -> dict[int, str]:
        rows = (frame['Age'] < AGE_GROUPS[0]).fill_null(False).arg_true().to_list()
        return {row: f"column 'Age' holds {frame['Age'][row]}, which is not an age in years" for row in rows}

    types: dict[str, pl.DataType] = dict.fromkeys(('ReleaseTime', 'AgeGroup'), pl.String())
    return NO_DERIVATION._replace(derive=derive, types=types, check=check)


def release_period(year: int | None) -> str:
    """Returns the period of a year: 1919 to 1929, a decade up to the 1960s, then each year; '' for None."""
    if year is None:
        return ''
    if year < 1930:
        return '1919-1929'
    return f'{year // 10 * 10}s' if year < 1970 else str(year)


def age_group(age: int) -> str:
    """Returns the lower end of an age's group in MovieLens-1M."""
    return str(max(lower for lower in AGE_GROUPS if age >= lower))


def _replaced(values: pl.Series, texts: dict[int, str], name: str) -> pl.Series:
    """Returns the text of each value, which becomes a column of that name; null where the value is null."""
    old = pl.Series(list(texts), dtype=values.dtype)
    new = pl.Series(list(texts.values()), dtype=pl.String)
    return values.replace_strict(old, new, default=None, return_dtype=pl.String).alias(name)


def joined_files(derivation: str, folder: pathlib.Path) -> list[pathlib.Path]:
    """Returns the files that a derivation joins. Raises UsageError if one of them does not exist."""
    paths = [folder / PROFILE] if derivation == 'kdd12_profile' else []
    for path in paths:
        if not path.is_file():
            raise UsageError(f'{path} does not exist: put that file there, which has the gender and age of every user')
    return paths


DERIVATIONS: dict[str, Callable[[pathlib.Path], Derivation]] = {
    'none': lambda folder: NO_DERIVATION,
    'avazu_calendar': avazu_calendar,
    'kdd12_profile': kdd12_profile,
    'movielens_groups': movielens_groups,
}
# {derivation: raw columns that it reads}
DERIVED_FROM = {
    'none': (),
    'avazu_calendar': ('hour',),
    'kdd12_profile': ('UserID',),
    'movielens_groups': ('Year', 'Age'),
}
