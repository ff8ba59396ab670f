"""Blocks of text files and what can be wrong in them."""

import gzip
import hashlib

import pytest

from autoint_jax.data.datasets.criteo import CRITEO
from autoint_jax.data.generated import shapes
from autoint_jax.data.preparation.progress import SilentPreparation
from autoint_jax.data.raw.bad_rows import SIDE_FILE
from autoint_jax.data.raw.headers import names_in
from autoint_jax.data.raw.labels import LabelPlan
from autoint_jax.data.raw.rows import parsed, sound_rows
from autoint_jax.data.text.blocks import blocks, occurrences
from autoint_jax.data.text.layout import Layout
from autoint_jax.data.text.tally import Tally
from autoint_jax.errors import UsageError

COLUMNS = (('a', 'integer'), ('b', 'hexadecimal'), ('c', 'text'))
TABS = Layout(COLUMNS)
QUOTED = Layout(COLUMNS, separator=',', header=True, quote='"')
SIZES = [7, 64, 1000]


def read(tmp_path, text, layout=TABS, *, block_bytes=1000, label=None, packed=False):
    """Returns the rows of a file, and its bad rows as (line, reason)."""
    path = tmp_path / ('rows.txt.gz' if packed else 'rows.txt')
    path.write_bytes(gzip.compress(text) if packed else text)
    tally, rows, bad = Tally(path), [], []
    for block in blocks(tally, layout, block_bytes=block_bytes, sound=sound_rows(layout, ['a', 'b', 'c'], label)):
        raw = parsed(block, layout, ['a', 'b', 'c'], label)
        tally.add(raw.frame.height, len(raw.bad), sum(row.lines for row in raw.bad), raw.blank, raw.spanning)
        rows += raw.frame.rows()
        bad += [(row.line, row.reason, row.text) for row in raw.bad]
    tally.check()
    assert tally.checksum.hexdigest() == hashlib.sha256(text).hexdigest()
    return rows, bad


WHOLE = [(1, 0xFFFFFFFF, 'x'), (None, None, None), (-3, 10, 'y')]


@pytest.mark.parametrize('block_bytes', SIZES)
@pytest.mark.parametrize(
    'text',
    [
        b'1\tffffffff\tx\n\t\t\n-3\t0000000a\ty\n',
        b'1\tffffffff\tx\n\t\t\n-3\t0000000a\ty',  # no newline at the end
        b'1\tffffffff\tx\r\n\t\t\r\n-3\t0000000a\ty\r\n',
        b'1\tffffffff\tx\r\n\t\t\r\n-3\t0000000a\ty\r',
        b'\xef\xbb\xbf1\tffffffff\tx\n\t\t\n-3\t0000000a\ty\n',
    ],
    ids=['plain', 'unended', 'crlf', 'crlf unended', 'byte-order mark'],
)
def test_sound_files(tmp_path, text, block_bytes):
    assert read(tmp_path, text, block_bytes=block_bytes) == (WHOLE, [])
    assert read(tmp_path, text, block_bytes=block_bytes, packed=True) == (WHOLE, [])


@pytest.mark.parametrize('block_bytes', SIZES)
@pytest.mark.parametrize(
    'line, reason',
    [
        (b'2\t0000000a', 'it has 2 columns, not 3'),
        (b'2\t0000000a\tx\t', 'it has 4 columns, not 3'),
        (b'2.5\t0000000a\tx', "column 'a' holds '2.5', not a whole number"),
        (b'x\t0000000a\tx', "column 'a' holds 'x', not a whole number"),
        (b'2\txyzxyzxy\tx', "column 'b' holds 'xyzxyzxy', not eight hexadecimal digits"),
        (b'2\tff\tx', "column 'b' holds 'ff', not eight hexadecimal digits"),
    ],
    ids=['too few', 'too many', 'fraction', 'no number', 'no digits', 'few digits'],
)
def test_bad_rows_are_named_and_the_others_read(tmp_path, block_bytes, line, reason):
    text = b'1\tffffffff\tx\n' + line + b'\n\t\t\n-3\t0000000a\ty'
    assert read(tmp_path, text, block_bytes=block_bytes) == (WHOLE, [(2, reason, line.decode())])


@pytest.mark.parametrize('block_bytes', SIZES)
def test_a_truncated_last_line_is_a_bad_row(tmp_path, block_bytes):
    rows, bad = read(tmp_path, b'1\tffffffff\tx\n2\t0000', block_bytes=block_bytes)
    assert rows == WHOLE[:1] and bad == [(2, 'it has 2 columns, not 3', '2\t0000')]


def test_one_column_too_many_and_one_too_few_do_not_cancel(tmp_path):
    rows, bad = read(tmp_path, b'1\tffffffff\tx\n2\t0000000a\n3\t0000000a\tx\ty\n')
    assert rows == WHOLE[:1] and [line for line, *_ in bad] == [2, 3]


@pytest.mark.parametrize('block_bytes', SIZES)
def test_quotes_hide_separators_and_line_ends(tmp_path, block_bytes):
    text = b'a,b,c\n1,ffffffff,"x,\n""z"""\n2,,"q"\n3,"a"b,c\n4,,"r"\n'
    rows, bad = read(tmp_path, text, QUOTED, block_bytes=block_bytes)
    assert rows == [(1, 0xFFFFFFFF, 'x,\n"z"'), (2, None, 'q'), (4, None, 'r')]
    assert [(line, text) for line, _, text in bad] == [(5, '3,"a"b,c')]


def test_a_packed_file_that_is_damaged_is_named(tmp_path):
    whole = gzip.compress(b''.join(b'%d\tx\n' % (row * row) for row in range(2000)))
    path = tmp_path / 'rows.txt.gz'
    for content in (whole[:-100], whole[:1000] + b'?' + whole[1001:], b'1\tx\n'):
        path.write_bytes(content)
        with pytest.raises(UsageError, match='rows.txt.gz is damaged'):
            list(blocks(Tally(path), TABS, block_bytes=1000))
    with pytest.raises(UsageError, match='rows.txt.gz is damaged'):
        names_in(path, TABS)


def test_blocks_of_a_packed_file_stand_for_the_bytes_it_has(tmp_path):
    path = tmp_path / 'rows.txt.gz'
    path.write_bytes(gzip.compress(b''.join(b'%d\tx\n' % (row * row) for row in range(20_000))))
    found = [(block.first_line, block.size) for block in blocks(Tally(path), TABS, block_bytes=10_007)]
    assert len(found) > 10 and found[1][0] > 1
    assert sum(size for _, size in found) == path.stat().st_size


def test_characters_are_counted_as_bytes_does():
    text = bytes(range(11)) * 20_001
    assert [occurrences(text, character) for character in (b'\n', b'\t', b'x')] == [20_001, 20_001, 0]
    assert occurrences(b'', b'\n') == 0


def test_a_quote_that_is_never_closed_is_named(tmp_path):
    with pytest.raises(UsageError, match='line 2 opens a quote'):
        read(tmp_path, b'a,b,c\n1,,"x\n' + 500 * b'1,,y\n', QUOTED, block_bytes=50)


def test_an_empty_file_has_no_rows(tmp_path):
    assert read(tmp_path, b'') == ([], [])
    assert read(tmp_path, b'a,b,c', QUOTED) == read(tmp_path, b'a,b,c\n', QUOTED) == ([], [])


def test_labels_that_are_not_allowed_are_bad_rows(tmp_path):
    text = b'1\t\tx\n2\t\tx\n\t\tx\n0\t\tx\n'
    rows, bad = read(tmp_path, text, label=LabelPlan('a'))
    others = '(a declaration can list others under positive: and negative:)'
    assert [row[0] for row in rows] == [1, 0]
    assert [(line, reason) for line, reason, _ in bad] == [
        (2, f"its label, column 'a', is '2', and a label is 0 or 1 {others}"),
        (3, "its label, column 'a', is missing"),
    ]


def criteo_with(tmp_path, bad, rows=3000):
    shapes.criteo(tmp_path / 'raw', rows, 1)
    path = tmp_path / 'raw' / 'train.txt'
    lines = path.read_text().splitlines()
    for number in bad:
        lines[number] = '7' + lines[number][1:]
    path.write_text('\n'.join(lines) + '\n')
    return tmp_path / 'raw'


def prepare(raw_dir, tmp_path, **options):
    return CRITEO.prepare(
        'autoint',
        raw_dir,
        tmp_path / 'out' / 'criteo',
        dataset='criteo',
        progress=SilentPreparation(),
        **{'max_bad_share': 0.001, **options},
    )


def test_few_bad_rows_are_left_out_and_kept_in_a_side_file(tmp_path):
    data = prepare(criteo_with(tmp_path, [4, 2999]), tmp_path)
    assert data.manifest['bad_rows'] == 2
    assert [row['line'] for row in data.manifest['first_bad_rows']] == [5, 3000]
    lines = (data.folder / SIDE_FILE).read_text().splitlines()
    assert len(lines) == 3 and lines[1].startswith(f'{tmp_path}/raw/train.txt\t5\tits label')
    assert sum(split['rows'] for split in data.manifest['splits'].values()) == 2998


def test_many_bad_rows_stop_the_run_and_leave_nothing(tmp_path):
    raw_dir = criteo_with(tmp_path, range(10, 14))
    with pytest.raises(
        UsageError, match=r'4 of 3,000 rows .*more than --max_bad_share=0.001.*train.txt line 11: its label'
    ):
        prepare(raw_dir, tmp_path)
    assert list((tmp_path / 'out').iterdir()) == []
    assert prepare(raw_dir, tmp_path, max_bad_share=0.01).manifest['bad_rows'] == 4


def test_a_file_without_rows_is_named(tmp_path):
    (tmp_path / 'raw').mkdir()
    (tmp_path / 'raw' / 'train.txt').touch()
    with pytest.raises(UsageError, match='train.txt is empty'):
        prepare(tmp_path / 'raw', tmp_path)
    (tmp_path / 'raw' / 'train.txt').write_text('\n')
    with pytest.raises(UsageError, match='train.txt'):
        prepare(tmp_path / 'raw', tmp_path, max_bad_share=1)
