"""Tables written in any dialect are read value by value, and every line is a row, a bad row or known to be none."""

import csv
import gzip
import io
import random
import re
import zipfile

import polars as pl
import pytest
from backports import zstd

from autoint_jax.data.raw.headers import check_header, names_in
from autoint_jax.data.raw.labels import LabelPlan
from autoint_jax.data.raw.rows import _read, parsed, sound_rows
from autoint_jax.data.text.blocks import blocks
from autoint_jax.data.text.decoding import codec
from autoint_jax.data.text.first_rows import first_rows, first_text
from autoint_jax.data.text.layout import Layout
from autoint_jax.data.text.tally import Tally, told
from autoint_jax.errors import UsageError

COLUMNS = (('y', 'integer'), ('a', 'text'), ('b', 'text'), ('x', 'real'))
NAMES = [name for name, _ in COLUMNS]
CSV = Layout(COLUMNS, separator=',', quote='"', strip=True)


def read(path, layout, *, block_bytes=1 << 20, columns=None):
    """Rows of a file, bad rows as (line, reason), and the tally, which is checked."""
    columns, label = columns or [name for name, _ in layout.columns], LabelPlan('y')
    tally, rows, bad = Tally(path), [], []
    for block in blocks(tally, layout, block_bytes=block_bytes, sound=sound_rows(layout, columns, label)):
        raw = parsed(block, layout, columns, label)
        tally.add(raw.frame.height, len(raw.bad), sum(row.lines for row in raw.bad), raw.blank, raw.spanning)
        rows += raw.frame.rows()
        bad += [(row.line, row.reason) for row in raw.bad]
    tally.check()
    return rows, bad, tally


def read_text(tmp_path, text, layout=CSV, **options):
    path = tmp_path / 'rows.csv'
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read(path, layout, **options)


PIECES = [
    'a',
    'b',
    'é',
    '5" phone',
    '"',
    '""',
    ',',
    ';',
    '|',
    '\t',
    '::',
    ' ',
    '\n',
    "it's",
    "'",
    'item 12',
    '漢',
    '\u2028',
    '#',
]


def random_value(rng, quote):
    value = ''.join(rng.choices(PIECES, k=rng.randint(0, 4)))
    return value if quote else ''.join(character for character in value if character not in ',;|\t:\n"')


def written(rows, separator, quote, quoting, end):
    """The text of a table by the csv module; a separator of several characters replaces one that values do not have."""
    one = separator if len(separator) == 1 else '\x1f'
    file = io.StringIO()
    writer = csv.writer(file, delimiter=one, quotechar=quote or '"', quoting=quoting, lineterminator=end)
    for row in rows:
        writer.writerow(row)
    return file.getvalue().replace(one, separator)


@pytest.mark.parametrize('seed', range(60))
def test_what_the_csv_module_writes_is_read(tmp_path, seed):
    """Values of all kinds in dialects of all kinds."""
    rng = random.Random(seed)
    quote = rng.choice(['"', '"', "'", None])
    separator = rng.choice([',', ';', '|', '\t', '::', '||', '§', '\x01', ', '])
    quoting = rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]) if quote else csv.QUOTE_NONE
    end, strip, header = rng.choice(['\n', '\r\n', '\r']), rng.random() < 0.5, rng.random() < 0.5
    encoding = rng.choice(['utf-8', 'utf-8', 'utf-8-sig', 'utf-16', 'utf-16-le', 'utf-32', 'gb18030'])
    table = [
        [rng.choice('01'), random_value(rng, quote), random_value(rng, quote), f'{rng.random():.3f}']
        for _ in range(rng.randint(1, 60))
    ]
    if end == '\r' and quoting == csv.QUOTE_MINIMAL:  # which leaves '\n' without quotes then
        table = [[value.replace('\n', '') for value in row] for row in table]
    if len(separator) > 1:  # values with half a separator at an edge cannot be told from the separator
        table = [
            [
                value if quoting in (csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC) else value.replace(separator[0], '')
                for value in row
            ]
            for row in table
        ]
    text = written(([NAMES] if header else []) + table, separator, quote, quoting, end)
    if rng.random() < 0.3:
        text = text.removesuffix(end)
    layout = Layout(COLUMNS, separator=separator, quote=quote, strip=strip, header=header, encoding=encoding)
    path = tmp_path / f'table.csv{rng.choice(["", ".gz", ".zst", ".zip"])}'
    pack(path, text.encode(encoding))

    def cell(value):
        value = value.strip() if strip else value
        return None if value == '' else value

    rows, bad, tally = read(path, layout, block_bytes=rng.choice([11, 100, 1000, 1 << 20]))
    assert bad == []
    assert rows == [(int(y), cell(a), cell(b), float(x)) for y, a, b, x in table]
    assert tally.rows == len(table) and tally.header == header
    assert tally.spanning_rows == sum('\n' in a + b for _, a, b, _ in table)
    found = first_rows(path, layout, 7)
    texts = ([NAMES] if header else []) + table
    assert found == [[value.strip() if strip else value for value in row] for row in texts[:7]]


def pack(path, content):
    if path.suffix == '.zip':
        with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
            archive.writestr('inside/table.csv', content)
    else:
        path.write_bytes({'.gz': gzip.compress, '.zst': _zstandard}.get(path.suffix.lower(), bytes)(content))


def _zstandard(content):
    return zstd.compress(content, options={zstd.CompressionParameter.checksum_flag: 1})


# Quotes that are none.

ROWS = ['0,u,v,0.5', '1,w,x,1.5']
SOUND = [(0, 'u', 'v', 0.5), (1, 'w', 'x', 1.5)]


@pytest.mark.parametrize('block_bytes', [5, 40, 1000])
@pytest.mark.parametrize(
    'line, row',
    [
        ('0,5" phone,v,1', (0, '5" phone', 'v', 1)),
        ('0,a "b" c,5",1', (0, 'a "b" c', '5"', 1)),
        ('0,  "a, b"  , c ,1', (0, 'a, b', 'c', 1)),
        ('0,"say ""hi""","",1', (0, 'say "hi"', None, 1)),
        ('0,"""",\'v\',"1"', (0, '"', "'v'", 1)),
    ],
)
def test_quotes_within_a_line(tmp_path, line, row, block_bytes):
    rows, bad, _ = read_text(tmp_path, '\n'.join([*ROWS, line, *ROWS, '']), block_bytes=block_bytes)
    assert (rows, bad) == ([*SOUND, row, *SOUND], [])


@pytest.mark.parametrize('block_bytes', [5, 40, 1000])
@pytest.mark.parametrize(
    'lines, reason',
    [
        (['1,"a"b,v,1'], 'neither a separator nor a line end follows the closing quote'),
        (['1,"12 inch,b0,0.5', *ROWS * 30, '0,"a 5"" screen",b1,0.4'], 'neither a separator nor a line end follows'),
        (['1,"12 inch,b0,0.5', *ROWS * 30, '0,5",b1,0.4'], 'lines after it are rows by themselves'),
        (['1,"12 inch,b0,0.5', '0,5",b1,0.4'], 'lines after it are rows by themselves'),
    ],
)
def test_a_stray_quote_costs_its_own_line(tmp_path, lines, reason, block_bytes):
    """Of what follows, lines that are rows are read, and none is merged with it."""
    whole = [*ROWS, *lines, *ROWS]
    rows, bad, tally = read_text(tmp_path, '\n'.join([*whole, '']), block_bytes=block_bytes)
    assert bad[0][0] == 3 and reason in bad[0][1]
    assert tally.rows + tally.bad == len(whole) and tally.spanning_rows == 0
    assert rows[:2] == rows[-2:] == SOUND and len(rows) >= len(whole) - 2


@pytest.mark.parametrize('seed', range(60))
def test_stray_quotes_cost_no_other_line(tmp_path, seed):
    """Quotes at random places of some lines: all lines without one are read, or an error says what to do."""
    rng = random.Random(seed)
    lines, clean = [], []
    for number in range(rng.randint(1, 200)):
        quote = '"' if rng.random() < 0.3 else ''
        line = f'{number % 2},u{number},{quote}v {number}{quote},{number}'
        if rng.random() < 0.05:
            places = rng.sample(range(len(line) + 1), rng.randint(1, 3))
            line = ''.join('"' * (place in places) + character for place, character in enumerate(line + ' '))[:-1]
        else:
            clean.append((number % 2, f'u{number}', f'v {number}', number))
        lines.append(line)
    try:
        rows, _, tally = read_text(tmp_path, '\n'.join(lines), block_bytes=rng.choice([20, 500, 1 << 20]))
    except UsageError as error:
        assert re.search(r'line \d+ opens a quote " that is not closed .*write quote: none', str(error))
        line = lines[int(re.search(r'line (\d+)', str(error)).group(1)) - 1]
        assert ',"' in ',' + line
    else:
        assert tally.lines == len(lines) and tally.spanning_rows == 0
        assert [row for row in rows if row in set(clean)] == clean


@pytest.mark.parametrize('after', [0, 3, 5000])
def test_a_quote_that_never_closes_is_an_error_with_its_line(tmp_path, after):
    text = '\n'.join([*ROWS, '1,"a1,b0,0.2', *ROWS * after, ''])
    for block_bytes in (50, 1 << 20):
        with pytest.raises(UsageError, match='rows.csv line 3 opens a quote " that is not closed .*write quote: none'):
            read_text(tmp_path, text, block_bytes=block_bytes)
    rows, bad, _ = read_text(tmp_path, text, Layout(COLUMNS, separator=',', strip=True))
    assert bad == [] and rows[2] == (1, '"a1', 'b0', 0.2) and len(rows) == 3 + 2 * after


def test_rows_that_span_lines_are_read_and_said(tmp_path):
    rows, bad, tally = read_text(tmp_path, '0,"u\nsecond, line\n",v,0.5\n\n1,w,x,1.5\n1,"a\nb",c,2\n', block_bytes=9)
    assert rows == [(0, 'u\nsecond, line', 'v', 0.5), (1, 'w', 'x', 1.5), (1, 'a\nb', 'c', 2)] and bad == []
    assert (tally.lines, tally.row_lines, tally.blank, tally.spanning) == (7, 6, 1, [(1, 3), (6, 2)])
    assert (
        'rows.csv: 2 rows with a quoted value that goes on over line ends (lines 1 to 3, lines 6 to 7)'
        in tally.warnings()[0]
    )


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


# Lines.


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


def test_columns_that_nobody_needs_may_have_one_name(tmp_path):
    layout = Layout(
        (('', 'text'), ('y', 'integer'), ('', 'text'), ('a', 'text')), '|', header=True, quote='"', strip=True
    )
    (tmp_path / 'rows.csv').write_text('|y||a\nu|1|v|w\nu|0|"v"|"w ""x"""\n')
    assert read(tmp_path / 'rows.csv', layout, columns=['y', 'a'])[0] == [(1, 'w'), (0, 'w "x"')]


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


@pytest.mark.parametrize('fault', ['loses rows', 'raises'])
def test_a_parser_that_fails_is_done_without(tmp_path, monkeypatch, fault):
    def faulty(text, *arguments):
        if fault == 'raises':
            raise pl.exceptions.ComputeError('CSV malformed')
        return _read(text[: text.rfind(b'\n', 0, -1) + 1], *arguments)

    monkeypatch.setattr('autoint_jax.data.raw.rows._read', faulty)
    for layout in (CSV, Layout(COLUMNS, separator=',')):
        assert read_text(tmp_path, '\n'.join([*ROWS, '']), layout)[0] == SOUND
    assert read_text(tmp_path, '0,"u,",v,0.5\n1,w,"x",1.5')[0] == [(0, 'u,', 'v', 0.5), SOUND[1]]


# Encodings and packed files.


def test_encodings(tmp_path):
    text = 'y,a,b,x\n0,Zürich,€,0.5\n'
    for encoding, declared in (
        ('cp1252', 'cp1252'),
        ('utf-16', 'utf-8'),
        ('utf-8-sig', 'latin-1'),
        ('utf-16-be', 'utf-16-be'),
    ):
        layout = Layout(COLUMNS, separator=',', header=True, encoding=declared)
        rows, bad, _ = read_text(tmp_path, text.encode(encoding), layout, block_bytes=7)
        assert (rows, bad) == ([(0, 'Zürich', '€', 0.5)], [])
        assert first_text(tmp_path / 'rows.csv', declared) == text


@pytest.mark.parametrize(
    'content, encoding, message',
    [
        (
            '0,Zürich,v,1\n'.encode('latin-1'),
            'utf-8',
            'rows.csv line 41 holds 0xfc, which is not UTF-8: write encoding: latin-1',
        ),
        (b'0,a\x81,v,1\n', 'cp1252', 'rows.csv line 41 holds 0x81, which is not CP1252: write another encoding'),
        ('0,ü,v,1\n'.encode(), 'ascii', 'rows.csv line 41 holds 0xc3'),
    ],
)
def test_bytes_of_another_encoding_are_named_with_their_line(tmp_path, content, encoding, message):
    for block_bytes in (10, 1 << 20):
        with pytest.raises(UsageError, match=message):
            read_text(
                tmp_path,
                b'0,u,v,0.5\n' * 40 + content,
                Layout(COLUMNS, separator=',', encoding=encoding),
                block_bytes=block_bytes,
            )


def test_a_utf_16_file_that_is_damaged(tmp_path):
    with pytest.raises(UsageError, match='line 2 holds .* which is not UTF-16-LE: the file is damaged there'):
        read_text(tmp_path, 'y,a,b,x\n0,u,v,1\n'.encode('utf-16')[:-1])
    for encoding, text in (
        ('utf-16', 'y,a,b,x\n0,u,v,1\n'),
        ('idna', 'y,a,b,x\n0,u,v,1\n'),
        ('unicode-escape', '0,\\ud800,v,1\n'),
    ):
        with pytest.raises(UsageError, match=f"cannot be read with encoding '{encoding}' .*write another encoding"):
            read_text(tmp_path, text, Layout(COLUMNS, separator=',', encoding=encoding))


def test_encodings_that_are_none(tmp_path):
    assert codec(tmp_path, 'UTF8') == codec(tmp_path, 'utf-8-sig') == 'utf-8'
    for name in ('latin-99', 'base64', 'rot13', 'utf-8\0', ''):
        with pytest.raises(UsageError, match='there is no encoding .*: write utf-8'):
            codec(tmp_path, name)
    with pytest.raises(UsageError, match='as UTF-16 has: write encoding: utf-16-le'):
        read_text(tmp_path, 'y,a,b,x\n0,u,v,1\n'.encode('utf-16-le'))


@pytest.mark.parametrize('strip', [False, True])
def test_blank_lines_of_a_table_of_one_column(tmp_path, strip):
    layout = Layout((('y', 'integer'),), header=True, strip=strip)
    rows, bad, tally = read_text(tmp_path, '\ny\n\n1\n\n0\n\n', layout)
    assert (rows, bad, tally.blank, tally.header) == ([(1,), (0,)], [], 3, 2)


@pytest.mark.parametrize('suffix', ['.gz', '.zst', '.zip', '.GZ'])
def test_damaged_packed_files_are_named(tmp_path, suffix):
    path = tmp_path / f'rows.csv{suffix}'
    rng = random.Random(1)
    pack(path, b''.join(b'0,%x,v,1\n' % rng.getrandbits(400) for _ in range(3000)))
    whole = path.read_bytes()
    assert len(read(path, CSV)[0]) == 3000
    for content in (whole[:-200], whole[:5000] + b'????' + whole[5004:], b'0,u,v,1\n', b''):
        path.write_bytes(content)
        if content or suffix == '.zip':
            with pytest.raises(UsageError, match=f'rows.csv{suffix} is damaged'):
                read(path, CSV)


def test_zip_files_must_hold_one_file(tmp_path):
    with zipfile.ZipFile(tmp_path / 'rows.csv.zip', 'w') as archive:
        for name in ('a.csv', 'b.csv', '__MACOSX/._a.csv'):
            archive.writestr(name, '0,u,v,1\n')
    with pytest.raises(UsageError, match=r"holds 2 files \('a.csv', 'b.csv'\): it must hold exactly one"):
        read(tmp_path / 'rows.csv.zip', CSV)


def test_packed_files_under_other_names_are_named(tmp_path):
    for content, kind in (
        (gzip.compress(b'x'), 'gzip: give it a name that ends in .gz'),
        (b'PAR1...', 'Parquet'),
        (b'BZh9', 'bzip2: unpack'),
    ):
        with pytest.raises(UsageError, match=f'is not text but a file of the kind {kind}'):
            read_text(tmp_path, content)


# Numbers.

NUMBERS = Layout((('y', 'integer'), ('x', 'real')), separator=';', strip=True)


@pytest.mark.parametrize(
    'decimal, thousands, values, expected',
    [
        (',', '', ['1,5', '-0,25', ',5', '7', '1e3'], [1.5, -0.25, 0.5, 7, 1000]),
        (',', '.', ['1.234,5', '12.345.678', '1234,5', '0,5'], [1234.5, 12345678, 1234.5, 0.5]),
        ('.', ',', ['1,234.5', '12,34,567', '1234'], [1234.5, 1234567, 1234]),
        ('.', "'", ["1'234.5"], [1234.5]),
        (',', ' ', ['1 234,5', '1\u00a0234,5', '1\u202f234'], [1234.5, 1234.5, 1234]),
    ],
)
def test_decimal_and_thousands_marks(tmp_path, decimal, thousands, values, expected):
    layout = Layout(NUMBERS.columns, separator=';', strip=True, decimal=decimal, thousands=thousands)
    rows, bad, _ = read_text(tmp_path, ''.join(f'1;{value}\n' for value in values), layout)
    assert bad == [] and [x for _, x in rows] == expected


@pytest.mark.parametrize(
    'decimal, thousands, value',
    [
        ('.', '', '1,5'),
        ('.', '', '1.234.567'),
        (',', '.', '12.5'),
        (',', '.', '1.23,5'),
        ('.', ',', '1,23'),
        (',', '', '1.5'),
        ('.', ',', '1234,567,8'),
    ],
)
def test_numbers_with_other_marks_are_bad_rows(tmp_path, decimal, thousands, value):
    layout = Layout(NUMBERS.columns, separator=';', strip=True, decimal=decimal, thousands=thousands)
    _, bad, _ = read_text(tmp_path, f'1;{value}\n', layout)
    assert [line for line, _ in bad] == [1] and f'holds {value!r}, not a number' in bad[0][1] and 'decimal' in bad[0][1]


@pytest.mark.parametrize('strip', [False, True])
def test_infinite_numbers_are_bad_or_missing(tmp_path, strip):
    values = ['1', 'inf', '-Infinity', '1e39', '-3.5e38', 'nan', '', '3.4e38']
    text = ''.join(f'1;{value}\n' for value in values)
    rows, bad, _ = read_text(tmp_path, text, Layout(NUMBERS.columns, separator=';', strip=strip))
    assert rows == [(1, 1.0), (1, None), (1, None), (1, 3.4e38)]
    assert [line for line, _ in bad] == [2, 3, 4, 5]
    assert "column 'x' holds '1e39', which is infinite or too large for float32 (infinite: missing" in bad[2][1]
    rows, bad, _ = read_text(tmp_path, text, Layout(NUMBERS.columns, separator=';', strip=strip, infinite='missing'))
    assert bad == [] and [x for _, x in rows] == [1.0, None, None, None, None, None, None, 3.4e38]


@pytest.mark.parametrize('strip', [False, True])
def test_required_columns(tmp_path, strip):
    layout = Layout(COLUMNS, separator=',', strip=strip, required=('b',))
    rows, bad, _ = read_text(tmp_path, '0,u,v,0.5\n0,u,,0.5\n', layout)
    assert len(rows) == 1 and bad == [
        (
            2,
            "column 'b', the time that the split needs, is missing (missing_time: in the declaration "
            'says where such rows belong)',
        )
    ]


def test_stored_layouts_of_earlier_versions():
    stored = {
        'columns': [['a', 'text']],
        'separator': ',',
        'header': True,
        'quote': '"',
        'strip': True,
        'missing': ['?'],
    }
    assert Layout.from_json(stored) == Layout((('a', 'text'),), ',', True, '"', True, ('?',))
    layout = Layout((('a', 'text'),), '::', quote=None, encoding='cp1252', required=('a',))
    assert Layout.from_json(layout.to_json()) == layout
