"""Reads how a declaration divides rows into training, validation and test, and does it."""

import dataclasses
import datetime
import re
from typing import Any

import numpy as np
import polars as pl

from autoint_jax.data.datasets.declaration.text import Mapping
from autoint_jax.data.datasets.declaration.values import Declared
from autoint_jax.data.preparation.splits import TRAIN, VALID, column_split, random_split, time_split
from autoint_jax.data.raw.times import read_times
from autoint_jax.data.store.columns import SPLITS
from autoint_jax.errors import UsageError

KEYS = {
    'random': ('valid', 'test', 'seed'),
    'column': ('name', *SPLITS, 'as_field'),
    'time': ('column', 'valid', 'test', 'format', 'missing_time', 'as_field'),
    'files': SPLITS,
}
MISSING_TIMES = ('bad', *SPLITS)
# Name of the spooled column with the split that each row has by its file. No declared column can have this name.
FILE_SPLIT = '\x1fsplit'
_LARGEST_SEED = 2**63 - 1
_SHARES = 'a share of the rows, above 0 and below 1'


@dataclasses.dataclass(frozen=True)
class SplitPlan:
    """A split plan divides the rows of a table into training, validation and test.

    Attributes:
      kind: random, column, time or files.
      parameters: the declared parameters with defaults. Those that are off by default stand here only if they are
        given. They are part of the identity of prepared data.
    """

    kind: str
    parameters: dict[str, Any]

    @property
    def column(self) -> str | None:
        """The raw column that says the split, if any."""
        return {'column': self.parameters.get('name'), 'time': self.parameters.get('column')}.get(self.kind)

    @property
    def spooled_column(self) -> str | None:
        """The column that `__call__` needs, if any."""
        return FILE_SPLIT if self.kind == 'files' else self.column

    @property
    def as_field(self) -> bool:
        """Whether a field may be made of the split's column, too."""
        return self.parameters.get('as_field', False)

    @property
    def files(self) -> dict[str, tuple[str, ...]]:
        """Names or patterns of files by split; empty if files do not say the split."""
        if self.kind != 'files':
            return {}
        return {name: patterns for name, patterns in self.parameters.items() if not isinstance(patterns, dict)}

    def __call__(self, labels: np.ndarray, column: pl.Series | None) -> np.ndarray:
        """Returns the split of each row as an index of SPLITS, int8 [n].

        Args:
          labels: [n], 0 or 1.
          column: [n], the column named by `spooled_column`; None if there is none.

        Raises UsageError if values of the column do not fit the declaration, and ValueError if the column is lacking.
        """
        if self.kind == 'random':
            return random_split(labels, **self.parameters)
        if column is None:
            raise ValueError(f'{column=}: a split of the kind {self.kind} needs its column')
        if self.kind == 'time':
            shares = {name: self.parameters[name] for name in ('valid', 'test')}
            return self._by_time(read_times(column, self.parameters['column'], self.parameters.get('format')), shares)
        if self.kind == 'column':
            return column_split(column, {name: self.parameters[name] for name in SPLITS})
        split = column.to_numpy().copy()
        drawn = self.parameters['valid']
        if isinstance(drawn, dict):
            rows = np.flatnonzero(split == TRAIN)
            valid = random_split(labels[rows], valid=drawn['share'], test=0.0, seed=drawn['seed']) == VALID
            split[rows[valid]] = VALID
        return split

    def _by_time(self, times: pl.Series, shares: dict[str, float]) -> np.ndarray:
        """Splits rows by int64 times [n]; rows with a null time go where `missing_time` says."""
        missing = times.is_null().to_numpy()
        if not missing.any():
            return time_split(times.to_numpy(), **shares)
        if missing.all():
            raise UsageError(f'column {self.column!r} of the split by time holds no time')
        if 'missing_time' not in self.parameters:
            raise UsageError(
                f'column {self.column!r} of the split by time holds no time in {missing.sum():,} rows: write '
                'missing_time: train, valid or test in the split by time'
            )
        split = np.full(len(times), SPLITS.index(self.parameters['missing_time']), np.int8)
        split[~missing] = time_split(times.drop_nulls().to_numpy(), **shares)
        return split


def read_split(declared: Declared | None) -> SplitPlan:
    """Reads a declared split; None means the default, a random one.

    Raises UsageError that names the key and the value.
    """
    if declared is None:
        return SplitPlan('random', {'seed': 0, 'valid': 0.1, 'test': 0.1})
    content = declared.mapping(tuple(KEYS))
    if len(content) != 1:
        raise declared.error(f'has {len(content)} ways to split: a split must be one of {", ".join(KEYS)}')
    ((kind, value),) = content.items()
    inside = value.mapping(KEYS[kind])
    if kind == 'random':
        seed = inside['seed'].whole(0, _LARGEST_SEED) if 'seed' in inside else 0
        return SplitPlan(kind, {'seed': seed, **_shares(value, inside)})
    if kind == 'time':
        return SplitPlan(kind, {**_shares(value, inside), **_time(value, inside)})
    if kind == 'column':
        return SplitPlan(kind, _column(value, inside))
    return SplitPlan(kind, _files(value, inside))


def _shares(declared: Declared, content: dict[str, Declared]) -> dict[str, int | float]:
    """Reads the shares of validation and test rows, by default 0.1. Raises UsageError if none is left for training."""
    shares = {
        name: content[name].number(_SHARES, lambda share: 0 < share < 1) if name in content else 0.1
        for name in ('valid', 'test')
    }
    if sum(shares.values()) >= 1:
        raise declared.error(
            f'leaves no rows for training: the shares valid ({shares["valid"]:g}) and test '
            f'({shares["test"]:g}) must be below 1 together'
        )
    return shares


def _required(declared: Declared, content: dict[str, Declared], key: str, what: str) -> Declared:
    """Returns the value of a key. Raises UsageError, which says `what` to do, if it is lacking."""
    if key not in content:
        raise declared.error(f'has no {key!r}: {what}')
    return content[key]


def _as_field(content: dict[str, Declared]) -> dict[str, bool]:
    """Reads `as_field`; it is a parameter only if it is true."""
    return {'as_field': True} if 'as_field' in content and content['as_field'].boolean() else {}


def _time(declared: Declared, content: dict[str, Declared]) -> dict[str, Any]:
    """Reads the parameters of a split by time, apart from the shares."""
    made: dict[str, Any] = {
        'column': _required(declared, content, 'column', 'give the column of times').text('the name of a column')
    }
    if 'format' in content:
        made['format'] = content['format'].text('a format of times, as in "%d/%m/%Y %H:%M"')
        if '%' not in made['format'] or not _is_format(made['format']):
            content['format'].wrong('directives of Python\'s strptime, as in "%d/%m/%Y %H:%M"')
    if 'missing_time' in content and content['missing_time'].choice(MISSING_TIMES) != 'bad':
        made['missing_time'] = content['missing_time'].choice(MISSING_TIMES)
    return made | _as_field(content)


def _is_format(text: str) -> bool:
    """Returns whether a text is a format of `datetime.strptime`."""
    try:
        datetime.datetime.strptime('', text)
    except ValueError as error:
        return str(error).startswith('time data')  # a format that the empty text does not fit
    except re.error:
        return False
    return True


def _column(declared: Declared, content: dict[str, Declared]) -> dict[str, Any]:
    """Reads the parameters of a split by a column. Raises UsageError if two splits list the same value."""
    made: dict[str, Any] = {
        'name': _required(declared, content, 'name', 'give the column whose values say the split').text(
            'the name of a column'
        )
    }
    owner: dict[str, str] = {}
    for name in SPLITS:
        values = _required(declared, content, name, 'list the values of the column whose rows belong to it')
        made[name] = values.texts('a list of values of the column', empty=True)
        for text in made[name]:
            if text in owner:
                raise values.error(
                    f'lists {text!r}, which is also listed under {owner[text]}: a row is in one split only'
                )
            owner[text] = name
    return made | _as_field(content)


def _files(declared: Declared, content: dict[str, Declared]) -> dict[str, Any]:
    """Reads the parameters of a split by files."""
    made: dict[str, Any] = {}
    for name in SPLITS:
        drawn = ', or draw it from the training files by valid: {share: 0.1, seed: 0}' if name == 'valid' else ''
        value = _required(declared, content, name, f'list its files{drawn}')
        if name == 'valid' and isinstance(value.node, Mapping):
            inside = value.mapping(('share', 'seed'))
            share = _required(value, inside, 'share', 'give the share of the training rows').number(
                _SHARES, lambda share: 0 < share < 1
            )
            made[name] = {'share': share, 'seed': inside['seed'].whole(0, _LARGEST_SEED) if 'seed' in inside else 0}
        else:
            made[name] = value.texts(f'names or patterns of files{drawn}')
    return made


def check_leaks(split: SplitPlan, path: object, columns: dict[str, list[str]], label: str) -> str | None:
    """Checks that neither the label nor the column of the split is a field.

    Args:
      split: the split of the table.
      path: the file of the declaration, for error messages.
      columns: names of the fields that are made of each column.
      label: the column of the label.

    Returns a warning if a field is made of the column of a split by time without `as_field`, else None. Raises
    UsageError if a field is made of the label or of the column of a split by column, or if the label decides the split.
    """
    if label in columns:
        raise UsageError(
            f'{path}: field {columns[label][0]!r} is made of column {label!r}, which is the label: a model would '
            'learn to copy it, so take the field out'
        )
    if split.column == label:
        raise UsageError(
            f'{path}: column {label!r} is both the label and the column of the split: rows must be split by another'
        )
    if split.column not in columns or split.as_field:
        return None
    field = columns[split.column][0]
    if split.kind == 'column':
        raise UsageError(
            f'{path}: field {field!r} is made of column {split.column!r}, whose values say the split, so no value of '
            'validation or test rows occurs in training: take the field out, or write as_field: true in split '
            'column if this is meant'
        )
    return (
        f'WARNING: {path}: field {field!r} is made of column {split.column!r}, by which the split is made, so times of '
        'validation and test rows hardly occur in training: take the field out, or write as_field: true in split time '
        'if this is meant'
    )
