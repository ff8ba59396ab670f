"""Declarations of own tables are taken as they are written."""

import json

import pytest
import yaml
from declaration_cases import GOOD, SHORT, field, read

from autoint_jax.data.encoding.plan import TablePlan
from autoint_jax.data.raw.labels import LabelPlan


def test_every_key_is_read(tmp_path):
    schema = read(tmp_path, GOOD)
    assert schema.files == ('a.csv', 'b-*.csv') and schema.form == 'csv'
    layout = schema.layout
    assert (
        layout.header,
        layout.separator,
        layout.quote,
        layout.encoding,
        layout.decimal,
        layout.thousands,
        layout.missing,
        layout.infinite,
        layout.strip,
    ) == (True, ';', "'", 'iso8859-1', ',', '.', ('?', 'NA'), 'missing', True)
    assert schema.plan.label == LabelPlan('income', None, ('>50K',), ('<=50K',))
    assert schema.split.kind == 'time' and schema.split.parameters == {
        'column': 'when',
        'valid': 0.2,
        'test': 0.1,
        'format': '%d/%m/%Y',
        'missing_time': 'train',
    }
    age, city, town, tags, user, height = schema.plan.fields
    assert age.missing_values == ('-1', '99.5') and (age.kind, age.transform) == ('numeric', 'standard')
    assert (city.min_count, city.cap, city.missing, city.missing_values, city.embedding_dim) == (
        3,
        20,
        'value',
        ('none',),
        4,
    )
    assert (town.column, town.shares) == ('city2', 'city') and (tags.separator, tags.max_values) == ('|', 2)
    assert (user.transform, user.buckets, user.missing, height.buckets) == ('hash', 100, 'nothing', 5)
    assert TablePlan.from_json(json.loads(json.dumps(schema.plan.to_json()))) == schema.plan


def test_defaults(tmp_path):
    schema = read(tmp_path, SHORT)
    assert schema.split.kind == 'random' and schema.split.parameters == {'seed': 0, 'valid': 0.1, 'test': 0.1}
    assert (schema.layout.separator, schema.layout.quote, schema.layout.encoding, schema.layout.header) == (
        ',',
        '"',
        'utf-8',
        True,
    )
    assert read(tmp_path, SHORT.replace('a.csv', 'a.TSV.gz')).layout.quote is None
    assert 'negative' not in schema.plan.to_json()['label']  # an older plan has no such key
    assert TablePlan.from_json(schema.plan.to_json()) == schema.plan


@pytest.mark.parametrize(
    'word',
    [
        'yes',
        'no',
        'on',
        'off',
        'true',
        'False',
        'null',
        '~',
        '01',
        '1e5',
        '1.0',
        '0x10',
        '12:30:45',
        '2020-01-01',
        '1_000',
        '.inf',
        'y',
        '=',
        '>50K',
        '<',
        'a b',
        '-',
        '日本',
    ],
)
def test_words_are_taken_as_written_where_a_text_is_meant(tmp_path, word):
    if word not in ('-', '~', '>50K'):
        assert (
            read(tmp_path, f'files: a.csv\nlabel: {{column: {word}}}\nfields: [{{name: a}}]').plan.label.column == word
        )
    text = word if word not in ('-', '>50K') else f'"{word}"'
    schema = read(
        tmp_path,
        f"""
files: [{text}]
form: csv
header: false
columns: [{text}, b, c]
missing: [{text}]
label: {{column: b, positive: [x{word}, 1]}}
split: {{column: {{name: c, train: [x, z{word}], valid: 00, test: 1.10}}}}
fields: [{{name: {text}, column: {text}, missing_values: {text}}}]
""",
    )
    assert (
        schema.files == schema.columns[:1] == schema.layout.missing == schema.plan.fields[0].missing_values == (word,)
    )
    assert (schema.plan.fields[0].name, schema.plan.fields[0].column) == (word, word)
    assert schema.plan.label.positive == (f'x{word}', '1')
    assert {name: schema.split.parameters[name] for name in ('train', 'valid', 'test')} == {
        'train': ('x', f'z{word}'),
        'valid': ('00',),
        'test': ('1.10',),
    }


@pytest.mark.parametrize(
    'written, buckets',
    [
        ('100000', 100000),
        ('100_000', 100000),
        ('1e5', 100000),
        ('1.0e+5', 100000),
        ('1E5', 100000),
        ('0100', 100),
        ('+7', 7),
        ('7.0', 7),
        ('2147483646', 2**31 - 2),
    ],
)
def test_whole_numbers(tmp_path, written, buckets):
    made = field(tmp_path, f'name: a, transform: hash, buckets: {written}').buckets
    assert made == buckets and isinstance(made, int)


def test_numbers_keep_the_type_that_they_are_written_in(tmp_path):
    # `above: 3` and `above: 3.0` are different in the identity of prepared data, as they have always been.
    for written, value in (('3', 3), ('3.0', 3.0), ('-1e2', -100.0), ('.5', 0.5), ('0', 0)):
        above = read(
            tmp_path, f'files: a.csv\nlabel: {{column: y, above: {written}}}\nfields: [{{name: a}}]'
        ).plan.label.above
        assert above == value and type(above) is type(value)


def test_json_is_read_alike(tmp_path):
    schema = read(
        tmp_path,
        json.dumps(
            {
                'files': ['a.csv'],
                'header': True,
                'missing': [0, None, 'NA'],
                'label': {'column': 'y', 'positive': [True, 1.50, '😀']},
                'split': {'random': {'valid': 0.25, 'test': 1e-1, 'seed': 3}},
                'fields': [
                    {'name': 'a', 'cap': None, 'embedding_dim': None, 'min_count': 2},
                    {'name': 'b', 'kind': 'multivalued', 'max_values': 3},
                ],
            },
            indent='\t',
        ),
        'mine.json',
    )
    assert schema.layout.missing == ('0', 'null', 'NA') and schema.plan.label.positive == ('true', '1.5', '😀')
    assert schema.split.parameters == {'valid': 0.25, 'test': 0.1, 'seed': 3}
    assert [(own.cap, own.min_count, own.max_values) for own in schema.plan.fields] == [(None, 2, 1), (None, 1, 3)]
    assert (
        schema.plan
        == read(
            tmp_path,
            json.dumps(
                {
                    **yaml.load(SHORT, yaml.BaseLoader),
                    'label': {'column': 'y', 'positive': [True, '1.5', '\U0001f600']},
                    'missing': [],
                    'fields': [{'name': 'a', 'min_count': 2}, {'name': 'b', 'kind': 'multivalued', 'max_values': 3}],
                },
                ensure_ascii=False,
            ),
        ).plan
    )


def test_aliases_and_merged_mappings(tmp_path):
    schema = read(
        tmp_path,
        """
files: a.csv
label: y
missing: &na ["?", NA]
fields:
- &base {name: a, min_count: 3, missing_values: *na}
- {<<: *base, name: b, cap: 7}
- {name: c, <<: [*base, {embedding_dim: 5}]}
""",
    )
    assert [
        (own.name, own.min_count, own.cap, own.embedding_dim, own.missing_values) for own in schema.plan.fields
    ] == [('a', 3, None, None, ('?', 'NA')), ('b', 3, 7, None, ('?', 'NA')), ('c', 3, None, 5, ('?', 'NA'))]


@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16'])
def test_marks_of_encodings(tmp_path, encoding):
    schema = read(tmp_path, SHORT.replace('name: a', 'name: größe').replace('\n', '\r\n').encode(encoding))
    assert schema.plan.fields[0].name == 'größe'
