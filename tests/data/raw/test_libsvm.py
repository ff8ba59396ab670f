"""Rows of libsvm, libfm and libffm files, in which no number may be lost."""

import pytest

from autoint_jax.data.raw.labels import LabelPlan
from autoint_jax.data.raw.libsvm_files import LibsvmSource
from autoint_jax.data.text.blocks import blocks
from autoint_jax.data.text.layout import Layout
from autoint_jax.data.text.tally import Tally
from autoint_jax.errors import UsageError


def read(tmp_path, text, columns):
    """Returns rows, and bad rows as (line, reason). `columns` has names and types of all columns but the label."""
    path = tmp_path / 'rows.libsvm'
    path.write_text(text)
    layout = Layout((('label', 'real'), *columns), separator=' ', strip=True)
    source = LibsvmSource([path], layout, [name for name, _ in layout.columns])
    tally, rows, bad = Tally(path), [], []
    for block in blocks(tally, layout):
        raw = source.parse(block, LabelPlan('label', above=0))
        tally.add(raw.frame.height, len(raw.bad), len(raw.bad), raw.blank, raw.spanning)
        rows += raw.frame.rows()
        bad += [(row.line, row.reason) for row in raw.bad]
    tally.check()
    return rows, bad


def test_blank_lines_comments_and_blanks_are_no_rows(tmp_path):
    text = '# a comment\n+1 3:1 12:1.0\n\n-1\t4:1   13:1e0 # spam\r\n  \n 1 3:1 \n#\n1'
    assert read(tmp_path, text, [('1', 'text'), ('10-39', 'text')]) == (
        [(1, '3', '12'), (-1, '4', '13'), (1, '3', None), (1, None, None)],
        [],
    )


def test_numbers_of_indices(tmp_path):
    rows, bad = read(
        tmp_path, '1 1:34.7 2:0.5\n0 2:1e-3 7:1\n0 1:x\n0 1:1 1:2\n0 1:1e39\n', [('1-1', 'real'), ('2-2', 'real')]
    )
    assert rows == [(1, 34.7, 0.5), (0, None, 0.001)]
    assert bad == [
        (3, "column '1-1' holds 'x', not a number"),
        (4, "column '1-1' holds '1|2', not a number"),
        (5, bad[2][1]),
    ]
    assert 'too large for float32' in bad[2][1]


def test_an_index_that_many_lines_lack(tmp_path):
    text = '0 1:1\n' * 300 + '1 7:2.5\n' + '0 1:1\n' * 300
    assert read(tmp_path, text, [('7-7', 'real')])[0] == [(0, None)] * 300 + [(1, 2.5)] + [(0, None)] * 300


def test_fields_of_libffm_files(tmp_path):
    rows, bad = read(
        tmp_path,
        '0 0:4:1 1:30:1 1:31:1 2:40:34.7\n1 2:40:1 0:5:1\n1 3:1\n',
        [('field 0', 'text'), ('field 1', 'text'), ('field 2', 'real'), ('2', 'text'), ('30-39', 'text')],
    )
    assert rows == [
        (0, '4', '30|31', 34.7, '30', '30|31'),
        (1, '5', None, 1.0, '5', None),
        (1, None, None, None, None, None),
    ]
    assert bad == []


@pytest.mark.parametrize('column', ['1', '3-9', 'field 0'])
@pytest.mark.parametrize('number', ['0.37', '2', '0', 'x'])
def test_a_number_that_would_be_lost_makes_a_bad_row(tmp_path, column, number):
    rows, bad = read(tmp_path, f'1 0:3:1\n1 0:3:{number}\n', [(column, 'text')])
    assert rows == [(1, '3')]
    assert bad == [
        (
            2,
            f"column '{column}' takes the index of '0:3:{number}', and the number {number} would be lost: it must be "
            '1, or the field numeric',
        )
    ]


@pytest.mark.parametrize(
    'line', ['1:1 2:1', '1 5', '1 a:1', '1 -3:1', '1 3:', '1 1:2:3:4', '1 12345678901234567890:1', 'x y', '1 3:1 \0:1']
)
def test_lines_of_another_form_are_bad_rows(tmp_path, line):
    rows, bad = read(tmp_path, f'1 3:1\n{line}\n', [('1', 'text')])
    assert rows == [(1, '3')] and bad == [(2, 'it does not have the form label index:value or label field:index:value')]


def test_a_query_is_a_column(tmp_path):
    assert read(tmp_path, '2 qid:7 3:1\n1 3:1\n', [('qid', 'text'), ('1', 'text')])[0] == [
        (2, '7', '3'),
        (1, None, '3'),
    ]


@pytest.mark.parametrize(
    'column, kind, message',
    [
        ('3', 'real', "'3' of a libsvm file gives indices, not numbers: .*column: 3-3"),
        ('3-9', 'real', "'3-9' of a libsvm file gives indices, not numbers"),
        ('9-3', 'text', "'9-3' of a libsvm file must be a place"),
        ('price', 'text', "'price' of a libsvm file must be a place, as in 3, a range"),
    ],
)
def test_columns_without_meaning_are_refused(tmp_path, column, kind, message):
    with pytest.raises(UsageError, match=message):
        read(tmp_path, '1 3:1\n', [(column, kind)])
