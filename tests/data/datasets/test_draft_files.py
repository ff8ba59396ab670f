"""Drafts of files: marks, separators, quotes, encodings, packed files, libsvm, Parquet, and any name in YAML."""

import datetime
import re

import polars as pl
import pytest
from draft_cases import NASTY, PLAIN, column, drafted, packed, prepared

from autoint_jax.data.datasets.declaration.table import load
from autoint_jax.data.datasets.drafting import labels
from autoint_jax.data.datasets.drafting.draft import draft
from autoint_jax.data.datasets.drafting.marks import marks_of
from autoint_jax.data.datasets.drafting.yaml_text import scalar


@pytest.mark.parametrize(
    'cells, separator, marks',
    [
        (['34.7', '36.5'], ',', ('.', '')),
        (['34,7', '36,5'], ';', (',', '')),
        (['34,7', '36,5'], ',', (',', '')),
        (['1,234.5', '12.5'], ',', ('.', ',')),
        (['1.234,5', '12,5'], ';', (',', '.')),
        (['1,234', '1,000'], ',', ('.', ',')),
        (['1 234', '12 000 000'], ';', ('.', ' ')),
        (["1'234.5", '7'], ',', ('.', "'")),
        (['1,234,567', '1'], ';', ('.', ',')),
        (['1,2,3', '1,2', '4'], ',', ('.', '')),
        (['1\u202f234,5', '2'], ';', (',', '\u202f')),
        (['a', '7'], ',', ('.', '')),
    ],
)
def test_marks_of_numbers(cells, separator, marks):
    assert marks_of([cells * 10, ['word'] * 20], separator)[:2] == marks


def quoted_table(separator, quote='"', enclose=True):
    city = f'{quote}c{separator}%d{quote}' if enclose else 'c%d'
    rows = [['click', 'city', 'x']] + [[str(i % 2), city % (i % 3), f'{i * 1.37:.2f}'] for i in range(60)]
    return '\n'.join(separator.join(row) for row in rows) + '\n'


SEPARATORS = [',', '\t', ';', '|', '::', '||', '~', '^', '\x01', '|~|', '@@', '##']


@pytest.mark.parametrize('quote', ['"', "'", None])
@pytest.mark.parametrize('separator', SEPARATORS)
def test_separators_and_quotes(tmp_path, separator, quote):
    text, schema = drafted(tmp_path, 'a.csv', quoted_table(separator, quote or '"', enclose=quote is not None))
    assert schema.layout.separator == separator
    assert schema.form == ('tsv' if separator == '\t' else 'csv')
    if quote is not None:
        assert schema.layout.quote == quote
    (tmp_path / 'draft.yaml').write_text(re.sub('kind: multivalued, separator: ".*?"', 'kind: categorical', text))
    data = prepared(tmp_path)
    assert data.vocabularies()['city'].values == tuple(f'c{separator if quote else ""}{i}' for i in range(3))
    assert not data.manifest['bad_rows']


def test_a_stray_quote_makes_no_quotes(tmp_path):
    text = quoted_table(',', enclose=False).replace('0,c1,', '0,"c1,', 1).replace(',c2,', ',5" c2,', 1)
    draft, schema = drafted(tmp_path, 'a.csv', text)
    assert schema.layout.quote is None and 'quote: none' in draft
    assert sum(split['rows'] for split in prepared(tmp_path).manifest['splits'].values()) == 60


def test_blanks_before_a_quote_and_blank_lines(tmp_path):
    rows = ''.join(f'{i % 2}, "c,{i % 3}", {i}.5\n\n' for i in range(60))
    _, schema = drafted(tmp_path, 'a.csv', 'click, city, x\n' + rows + '\n \n')
    assert schema.layout.separator == ','
    assert prepared(tmp_path).vocabularies()['city'].values == ('c,0', 'c,1', 'c,2')


@pytest.mark.parametrize(
    'encoding, told',
    [
        ('utf-8', 'utf-8'),
        ('utf-8-sig', 'utf-8'),
        ('utf-16', 'utf-8'),
        ('utf-16-le', 'utf-16-le'),
        ('utf-16-be', 'utf-16-be'),
        ('latin-1', 'latin-1'),
        ('cp1252', 'cp1252'),
    ],
)
@pytest.mark.parametrize('ends', ['\n', '\r\n', '\r'])
def test_encodings_and_line_ends(tmp_path, encoding, told, ends):
    plain = PLAIN.replace('Århus', '€') if encoding == 'cp1252' else PLAIN
    draft, schema = drafted(tmp_path, 'a.csv', plain.replace('\n', ends).encode(encoding))
    assert schema.layout.encoding.replace('iso8859-1', 'latin-1') == told
    assert ('encoding: ' in draft) == (told != 'utf-8')
    assert set(prepared(tmp_path).vocabularies()['city'].values) == {
        'Zürich',
        'Köln',
        '€' if encoding == 'cp1252' else 'Århus',
    }


@pytest.mark.parametrize('kind', ['.gz', '.zst', '.zip'])
def test_packed_files(tmp_path, kind):
    drafted(tmp_path, f'a.csv{kind}', packed(kind, PLAIN.encode()))
    assert prepared(tmp_path).schema.names == ['city', 'x']


LIBSVM = {
    'blank lines': ('1 3:1 12:1\n\n-1 4:1 13:1\n', {'1': 'categorical', '2': 'categorical'}),
    'plus and minus': ('+1 3:1 12:1\n-1 4:1 13:1\n', {'1': 'categorical', '2': 'categorical'}),
    'real values': ('0 1:34.7 2:0.5 3:0\n1 1:3.7 2:0.1 3:1\n', {'1-1': 'numeric', '2-2': 'numeric', '3-3': 'numeric'}),
    'libffm': (
        '0 0:1:1 1:30:1 2:40:34.7\n1 0:5:1 1:31:1 2:40:3.5\n',
        {'field 0': 'categorical', 'field 1': 'categorical', 'field 2': 'numeric'},
    ),
    'libffm with lists': (
        '0 0:1:1 1:30:1 1:31:1\n1 0:5:1 1:31:1\n1 0:5:1\n',
        {'field 0': 'categorical', 'field 1': 'multivalued'},
    ),
    'queries': ('0 qid:1 3:1 12:1\n1 qid:2 4:1 13:1\n', {'1': 'categorical', '2': 'categorical'}),
    'lists': ('1 3:1 12:1\n-1 4:1\n', {'3-12': 'multivalued'}),
    'lists and numbers': (
        '1 3:1 7:0.5 12:1\n-1 4:1\n-1 7:2.5\n',
        {'3-4': 'multivalued', '7-7': 'numeric', '12-12': 'multivalued'},
    ),
    'comments': ('1 3:1 12:1 # a\n-1 4:1 13:1\n', {'1': 'categorical', '2': 'categorical'}),
}


@pytest.mark.parametrize('case', LIBSVM)
@pytest.mark.parametrize('name', ['a.libsvm', 'a.txt'])
def test_libsvm(tmp_path, case, name):
    lines, kinds = LIBSVM[case]
    text, schema = drafted(tmp_path, name, lines * 30)
    assert schema.form == 'libsvm' and {field.column: field.kind for field in schema.plan.fields} == kinds
    data = prepared(tmp_path)
    rows = 30 * len(lines.replace('\n\n', '\n').strip().split('\n'))
    positive = 30 * sum(line.startswith(('1', '+1')) for line in lines.split('\n'))
    splits = data.manifest['splits'].values()
    assert sum(split['rows'] for split in splits) == rows and sum(split['positives'] for split in splits) == positive


def test_parquet_of_all_types(tmp_path):
    rows = range(120)
    pl.DataFrame(
        {
            'clicked': [i % 3 == 0 for i in rows],
            'user_id': [i % 40 for i in rows],
            'age': [20.5 + i % 50 for i in rows],
            'city': pl.Series([f'c{i % 4}' for i in rows], dtype=pl.Categorical),
            'tags': [['a', 'b'][: i % 3] for i in rows],
            'numbers': [[1, 2, 3][: 1 + i % 3] for i in rows],
            'day': [datetime.date(2024, 1, 1 + i // 4) for i in rows],
            'nested': [{'a': 1}] * 120,
            'deep': [[[1]]] * 120,
            'blob': [b'x'] * 120,
            'pair': pl.Series([[i % 3, 7 + i % 2] for i in rows], dtype=pl.Array(pl.Int64, 2)),
            'wait': [datetime.timedelta(i) for i in rows],
        }
    ).write_parquet(tmp_path / 'a.parquet')
    text = draft(tmp_path / 'a.parquet')
    (tmp_path / 'draft.yaml').write_text(text)
    data = prepared(tmp_path)
    assert {field.name: field.kind for field in data.schema.fields} == {
        'user_id': 'categorical',
        'age': 'numeric',
        'city': 'categorical',
        'tags': 'multivalued',
        'numbers': 'multivalued',
        'pair': 'multivalued',
    }
    assert data.manifest['splits']['train']['positives'] == 32
    for name in ('nested', 'deep', 'blob', 'wait'):
        assert re.search(rf'^# - \{{name: {name}\}}  # left out: its type', text, re.MULTILINE)
    assert '# time: {column: day' in text


def test_any_name_is_a_column(tmp_path):
    """Names that YAML takes for something else come back as they are, in the label, in fields and in values."""
    names = ['click', *NASTY]
    quote = lambda text: '"' + text.replace('"', '""') + '"'  # noqa: E731
    rows = [[i % 2, *(f'{place}-{i * (place % 4 + 1) % 5}' for place in range(len(NASTY)))] for i in range(60)]
    lines = [','.join(map(quote, names)), *(','.join(map(str, row)) for row in rows)]
    text, schema = drafted(tmp_path, 'a.csv', '\n'.join(lines) + '\n')
    assert [field.column for field in schema.plan.fields] == NASTY
    assert len(prepared(tmp_path).schema.fields) == len(NASTY)


def test_any_name_and_any_value_is_a_label(tmp_path):
    for name in NASTY:
        values = [NASTY[i % 2 + NASTY.index(name) - 1].strip() for i in range(60)]
        found = labels.found([column('is_' + name.strip(), values)], named=False)
        (tmp_path / 'draft.yaml').write_text(f'files: [a.csv]\nlabel: {found.rule}\nfields: [{{name: city}}]\n')
        plan = load(tmp_path / 'draft.yaml').plan.label
        assert plan.column == 'is_' + name.strip() and {*plan.positive, *plan.negative} == set(values)


@pytest.mark.parametrize(
    'text', ['a', 'yes', 'a\tb', 'a\x00b', 'a\x1b[31m', '\u2028', '\x85', '"', '\\', '', ' ', '\U0001f600', '\u200b']
)
def test_scalars_are_yaml(text):
    import yaml

    written = scalar(text)
    assert yaml.safe_load(f'[{written}]') == [text]
    assert all(character.isprintable() for character in written)


def test_names_of_files_are_patterns_of_themselves(tmp_path):
    _, schema = drafted(tmp_path, 'a [1] #2, 50%.csv', PLAIN)
    assert schema.files == ('a [1] #2, 50%.csv',)
    assert prepared(tmp_path).schema.names == ['city', 'x']
