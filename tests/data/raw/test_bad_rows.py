"""How many bad rows are too many, and how they are kept."""

import pathlib

import pytest

from autoint_jax.data.raw.bad_rows import SIDE_FILE, BadRows
from autoint_jax.data.raw.lines import BadRow
from autoint_jax.errors import UsageError

PATH = pathlib.Path('rows.csv')


def rows(count, **options):
    return [BadRow(PATH, line, 'it is bad', f'text {line}', **options) for line in range(1, count + 1)]


@pytest.mark.parametrize(
    'count, total, share, passes',
    [
        (2, 5, 0.001, True),
        (3, 5, 0.001, False),
        (3, 999, 0.001, False),
        (3, 999, 0.01, True),
        (2, 1500, 0.001, True),
        (3, 1500, 0.001, False),
        (3, 3000, 0.001, True),
        (4, 3000, 0.001, False),
        (1, 5, 0, False),
        (0, 5, 0, True),
        (5, 5, 1, True),
    ],
)
def test_two_are_never_too_many_but_where_none_are_allowed(tmp_path, count, total, share, passes):
    bad = BadRows(tmp_path, share)
    bad.add(rows(count))
    if passes:
        bad.check(total)
    else:
        with pytest.raises(
            UsageError,
            match=f'{count} of {total:,} rows .*more than --max_bad_share={share}; the first: rows.csv line 1',
        ):
            bad.check(total)


def test_a_bad_row_weighs_as_many_lines_as_it_has(tmp_path):
    bad = BadRows(tmp_path, 0.001)
    bad.add(rows(1, lines=3))
    with pytest.raises(UsageError, match='1 of 900 rows'):
        bad.check(900)


def test_a_number_of_rows_that_is_estimated_is_said_to_be(tmp_path):
    bad = BadRows(tmp_path, 0.001)
    bad.add(rows(904))
    with pytest.raises(UsageError, match=r'^at least 904 of about 1,994 rows \(45.33%\) cannot be parsed'):
        bad.check(1994.3, estimated=True)
    with pytest.raises(UsageError, match=r'^904 of 2,000 rows \(45.20%\) cannot be parsed'):
        bad.check(2000)


@pytest.mark.parametrize('share', [-0.1, 1.5, float('nan'), float('inf')])
def test_a_share_must_be_one(tmp_path, share):
    with pytest.raises(UsageError, match='is not a share: it must be from 0 to 1'):
        BadRows(tmp_path, share)


def test_ten_are_shown(tmp_path):
    bad = BadRows(tmp_path, 1)
    for _ in range(2):
        bad.add(rows(7))
    assert bad.count == 14 and [row.line for row in bad.first] == [1, 2, 3, 4, 5, 6, 7, 1, 2, 3]


def test_each_is_one_line_of_the_side_file(tmp_path):
    texts = ['a\tb', 'one\ntwo\r\nthree', 'bell\x07 escape\x1b[31m', 'next\x85 line\u2028 end', 'back\\slash', 'é']
    bad = BadRows(tmp_path, 1)
    bad.add([BadRow(PATH, 1, "holds 'a\tb'", text, 3) for text in texts])
    bad.close()
    lines = (tmp_path / SIDE_FILE).read_text().splitlines()
    assert [len(line.split('\t')) for line in lines] == [4] * 7
    assert [line.split('\t')[3] for line in lines[1:]] == [
        'a\\tb',
        'one\\ntwo\\r\\nthree',
        'bell\\x07 escape\\x1b[31m',
        'next\\x85 line\\u2028 end',
        'back\\\\slash',
        'é',
    ]
    assert lines[1].split('\t')[2] == "holds 'a\\tb'"


def test_rows_that_are_bad_for_one_reason_are_one_sentence(tmp_path):
    bad = BadRows(tmp_path, 1)
    bad.add([BadRow(PATH, line, f'reason {line % 2}', 'a\tb') for line in range(1, 5)])
    assert bad.lines() == [
        'rows.csv line 1: reason 1: a\\tb (and line 3)',
        'rows.csv line 2: reason 0: a\\tb (and line 4)',
    ]
