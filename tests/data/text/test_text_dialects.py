"""Tables written in any dialect are read value by value."""

import csv
import io
import random

import polars as pl
import pytest
from text_cases import COLUMNS, CSV, NAMES, ROWS, SOUND, pack, read, read_text

from autoint_jax.data.raw.rows import _read
from autoint_jax.data.text.first_rows import first_rows
from autoint_jax.data.text.layout import Layout

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
    """Returns a random value. Without quotes it holds no separator, no line end and no quote."""
    value = ''.join(rng.choices(PIECES, k=rng.randint(0, 4)))
    return value if quote else ''.join(character for character in value if character not in ',;|\t:\n"')


def written(rows, separator, quote, quoting, end):
    """Returns the text of a table as the csv module writes it.

    A separator of several characters takes the place of one that no value has.
    """
    one = separator if len(separator) == 1 else '\x1f'
    file = io.StringIO()
    writer = csv.writer(file, delimiter=one, quotechar=quote or '"', quoting=quoting, lineterminator=end)
    for row in rows:
        writer.writerow(row)
    return file.getvalue().replace(one, separator)


@pytest.mark.parametrize('seed', range(24))
def test_what_the_csv_module_writes_is_read(tmp_path, seed):
    """Random values in random dialects come back as they were written."""
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


def test_columns_that_nobody_needs_may_have_one_name(tmp_path):
    layout = Layout(
        (('', 'text'), ('y', 'integer'), ('', 'text'), ('a', 'text')), '|', header=True, quote='"', strip=True
    )
    (tmp_path / 'rows.csv').write_text('|y||a\nu|1|v|w\nu|0|"v"|"w ""x"""\n')
    assert read(tmp_path / 'rows.csv', layout, columns=['y', 'a'])[0] == [(1, 'w'), (0, 'w "x"')]


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
