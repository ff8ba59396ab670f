"""Writes the line of a field in a draft: its kind, its keys, and why."""

import re
from typing import NamedTuple

from autoint_jax.data.datasets.drafting.columns import Column
from autoint_jax.data.datasets.drafting.words import names_a_measure, names_a_time, names_ids
from autoint_jax.data.datasets.drafting.yaml_text import quoted, scalar, shown

_FEW = 20  # most different whole numbers that are surely categories
_REPEATED = 5  # rows of each value, on average, from which whole numbers are categories
_MANY = 1000  # different values from which rare ones are better left out
_LONG = 60  # characters, on average, from which a text is written for readers
_FEW_BAD = 0.0005  # most cells of numbers, as a share, that may be words: half of the bad rows that are allowed
_LONG_LIST = 100  # values of a list from which the last ones are left out
_LIST_SHARE = 0.1  # least share of cells with a separator in a column of lists
_SEPARATORS = ('|', ';', '\x02', '\x03', ',', ' ', '/')
_ALWAYS_LISTS = ('|', ';', '\x02', '\x03')
_WITH_UNIT = re.compile(r'[^\w\s.,+-]?\s?[+-]?\d[\d.,]*\s?[^\d\s]{0,3}')  # $92.13, 12%, 3 kg


class Kind(NamedTuple):
    """A kind says what field a column becomes.

    Attributes:
      rule: the keys of the field after its name, or None if the draft leaves the column out.
      reason: why, for a comment.
    """

    rule: str | None
    reason: str


def line(name: str, column: Column, kind: Kind) -> str:
    """Returns the line of a field; it is a comment if the draft leaves the column out."""
    place = '' if name == column.name else f', column: {scalar(column.name)}'
    key = f'- {{name: {scalar(name)}{place}, {kind.rule or "kind: categorical"}}}'
    return ('# ' if kind.rule is None else '') + f'{key}  # {kind.reason}; {_seen(column)}'


def kind_of(column: Column, *, names_tell: bool = True) -> Kind:
    """Returns what field a column becomes. `names_tell` says that its name is the table's own."""
    distinct, rows = len(column.counts), len(column.texts)
    if not column.known:
        return Kind(None, 'left out: it is empty in all these rows')
    if distinct == 1 and rows > 1 and len(column.known) == rows:
        return Kind(None, 'left out: all these rows have one value, so there is nothing to learn')
    if column.is_numeric:
        return _of_numbers(column, names_tell)
    others = column.numbers.others
    if sum(others.values()) <= _FEW_BAD * len(column.known):
        kind = _of_numbers(column.with_texts([text for text in column.known if text not in others]), names_tell)
        if kind.rule and 'numeric' in kind.rule:
            words = ', '.join(shown(word) for word in sorted(others)[:3])
            return kind._replace(
                reason=f'{kind.reason}; cells that are not numbers, such as {words}, make their rows bad'
            )
    return _of_text(column)


def _of_numbers(column: Column, names_tell: bool) -> Kind:
    """Returns the kind of a column of numbers."""
    numeric, distinct, known = 'kind: numeric, transform: standard', len(column.counts), len(column.known)
    ids, measure = (names_tell and told(column.name) for told in (names_ids, names_a_measure))
    if any(re.fullmatch(r'0\d+', value) for value in column.counts):
        return _categorical(column, 'numbers with leading zeros are codes')
    if ids and column.numbers.whole:
        return _categorical(column, 'whole numbers under a name of ids')
    if not column.numbers.whole:
        return Kind(numeric, 'numbers with a fraction')
    if _counts_rows(column):
        return Kind(None, 'left out: it counts the rows')
    if not measure and distinct == known > _FEW and column.numbers.values.is_sorted():
        return Kind(None, 'left out: every row has a number of its own, and they ascend, as ids do')
    if distinct <= _FEW:
        return _categorical(column, 'few whole numbers that repeat')
    if measure:
        return Kind(numeric, 'whole numbers under a name of amounts')
    if known >= _REPEATED * distinct and not _is_skewed(column):
        return _categorical(column, 'whole numbers that repeat; make it numeric if they are amounts')
    if _are_long(column):
        return _categorical(column, 'long whole numbers, like ids')
    return Kind(
        numeric,
        'whole numbers that seldom repeat'
        if known < _REPEATED * distinct
        else 'whole numbers that are mostly small, as counts are',
    )


def _of_text(column: Column) -> Kind:
    """Returns the kind of a column with cells that are not numbers."""
    distinct, known = len(column.counts), len(column.known)
    separator = _list_separator(column)
    if separator is not None:
        brackets = all(value[0] + value[-1] in ('[]', '()', '{}') for value in column.counts)
        return Kind(
            f'kind: multivalued, separator: {quoted(separator)}{_at_most(column, separator)}',
            f'lists of values with {shown(separator)} between them'
            + ('; their brackets become part of the first and last value: better take them out' if brackets else ''),
        )
    if sum(map(len, column.counts)) > _LONG * distinct and distinct > known / 2:
        return Kind(None, 'left out: it looks like text written to be read')
    others = column.numbers.others
    if len(others) < distinct and sum(others.values()) < known / 10:
        words = ', '.join(shown(word) for word in sorted(others)[:3])
        return _categorical(
            column,
            f'mostly numbers, but {len(others):,} values are not ({words}): list these under `missing` to '
            'make it numeric',
        )
    if all(map(_WITH_UNIT.fullmatch, column.counts)) and not any(map(str.isalnum, column.counts)):
        return _categorical(
            column, f'numbers with a unit, as in {shown(column.known[0])}: written without it, they can be numeric'
        )
    return _categorical(
        column, 'words' + '; if they are times, a split by time takes their format' * names_a_time(column.name)
    )


def _categorical(column: Column, why: str) -> Kind:
    """Returns the kind of a categorical field, or of a column left out if no value repeats."""
    distinct, known = len(column.counts), len(column.known)
    if distinct == known > _FEW:
        return Kind(None, f'left out ({why}): every row has a value of its own, so there is nothing to learn')
    return Kind(f'kind: categorical, min_count: {5 if distinct > _MANY else 1}', why)


def _counts_rows(column: Column) -> bool:
    """Returns whether whole numbers grow or fall by one from row to row, as an index does."""
    values = column.numbers.values
    if len(column.known) < 3 or not len(column.texts) == len(column.known) == len(column.counts):
        return False
    return abs(values[-1] - values[0]) == len(values) - 1 == column.numbers.greatest - column.numbers.least


def _is_skewed(column: Column) -> bool:
    """Returns whether most numbers are small and a few are large, as counts are."""
    numbers = column.numbers
    return {1.0, 2.0, 3.0} <= set(numbers.values.unique()) and numbers.greatest > 20 * max(numbers.median, 1)


def _are_long(column: Column) -> bool:
    """Returns whether all values have the same length, seven or more, which amounts do not have."""
    sizes = {len(value) for value in column.counts}
    return len(sizes) == 1 and min(sizes) >= 7


def _list_separator(column: Column) -> str | None:
    """Returns what stands between the values of lists, or None if the column does not hold lists."""
    for separator in _SEPARATORS:
        texts = [value for value in column.counts if separator in value]
        rows = sum(column.counts[value] for value in texts)
        if rows <= _LIST_SHARE * len(column.known):
            continue
        separator = (
            f'{separator} ' if separator in ',;|' and all(f'{separator} ' in text for text in texts) else separator
        )
        tokens = [value.split(separator) for value in column.counts]
        different = len({token for parts in tokens for token in parts})
        if separator.strip(' ') in _ALWAYS_LISTS or (different < len(column.counts) and _varies(tokens)):
            return separator
    return None


def _at_most(column: Column, separator: str) -> str:
    """Returns the key `max_values` if there are very long lists. It covers all but one of a thousand lists."""
    lengths = sorted(value.count(separator) + 1 for value in column.known)
    if lengths[-1] <= _LONG_LIST:
        return ''
    return f', max_values: {max(lengths[int(0.999 * (len(lengths) - 1))], 1)}'


def _varies(tokens: list[list[str]]) -> bool:
    """Returns whether lists differ in length, or hold the same values in different places."""
    if len({len(parts) for parts in tokens}) > 1:
        return True
    return any(
        {parts[0] for parts in tokens} & {parts[place] for parts in tokens} for place in range(1, len(tokens[0]))
    )


def _seen(column: Column) -> str:
    """Returns the number of values, the share of missing cells and some examples, for a comment."""
    rows = max(len(column.texts), 1)
    missing = 1 - len(column.known) / rows
    share = f', {missing:.0%} missing' if missing >= 0.005 else ', few missing' if missing else ''
    examples = ', '.join(shown(value) for value in list(column.counts)[:3])
    return f'{len(column.counts):,} value{"s" * (len(column.counts) != 1)}{share}{": " if examples else ""}{examples}'
