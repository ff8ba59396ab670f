"""Drafts of files that are no plain tables: they are refused with one sentence, or the draft says what is odd."""

import pathlib

import pytest
from draft_cases import PLAIN, drafted, prepared

from autoint_jax.data.datasets.drafting.draft import draft
from autoint_jax.errors import UsageError


@pytest.mark.parametrize(
    'name, content, parts',
    [
        ('a.csv', b'', ['is empty']),
        ('a.csv', b'\n \n\n', ['is empty']),
        ('a.csv', b'click,city,age\n', ['no rows below its header']),
        ('a.csv', b'click\n0\n1\n1\n', ['one column']),
        ('a.csv', bytes(range(256)) * 40, ['NUL characters']),
        ('a.parquet', b'PAR1 no', ['Parquet']),
        ('a.xlsx', b'PK\x03\x04 no', ['an Excel workbook', 'CSV']),
        ('a.csv', b'PAR1 and more', ['Parquet']),
        ('a.csv', b'PK\x03\x04 no', ['zip']),
        ('a.jsonl', b'{"a": 1}\n', ['JSON lines']),
        ('a.csv', b'{"a": 1, "b": 2}\n{"a": 1, "b": 3}\n', ['looks like JSON']),
        ('a.html', b'<!DOCTYPE html>\n<p>a, b\n', ['web page']),
        ('a.csv.gz', b'no gzip', ['gzip']),
        ('a.libsvm', b'a b c\nd e f\n', ['libsvm']),
        ('a.csv', b'click,city\n' + b'0,x\n1,x\n' * 30, ['no column beside the label']),
    ],
)
def test_what_is_no_table_is_said(tmp_path, name, content, parts):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError) as error:
        draft(tmp_path / name)
    for part in (name, *parts):
        assert part in str(error.value)
    assert '\n' not in str(error.value)


@pytest.mark.parametrize(
    'above, parts',
    [
        ('sep=,\n', ['sep=,', 'only Excel reads']),
        ('# made by a program\n', ['# made by a program', 'above line 2']),
        ('Clicks of May\n\nby country\n', ['Clicks of May', 'above line 3']),
    ],
)
def test_what_stands_above_the_table_is_said(tmp_path, above, parts):
    (tmp_path / 'a.csv').write_text(above + PLAIN)
    with pytest.raises(UsageError) as error:
        draft(tmp_path / 'a.csv')
    for part in ('a.csv', *parts):
        assert part in str(error.value)


def test_a_header_without_a_name_for_row_names(tmp_path):
    """R writes such headers."""
    lines = PLAIN.splitlines()
    text = '\n'.join(
        [lines[0].replace(',', ' '), *(f'"{number}" {line.replace(",", " ")}' for number, line in enumerate(lines[1:]))]
    )
    _, schema = drafted(tmp_path, 'a.txt', text)
    assert schema.columns == ('column_1', 'click', 'city', 'x') and schema.layout.separator == ' '
    assert prepared(tmp_path).schema.names == ['city', 'x']


def test_values_that_span_lines_are_read(tmp_path):
    lines = ''.join(f'{i % 2},"first {i % 3}\nsecond, third",{i}.5\n' for i in range(60))
    drafted(tmp_path, 'a.csv', 'click,"a\nname",x\n' + lines)
    data = prepared(tmp_path)
    assert (
        data.schema.names == ['column_2', 'x'] and data.vocabularies()['column_2'].values[0] == 'first 0\nsecond, third'
    )


def test_a_damaged_letter_among_utf8_is_said(tmp_path):
    draft, _ = drafted(tmp_path, 'a.csv', PLAIN.encode().replace('Köln'.encode(), b'K\xf6ln', 1))
    assert '# Line 3 holds byte 0xf6, which is not UTF-8, though other letters are' in draft


def test_a_folder_and_nothing_are_said(tmp_path):
    (tmp_path / 'a.csv').write_text(PLAIN)
    with pytest.raises(UsageError, match='is a folder: name one of its files, such as .*a.csv'):
        draft(tmp_path)
    with pytest.raises(UsageError, match='none.csv does not exist'):
        draft(tmp_path / 'none.csv')
    with pytest.raises(UsageError, match='does not exist: name one file'):
        draft(tmp_path / 'part-*.csv')
    with pytest.raises(UsageError, match='not a regular file'):
        draft(pathlib.Path('/dev/zero'))
