"""Reads how a declaration divides rows into training, validation and test."""

import datetime
import re
from typing import Any

from autoint_jax.data.datasets.declaration.split_plan import SplitPlan
from autoint_jax.data.datasets.declaration.text import Mapping
from autoint_jax.data.datasets.declaration.values import Declared
from autoint_jax.data.store.columns import SPLITS

KEYS = {
    'random': ('valid', 'test', 'seed'),
    'column': ('name', *SPLITS, 'as_field'),
    'time': ('column', 'valid', 'test', 'format', 'missing_time', 'as_field'),
    'files': SPLITS,
}
MISSING_TIMES = ('bad', *SPLITS)
_LARGEST_SEED = 2**63 - 1
_SHARES = 'a share of the rows, above 0 and below 1'


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
