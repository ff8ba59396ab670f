"""Columns derived from raw ones: Avazu's calendar, KDD Cup 2012's user profiles."""

import hashlib
import pathlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from autoint_jax.data.layout import Layout
from autoint_jax.data.raw_rows import BadRow, parsed
from autoint_jax.data.text_blocks import BLOCK_BYTES, blocks
from autoint_jax.errors import UsageError


class Derivation(NamedTuple):
    """What is added to raw columns.

    Attributes:
      derive: a block of raw columns -> the same with more columns.
      types: of those.
      checksums: of files that are joined.
      bad: their unreadable rows.
    """

    derive: Callable[[pl.DataFrame], pl.DataFrame]
    types: dict[str, pl.DataType]
    checksums: dict[str, str]
    bad: Sequence[BadRow]


NO_DERIVATION = Derivation(lambda frame: frame, {}, {}, ())


def avazu_calendar(folder: pathlib.Path) -> Derivation:
    """From `hour`, YYMMDDHH: the hour of the day, the weekday (0 is Sunday) and whether it is a Saturday or Sunday."""

    def derive(frame: pl.DataFrame) -> pl.DataFrame:
        hour = pl.col('hour')
        date = pl.date(2000 + hour // 1_000_000, hour // 10_000 % 100, hour // 100 % 100)
        weekday = (date.dt.weekday() % 7).cast(pl.Int64)
        return frame.with_columns(hour_of_day=hour % 100, weekday=weekday, is_weekend=weekday.is_in([0, 6]).cast(pl.Int64))

    return NO_DERIVATION._replace(derive=derive, types=dict.fromkeys(('hour_of_day', 'weekday', 'is_weekend'), pl.Int64))


PROFILE = 'userid_profile.txt'


def kdd12_profile(folder: pathlib.Path) -> Derivation:
    """`Gender` and `Age` of `UserID` by `userid_profile.txt`, missing for users who are not there; the last line counts."""
    path = folder / PROFILE
    if not path.is_file():
        raise UsageError(f'{path} does not exist: it has the gender and age of every user')
    names = ('UserID', 'Gender', 'Age')
    layout, checksum = Layout(tuple((name, 'integer') for name in names)), hashlib.sha256()
    frames, bad = [], []
    for block in blocks(path, header=False, quote=None, checksum=checksum, block_bytes=BLOCK_BYTES):
        raw = parsed(block, layout, names, None)
        frames.append(raw.frame.drop_nulls('UserID').with_columns(pl.col('Gender', 'Age').cast(pl.Int32)))
        bad += raw.bad
    if not frames:
        raise UsageError(f'{path} is empty')
    profile = pl.concat(frames).unique('UserID', keep='last').sort('UserID')
    users = profile['UserID'].to_numpy()

    def derive(frame: pl.DataFrame) -> pl.DataFrame:
        wanted = frame['UserID'].fill_null(-1).to_numpy()
        place = np.minimum(np.searchsorted(users, wanted), len(users) - 1)
        unknown = pl.Series(users[place] != wanted)
        columns = [profile[name].gather(place).cast(pl.Int64).set(unknown, None) for name in ('Gender', 'Age')]
        return frame.with_columns(columns)

    return Derivation(derive, {'Gender': pl.Int64, 'Age': pl.Int64}, {PROFILE: checksum.hexdigest()}, bad)


DERIVATIONS: dict[str, Callable[[pathlib.Path], Derivation]] = {
    'none': lambda folder: NO_DERIVATION, 'avazu_calendar': avazu_calendar, 'kdd12_profile': kdd12_profile}
