"""Reads the first rows of a libsvm, libfm or libffm file, and decides which places or indices become fields."""

import bisect
import pathlib
import re
from collections.abc import Sequence

from autoint_jax.data.datasets.drafting.columns import Column
from autoint_jax.data.datasets.drafting.samples import Sample
from autoint_jax.data.datasets.drafting.yaml_text import shown
from autoint_jax.data.raw.libsvm_files import INDEX_SEPARATOR, LABEL
from autoint_jax.data.text.layout import Layout
from autoint_jax.errors import UsageError

_LINE = re.compile(r'[^\s:]+(\s+qid:\d+)?(\s+\d+:(\d+:)?[^\s:]+)*')
_PAIRS = re.compile(r'(?<!\S)(\d+):(?:(\d+):)?([^\s:]+)')
_NUMBER = re.compile(r'[+-]?\d+(\.\d*)?(\s|$)')
_LOOKED = 50  # lines that are looked at to tell whether a file is of this form
_MOST_NUMBERS = 1000  # most indices with numbers that become fields of their own
_ONE = {'1', '1.0', '+1'}
Kind = tuple[str | None, str]  # the keys of a field after its name, or None if it is left out, and the reason
_NUMERIC = ('kind: numeric, transform: standard', 'its values are numbers, not only 1')
_MULTIVALUED = ('kind: multivalued', 'indices that a line may have or not')


def looks_like_libsvm(lines: Sequence[str]) -> bool:
    """Returns whether lines have a number, the label, and then pairs with a colon.

    There must be more than one pair on average, because `1 10:30` may be a time.
    """
    looked = _bare(lines[:_LOOKED])
    return bool(looked) and (
        all(map(_LINE.fullmatch, looked))
        and all(map(_NUMBER.match, looked))
        and sum(len(_PAIRS.findall(line)) for line in looked) >= 1.5 * len(looked)
    )


def sample_of_libsvm(path: pathlib.Path, lines: Sequence[str]) -> Sample:
    """Reads the first lines of a file.

    A libffm file has a column for each field. In other files, a column is made of each place if all lines are alike;
    else of each index with numbers, and of each range of the other indices.

    Raises UsageError if more than a tenth of the lines have another form, if no line has a pair, or if too many indices
    have numbers.
    """
    bare = _bare(lines)
    sound = [line for line in bare if _LINE.fullmatch(line)]
    if not sound or len(sound) < 0.9 * len(bare):
        wrong = next((line for line in bare if not _LINE.fullmatch(line)), lines[0])
        raise UsageError(
            f'{path} does not have the form libsvm, label index:value index:value ..., as its line {shown(wrong, 60)} '
            'shows'
        )
    found = [_PAIRS.findall(line) for line in sound]
    if not any(found):
        raise UsageError(f'{path} has labels only: no line has a pair index:value')
    if any(index for row in found for _, index, _ in row):
        columns, kinds = _fields(
            [[(int(field), index or field, value) for field, index, value in row] for row in found]
        )
    else:
        rows = [[(int(index), value) for index, _, value in row] for row in found]
        places = _places(rows) if len({len(row) for row in rows}) == 1 else None
        columns, kinds = _ranges(path, rows) if places is None else places
    labels = Column(LABEL, [line.split()[0] for line in sound], Layout(()))
    return Sample('libsvm', [], [labels, *columns], len(sound), kinds=kinds)


def _bare(lines: Sequence[str]) -> list[str]:
    """Returns lines without comments; lines with nothing else are left out."""
    return [bare for line in lines if (bare := line.partition('#')[0].strip())]


def _fields(rows: list[list[tuple[int, str, str]]]) -> tuple[list[Column], dict[str, Kind]]:
    """Returns a column for each field of a libffm file, with its index, its indices or its number, and their kinds."""
    columns: list[Column] = []
    kinds: dict[str, Kind] = {}
    for field in sorted({field for row in rows for field, _, _ in row}):
        own = [[(index, value) for number, index, value in row if number == field] for row in rows]
        name, single = f'field {field}', max(map(len, own)) == 1
        ones = {value for pairs in own for _, value in pairs} <= _ONE
        if ones or not single:
            column = Column(name, [INDEX_SEPARATOR.join(index for index, _ in pairs) for pairs in own], Layout(()))
            kinds[name] = (
                _categorical(column, f'the index of field {field}, whose value is always 1') if single else _MULTIVALUED
            )
            if not ones:
                kinds[name] = (
                    None,
                    'left out: it has several indices in a line, and numbers with them, which are not read',
                )
        else:
            column = Column(name, [pairs[0][1] if pairs else '' for pairs in own], Layout(()))
            kinds[name] = _NUMERIC
        columns.append(column)
    return columns, _without_constants(columns, kinds)


def _categorical(column: Column, reason: str) -> Kind:
    """Returns the kind of a categorical field."""
    return f'kind: categorical, min_count: {5 if len(column.counts) > 1000 else 1}', reason


def _without_constants(columns: Sequence[Column], kinds: dict[str, Kind]) -> dict[str, Kind]:
    """Leaves columns out that are the same in all rows. Returns the kinds."""
    for column in columns:
        if len(column.counts) == 1 < len(column.texts) == len(column.known):
            kinds[column.name] = None, 'left out: it is the same in all these lines, so there is nothing to learn'
    return kinds


def _places(rows: list[list[tuple[int, str]]]) -> tuple[list[Column], dict[str, Kind]] | None:
    """Returns a column for each place of a line, and their kinds.

    A column holds the indices at its place if all values there are 1, or the values if all lines have the same index
    there. Returns None if a place has neither, or if two places have the same index.
    """
    columns: list[Column] = []
    kinds: dict[str, Kind] = {}
    for place in range(len(rows[0])):
        indices, values = [str(row[place][0]) for row in rows], [row[place][1] for row in rows]
        if set(values) <= _ONE:
            column = Column(str(place + 1), indices, Layout(()))
            kinds[column.name] = _categorical(column, f'the index of pair {place + 1}, whose value is always 1')
        elif len(set(indices)) == 1:
            column = Column(f'{indices[0]}-{indices[0]}', values, Layout(()))
            kinds[column.name] = _NUMERIC
        else:
            return None
        columns.append(column)
    if len({column.name for column in columns}) < len(columns):
        return None
    return columns, _without_constants(columns, kinds)


def _ranges(path: pathlib.Path, rows: list[list[tuple[int, str]]]) -> tuple[list[Column], dict[str, Kind]]:
    """Returns a numeric column for each index with numbers, a multivalued one for each range of indices between them,
    and their kinds.

    Raises UsageError if too many indices have numbers.
    """
    numbers = sorted({index for row in rows for index, value in row if value not in _ONE})
    if len(numbers) > _MOST_NUMBERS:
        raise UsageError(
            f'{path} has numbers other than 1 at {len(numbers):,} indices: each would be a numeric field of its own, '
            f'and a draft has at most {_MOST_NUMBERS:,}: declare those that matter, as in '
            '{name: x, column: 7-7, kind: numeric}'
        )
    kinds: dict[str, Kind] = {}
    of_index = [dict(row) for row in rows]
    columns = []
    for index in numbers:
        columns.append(Column(f'{index}-{index}', [values.get(index, '') for values in of_index], Layout(())))
        kinds[columns[-1].name] = _NUMERIC
    parts: dict[int, list[int]] = {}  # the indices below the first number, those between it and the next, ...
    for index in sorted({index for row in rows for index, _ in row} - set(numbers)):
        parts.setdefault(bisect.bisect(numbers, index), []).append(index)
    for part in parts.values():
        first, last = part[0], part[-1]
        name = f'{first}-{last}'
        texts = [INDEX_SEPARATOR.join(str(index) for index, _ in row if first <= index <= last) for row in rows]
        columns.append(Column(name, texts, Layout(())))
        kinds[name] = _MULTIVALUED
    columns.sort(key=lambda column: int(column.name.split('-')[0]))
    return columns, _without_constants(columns, kinds)
