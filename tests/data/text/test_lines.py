"""Every line of a file is a row, a part of a row, a bad row, or known to be none, and all are counted."""

import pytest
from text_cases import COLUMNS, NAMES, SOUND, read_text

from autoint_jax.data.raw.headers import check_header, names_in
from autoint_jax.data.text.layout import Layout
from autoint_jax.data.text.tally import Tally, told
from autoint_jax.errors import UsageError


def test_what_is_told_of_files(tmp_path):
    tally = Tally(tmp_path / 'a.csv', lines=9, header=1)
    tally.add(3, 1, 2, 1, [(2, 3)])
    tally.check()
    assert told([tally])[0] == (
        'a.csv: 9 lines: 3 rows, further lines of rows 2, 1 bad row, further lines of bad rows 1, '
        '1 blank line or comment, 1 line of column names'
    )
    many = [Tally(tmp_path / f'{number}.csv', lines=2, rows=2, row_lines=2) for number in range(100)] + [tally] * 12
    assert told(many)[0] == '112 files: 308 lines, 236 rows'
    assert [line[:5] for line in told(many)[1:]] == ['a.csv'] * 10 + ['... 2'] + ['WARNI'] * 10
    assert tally.to_json() == {
        'file': 'a.csv',
        'lines': 9,
        'header': 1,
        'rows': 3,
        'bad': 1,
        'blank': 1,
        'spanning_rows': 1,
    }


def test_a_bad_row_counts_all_its_lines(tmp_path):
    for row, reason in (
        ('0,"u\nv",w,much', "column 'x' holds 'much', not a number"),
        ('0,"u\n",w', 'it has 3 columns, not 4'),
        ('1,v,w,"0.5\n0,a,b,1"', "column 'x' holds '0.5\\n0,a,b,1', not a number"),
    ):
        rows, bad, tally = read_text(tmp_path, f'{row}\n1,w,x,1.5\n')
        assert rows == SOUND[1:] and bad == [(1, reason)] and (tally.bad, tally.bad_lines, tally.lines) == (1, 2, 3)


def test_lost_lines_are_an_error(tmp_path):
    tally = Tally(tmp_path / 'rows.csv', lines=3, row_lines=1, bad_lines=1)
    with pytest.raises(UsageError, match='has 3 lines, of which 2 were read'):
        tally.check()


@pytest.mark.parametrize('block_bytes', [5, 1000])
@pytest.mark.parametrize(
    'text',
    [
        '\n\ny,a,b,x\n\n0,u,v,0.5\n\n \n1,w,x,1.5\n\n\n',
        'y,a,b,x\r\n\r\n0,u,v,0.5\n1,w,x,1.5\r\n\n',
        'y,a,b,x\r\r\n0,u,v,0.5\r\r\n1,w,x,1.5',
        '\ufeffy,a,b,x\r0,u,v,0.5\r\r1,w,x,1.5\r',
        'y, "a", "b", x\n0, "u", "v", 0.5\n1, "w", "x", 1.5\n',
    ],
)
def test_blank_lines_are_no_rows_and_line_ends_may_be_mixed(tmp_path, text, block_bytes):
    layout = Layout(COLUMNS, separator=',', quote='"', strip=True, header=True)
    rows, bad, tally = read_text(tmp_path, text, layout, block_bytes=block_bytes)
    assert (rows, bad) == (SOUND, []) and tally.rows == 2
    check_header(tmp_path / 'rows.csv', layout)
    assert names_in(tmp_path / 'rows.csv', layout) == NAMES


def test_a_header_may_span_lines(tmp_path):
    layout = Layout((('y', 'integer'), ('a\nb', 'text')), separator=',', quote='"', header=True, strip=True)
    rows, _, tally = read_text(tmp_path, 'y,"a\nb"\n1,u\n', layout, block_bytes=3)
    assert rows == [(1, 'u')] and tally.header == 2 and names_in(tmp_path / 'rows.csv', layout) == ['y', 'a\nb']


@pytest.mark.parametrize('text', ['y,a,b,x', 'y,a,b,x\n', '\n\n', 'y,a,b,x\n\n\n', '\ufeff'])
def test_files_without_rows(tmp_path, text):
    rows, bad, tally = read_text(tmp_path, text, Layout(COLUMNS, separator=',', quote='"', strip=True, header=True))
    assert (rows, bad, tally.rows) == ([], [], 0)


def test_nul_characters_and_lone_returns(tmp_path):
    rows, bad, _ = read_text(tmp_path, '0,u,v,0.5\n1,a\0b,x,1\n1,"c\n\0",x,1\n0,c\rd,e,1\n0,f,g,1\r0,h,i,1\n')
    assert rows == [SOUND[0], (0, 'c\rd', 'e', 1)]
    assert bad == [
        (2, 'it has a NUL character'),
        (3, 'it has a NUL character'),
        (6, 'it has 7 columns, not 4, and a carriage return within it'),
    ]


@pytest.mark.parametrize('strip', [False, True])
def test_blank_lines_of_a_table_of_one_column(tmp_path, strip):
    layout = Layout((('y', 'integer'),), header=True, strip=strip)
    rows, bad, tally = read_text(tmp_path, '\ny\n\n1\n\n0\n\n', layout)
    assert (rows, bad, tally.blank, tally.header) == ([(1,), (0,)], [], 3, 2)
