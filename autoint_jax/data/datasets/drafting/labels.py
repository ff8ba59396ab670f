"""Finds the column that a model should predict, and its positive values: by its name, then by its values."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from autoint_jax.data.datasets.drafting.columns import Column
from autoint_jax.data.datasets.drafting.words import has_a_label_word, label_rank, names_ids
from autoint_jax.data.datasets.drafting.yaml_text import listed, scalar, shown

_POSITIVE = frozenset(
    """1 yes y true t positive pos click clicked purchased bought good like liked on ja oui si sí sim tak да
    是""".split()
)
_NEGATIVE = frozenset('0 -1 no n false f negative neg bad off nein non não nao nie нет 否'.split())
_DENIALS = ('no', 'not', 'non', 'un', 'never', 'without')
_MOST_SPELLINGS = 20  # most different values of a label in words
_FIVE_STARS = 3.0  # as MovieLens is read for click prediction: four and five stars are positive
_RATED = 11  # grades have fewer different whole numbers, all below this one


class Label(NamedTuple):
    """A label for a draft.

    Attributes:
      column: name of its column.
      rule: the mapping of the declaration that makes it 0 or 1.
      reason: why this column and this rule, for a comment.
      rarer: number of rows of the rarer class.
    """

    column: str
    rule: str
    reason: str
    rarer: int


def found(columns: Sequence[Column], *, named: bool) -> Label | None:
    """Returns the label, or None if no column looks like one.

    Args:
      columns: all columns of the table.
      named: whether the names are the file's own, so that they tell something.
    """
    usable = [column for column in columns if column.known and len(column.counts) > 0]
    ranked = [(rank, column) for column in usable if named and (rank := label_rank(column.name)) is not None]
    for wanted in (_is_binary, _may_be_binary, lambda column: _rule(column) is not None):
        candidates = sorted(((rank, order) for order, (rank, column) in enumerate(ranked) if wanted(column)))
        if candidates:
            column = ranked[candidates[0][1]][1]
            return _made(column, 'its name is that of a label')
    binary = [
        column
        for column in usable
        if _is_binary(column) and not (named and names_ids(column.name) and not has_a_label_word(column.name))
    ]
    telling = [column for column in binary if _is_telling(column)]
    if len(telling) == 1:
        return _made(telling[0], 'a guess: the only column with two values such as no and yes')
    for place, which in ((0, 'first'), (-1, 'last')):
        if columns and columns[place] in (telling if named else binary):
            return _made(columns[place], f'a guess: the {which} column, with two values')
    return None


def not_found(columns: Sequence[Column]) -> list[str]:
    """Returns comments that say what to write if no label was found, with the column that is most likely the label."""
    graded = [
        column
        for column in columns
        if column.is_numeric
        and column.numbers.whole
        and 2 < len(column.counts) < _RATED
        and 0 <= column.numbers.least
        and column.numbers.greatest < _RATED
        and not names_ids(column.name)
    ]
    binary = [column.name for column in columns if _is_binary(column)]
    name, above = (scalar(graded[0].name), sorted(graded[0].numbers.values.unique())[-3]) if graded else ('NAME', 3)
    seen = f' (columns with two values: {", ".join(map(scalar, binary[:5]))})' if binary else ''
    return [
        '# No label found: no column has the name of one, and none is the only one with values such as no and yes'
        f'{seen}. Write one of:',
        '# label: {column: NAME}                                        # 1 is positive, 0 is negative',
        '# label: {column: NAME, positive: ["yes"], negative: ["no"]}   # words',
        f'# label: {{column: {name}, above: {above:g}}}   # numbers above this one are positive',
        "# Then take the label's column out of the fields.",
    ]


def _made(column: Column, why: str) -> Label:
    """Returns a column as the label. Raises ValueError if it cannot be one."""
    told = _rule(column)
    if told is None:
        raise ValueError(f'column {column.name!r} has no rule of a label')
    rule, reason, rarer = told
    return Label(column.name, f'{{column: {scalar(column.name)}{rule}}}', f'{why}; {reason}', rarer)


def _is_binary(column: Column) -> bool:
    """Returns whether the values of a column have two meanings."""
    return len(_groups(column)) == 2


def _is_telling(column: Column) -> bool:
    """Returns whether the two values of a column are such as no and yes, by their words or numbers."""
    meanings = set(_groups(column))
    return meanings in ({'0', '1'}, {'-1', '1'}) or _by_word(*meanings) is not None


def _may_be_binary(column: Column) -> bool:
    """Returns whether a column holds only 0 or only 1, so that other rows may hold the other."""
    return len(column.counts) == 1 and set(column.counts) <= {'0', '1', '0.0', '1.0'}


def _groups(column: Column) -> dict[str, list[str]]:
    """Returns values by their meaning: `Yes`, `yes` and `yes.` have one."""
    found: dict[str, list[str]] = {}
    for value in list(column.counts)[: _MOST_SPELLINGS + 1]:
        found.setdefault(_meaning(value), []).append(value)
    return found


def _meaning(value: str) -> str:
    """Returns what a value means, without its spelling: lower case, plain numbers, one blank between words."""
    plain = value.lower().rstrip('. ')
    if re.fullmatch(r'[+-]?\d+(\.0*)?', plain):
        return str(int(float(plain)))
    return re.sub(r'[\s_-]+', ' ', plain)


def _rule(column: Column) -> tuple[str, str, int] | None:
    """Returns the keys of the label after its column, their reason, and the number of rows of the rarer class.

    Returns None if the column cannot be a label.
    """
    groups, rows = _groups(column), len(column.known)
    count = {meaning: sum(column.counts[value] for value in values) for meaning, values in groups.items()}
    if set(groups) <= {'0', '1'} and all(re.fullmatch(r'\+?0*[01](\.0*)?', value) for value in column.counts):
        ones = count.get('1', 0)
        return '', f'1 in {_share(ones, rows)} of these rows', min(ones, rows - ones)
    if set(groups) == {'-1', '1'}:
        return ', above: 0', f'+1 in {_share(count["1"], rows)} of these rows', min(count.values())
    if column.is_numeric and len(groups) > 2:
        return _above(column)
    if len(groups) < 2 or len(column.counts) > _MOST_SPELLINGS:
        return None
    positive, told = _positive(count)
    negative = [value for meaning, values in groups.items() if meaning != positive for value in values]
    return (
        f', positive: {listed(sorted(groups[positive]))}, negative: {listed(sorted(negative))}',
        f'{shown(groups[positive][0])} is positive: {told}, in {_share(count[positive], rows)} of these rows',
        min(count[positive], rows - count[positive]),
    )


def _positive(count: dict[str, int]) -> tuple[str, str]:
    """Returns the positive meaning, and why. `count` has the rows of each meaning.

    A meaning is positive by its word, or else because it is the rarest.
    """
    word = _by_word(*count) if len(count) == 2 else None
    if word is not None:
        return word, 'its word says so'
    rarest = min(count.values())
    name = max(meaning for meaning, rows in count.items() if rows == rarest)
    if sum(rows == rarest for rows in count.values()) > 1:
        return name, 'a guess, for no value is rarer than the others'
    return name, 'the rarer value' if len(count) == 2 else f'the rarest of {len(count)} values'


def _by_word(first: str, second: str) -> str | None:
    """Returns which of two meanings is positive by its word, as yes beside no, or click beside noclick; else None."""
    for one, other in ((first, second), (second, first)):
        words = other.split()
        denied = (len(words) > 1 and words[0] in _DENIALS and one == ' '.join(words[1:])) or any(
            other == denial + one for denial in _DENIALS
        )
        if (one in _POSITIVE and other in _NEGATIVE) or denied:
            return one
    return None


def _above(column: Column) -> tuple[str, str, int] | None:
    """Returns a rule `above` for numbers, as `_rule` does: 3 for stars of five, 0 for counts, else near the middle."""
    values = column.numbers.values
    distinct = values.unique().sort()
    if len(distinct) < 2:
        return None
    if distinct[0] == 0 and column.numbers.whole and 2 * int((values == 0).sum()) > len(values):
        bound, told = 0.0, 'a guess: any number above 0 is positive'
    elif column.numbers.whole and distinct[-1] == 5 and 1 <= distinct[0] < 4:
        bound, told = _FIVE_STARS, 'a guess: four and five stars are positive'
    else:
        below = values.sort().search_sorted(distinct, side='right')[:-1]  # rows up to each value but the largest
        bound = distinct[int(np.abs(below.to_numpy() / len(values) - 0.5).argmin())]
        told = f'a guess: the middle of {len(distinct):,} values'
    above = int((values > bound).sum())
    reason = f'{told}, {_share(above, len(values))} of these rows'
    return f', above: {bound!r}'.removesuffix('.0'), reason, min(above, len(values) - above)


def _share(rows: int, all_rows: int) -> str:
    """Returns a share of rows as a percentage."""
    return f'{rows / max(all_rows, 1):.1%}'
