"""The first rows of a libsvm, libfm or libffm file: which of its places or indices make fields."""

import pathlib
import re
from collections.abc import Sequence

from autoint_jax.data.drafting.columns import Column
from autoint_jax.data.drafting.samples import Sample
from autoint_jax.data.drafting.yaml_text import shown
from autoint_jax.data.layout import Layout
from autoint_jax.data.libsvm_source import LABEL, SEPARATOR
from autoint_jax.errors import UsageError

_LINE = re.compile(r'[^\s:]+(\s+\d+:(\d+:)?[^\s:]+)*\s*(#.*)?')
_PAIRS = re.compile(r'(\d+):(?:(\d+):)?([^\s:]+)')
_NUMBER = re.compile(r'[+-]?\d+(\.\d*)?(\s|$)')
_LOOKED = 50  # lines that tell whether a file is of this form
_MOST_NUMBERS = 100  # indices with numbers of their own that become fields
_ONE = {'1', '1.0', '+1'}
_NUMERIC = ('kind: numeric, transform: standard', 'its values are numbers, not only 1')
_MULTIVALUED = ('kind: multivalued', 'indices that a line may have or not')


def looks_like_libsvm(lines: Sequence[str]) -> bool:
    """Whether lines have a number, the label, and then pairs with a colon, more than one on average: `1 10:30` may be a time."""
    looked = lines[:_LOOKED]
    return (all(map(_LINE.fullmatch, looked)) and all(map(_NUMBER.match, looked))
            and sum(len(_PAIRS.findall(line)) for line in looked) >= 1.5 * len(looked))


def sample_of_libsvm(path: pathlib.Path, lines: Sequence[str]) -> Sample:
    """Places where all lines are alike and values are 1; else single indices that have numbers, and ranges of the others.

    Raises UsageError where hardly a line has the form.
    """
    sound = [line for line in lines if _LINE.fullmatch(line)]
    if len(sound) < 0.9 * len(lines):
        wrong = next(line for line in lines if not _LINE.fullmatch(line))
        raise UsageError(f'{path} has not the form libsvm, label index:value index:value ..., as its line {shown(wrong, 60)} shows')
    labels = [line.split()[0] for line in sound]
    rows = [[(int(index or first), value) for first, index, value in _PAIRS.findall(line.partition('#')[0])] for line in sound]
    if not any(rows):
        raise UsageError(f'{path} has labels only: no line has a pair index:value')
    alike = len({len(row) for row in rows}) == 1
    columns, kinds = _places(rows) if alike else (None, {})
    if columns is None:
        columns, kinds = _ranges(rows, sorted({index for row in rows for index, value in row if value not in _ONE}))
    return Sample('libsvm', [], [Column(LABEL, labels, Layout(())), *columns], len(sound), kinds=kinds)


def _places(rows: list[list[tuple[int, str]]]) -> tuple[list[Column] | None, dict[str, tuple[str | None, str]]]:
    """A field for each place of a line: the index there, if its value is 1, or the value, if its index is the same in all lines.

    None where a place has both.
    """
    columns: list[Column] = []
    kinds: dict[str, tuple[str | None, str]] = {}
    for place in range(len(rows[0])):
        indices, values = [str(row[place][0]) for row in rows], [row[place][1] for row in rows]
        if set(values) <= _ONE:
            column = Column(str(place + 1), indices, Layout(()))
            distinct = len(column.counts)
            kinds[column.name] = (f'kind: categorical, min_count: {5 if distinct > 1000 else 1}',
                                  f'the index of pair {column.name}, whose value is always 1')
        elif len(set(indices)) == 1:
            column = Column(f'{indices[0]}-{indices[0]}', values, Layout(()))
            kinds[column.name] = _NUMERIC
        else:
            return None, {}
        if len(column.counts) == 1 < len(rows):
            kinds[column.name] = None, 'left out: it is the same in all these lines, so there is nothing to learn'
        columns.append(column)
    if len({column.name for column in columns}) < len(columns):
        return None, {}
    return columns, kinds


def _ranges(rows: list[list[tuple[int, str]]], numbers: list[int]) -> tuple[list[Column], dict[str, tuple[str | None, str]]]:
    """A numeric field for each index with numbers, and a multivalued one for each range of indices between them."""
    kinds: dict[str, tuple[str | None, str]] = {}
    if len(numbers) > _MOST_NUMBERS:
        indices = sorted({index for row in rows for index, _ in row})
        name = f'{indices[0]}-{indices[-1]}'
        kinds[name] = _MULTIVALUED[0], (f'which indices a line has; the values of {len(numbers):,} indices are not 1 and are not '
                                        'read: declare those that matter as numeric fields, as in column: 7-7')
        return [_range(name, rows, indices[0], indices[-1])], kinds
    columns = []
    others = sorted({index for row in rows for index, _ in row} - set(numbers))
    for index in numbers:
        name = f'{index}-{index}'
        columns.append(Column(name, [dict(row).get(index, '') for row in rows], Layout(())))
        kinds[name] = _NUMERIC
    start = 0
    for place, index in enumerate(others):
        last = place + 1 == len(others) or any(index < number < others[place + 1] for number in numbers)
        if last:
            name = f'{others[start]}-{index}'
            columns.append(_range(name, rows, others[start], index))
            kinds[name] = _MULTIVALUED
            start = place + 1
    columns.sort(key=lambda column: int(column.name.split('-')[0]))
    return columns, kinds


def _range(name: str, rows: list[list[tuple[int, str]]], first: int, last: int) -> Column:
    return Column(name, [SEPARATOR.join(str(index) for index, _ in row if first <= index <= last) for row in rows], Layout(()))
