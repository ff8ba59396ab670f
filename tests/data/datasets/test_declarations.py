"""Declarations of own tables: what is taken as written, and every mistake as one sentence."""

import json
import random
import re

import pytest
import yaml

from autoint_jax.data.datasets.declaration.table import TableSchema, load
from autoint_jax.data.datasets.declaration.text import LARGEST
from autoint_jax.data.encoding.plan import TablePlan
from autoint_jax.data.raw.labels import LabelPlan
from autoint_jax.errors import UsageError

GOOD = """
files: [a.csv, "b-*.csv"]
form: csv
header: true
separator: ";"
quote: "'"
encoding: latin-1
decimal: ","
thousands: "."
missing: ["?", NA]
infinite: missing
label: {column: income, positive: [">50K"], negative: ["<=50K"]}
split:
  time: {column: when, valid: 0.2, test: 0.1, format: "%d/%m/%Y", missing_time: train, as_field: false}
fields:
- {name: age, kind: numeric, transform: standard, missing_values: [-1, 99.5]}
- {name: city, min_count: 3, cap: 20, missing: value, missing_values: [none], embedding_dim: 4}
- {name: town, column: city2, shares: city, missing: value}
- {name: tags, kind: multivalued, separator: "|", max_values: 2}
- {name: user, transform: hash, buckets: 100, missing: nothing}
- {name: height, transform: quantiles, buckets: 5}
"""
SHORT = 'files: a.csv\nlabel: y\nfields: [{name: a}]\n'


def read(tmp_path, text, name='mine.yaml'):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(path)


def field(tmp_path, text):
    return read(tmp_path, f'files: a.csv\nlabel: y\nfields: [{{{text}}}]\n').plan.fields[0]


def refusal(tmp_path, text, name='mine.yaml'):
    with pytest.raises(UsageError) as error:
        read(tmp_path, text, name)
    sentence = str(error.value)
    assert '\n' not in sentence and sentence.startswith(str(tmp_path))
    return sentence.removeprefix(f'{tmp_path}/')


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


FIELD = [  # of `fields: [{...}]`; what the sentence says
    (
        'name: a, min_count: five',
        "in field 'a', key 'min_count' is 'five': it takes a whole number from 1 to 2,147,483,647",
    ),
    ('name: a, min_count: 0', "key 'min_count' is '0'"),
    ('name: a, min_count: 2.5', "key 'min_count' is '2.5'"),
    ('name: a, min_count: -1', "key 'min_count' is '-1'"),
    ('name: a, min_count: null', "key 'min_count' is 'null'"),
    ('name: a, min_count:', "key 'min_count' is empty"),
    ('name: a, min_count: true', "key 'min_count' is 'true'"),
    ('name: a, min_count: .nan', "key 'min_count' is '.nan'"),
    ('name: a, min_count: .inf', "key 'min_count' is '.inf'"),
    ('name: a, min_count: 1e400', "key 'min_count' is '1e400'"),
    ('name: a, min_count: 99999999999', 'to 2,147,483,647'),
    ('name: a, min_count: ' + '9' * 5000, "is '9999"),
    ('name: a, min_count: [1]', "key 'min_count' is a list"),
    ('name: a, min_count: {a: 1}', "key 'min_count' is a mapping"),
    ('name: a, min_count: 2020-01-01', "is '2020-01-01'"),
    ('name: a, min_count: "3"', "is the text '3': it takes a whole number from 1 to 2,147,483,647, without quotes"),
    ('name: a, min_count: 1,5', "unknown key '5' in field 'a'"),
    ('name: a, min_count: ٣', "is '٣'"),
    ('name: a, min_count: 0x10', "is '0x10'"),
    ('name: a, min_count: 1:30', "is '1:30'"),
    ('name: a, cap: 0', "key 'cap' is '0'"),
    ('name: a, cap: -5', "key 'cap' is '-5'"),
    ('name: a, cap: lots', "'lots'"),
    ('name: a, embedding_dim: 0', "key 'embedding_dim' is '0'"),
    ('name: a, embedding_dim: -8', "'-8'"),
    ('name: a, embedding_dim: 1e9', 'from 1 to 65,536'),
    ('name: a, kind: 3', "key 'kind' is '3': it takes one of categorical"),
    ('name: a, kind: numerical', "did you mean 'numeric'"),
    ('name: a, kind: [numeric]', "key 'kind' is a list"),
    ('name: a, kind:', "key 'kind' is empty"),
    ('name: a, transform: 7', "key 'transform' is '7'"),
    ('name: a, transform: standard', "is 'standard' (for kind: numeric): it takes one of none, log_square_bucket"),
    ('name: a, kind: numeric, transform: hash', "is 'hash' (for kind: categorical)"),
    (
        'name: a, kind: multivalued, transform: quantiles, buckets: 4',
        'it takes one of none, hash, as a multivalued field',
    ),
    ('name: a, transform: hash', "field 'a' has transform hash, so it must say how many buckets"),
    ('name: a, transform: quantiles, buckets: 1', "key 'buckets' is '1': it takes a whole number from 2"),
    ('name: a, transform: hash, buckets: 2147483647', 'from 2 to 2,147,483,646'),
    ('name: a, transform: quantiles, buckets: 1000000', 'from 2 to 100,000'),
    ('name: a, transform: hash, buckets: many', "'many'"),
    ('name: a, buckets: 5', "key 'buckets' is not read by a categorical field: take it out"),
    (
        'name: a, transform: hash, buckets: 5, min_count: 2',
        "'min_count' is not read by a categorical field with transform hash",
    ),
    ('name: a, transform: hash, buckets: 5, cap: 2', "'cap' is not read"),
    (
        'name: a, transform: quantiles, buckets: 5, cap: 2',
        "'cap' is not read by a categorical field with transform quantiles",
    ),
    ('name: a, transform: hash, buckets: 5, shares: b', "'shares' is not read"),
    ('name: a, kind: numeric, cap: 5', "key 'cap' is not read by a numeric field"),
    ('name: a, kind: numeric, min_count: 5', "key 'min_count' is not read"),
    ('name: a, kind: numeric, missing: value', 'not read'),
    ('name: a, kind: numeric, separator: ","', "key 'separator' is not read"),
    ('name: a, separator: ","', "'separator' is not read"),
    ('name: a, kind: numeric, buckets: 5', "'buckets' is not read"),
    ('name: a, max_values: 2', "'max_values' is not read"),
    ('name: a, kind: numeric, embedding_dim: 4', "'embedding_dim' is not read by a numeric field"),
    (
        'name: a, kind: numeric, missing_values: [NA]',
        "key 'missing_values' lists 'NA', but the column is read as numbers",
    ),
    (
        'name: a, transform: quantiles, buckets: 3, missing_values: [nan]',
        "lists 'nan', but the column is read as numbers",
    ),
    ('name: a, missing: nothink', "is 'nothink' (did you mean 'nothing'?)"),
    ('name: a, missing: zero', "key 'missing' is 'zero'"),
    ('name: a, transform: hash, buckets: 5, missing: value', "'missing' is 'value': it takes one of unknown, nothing"),
    ('name: a, kind: multivalued, missing: unknown', "'missing' is 'unknown': it takes one of nothing"),
    ('name: a, missing: [value]', "key 'missing' is a list"),
    ('name: a, missing_values: {a: b}', "'missing_values' is a mapping"),
    ('name: a, missing_values: [x, [y]]', "'missing_values' is a list"),
    ('name: a, missing_values: [x, x]', "lists 'x' twice"),
    ('name: a, kind: multivalued, max_values: -1', "'-1': it takes a whole number from 0 to 10,000"),
    ('name: a, kind: multivalued, max_values: "3"', "the text '3'"),
    ('name: a, kind: multivalued, max_values: 1e9', "'1e9'"),
    ('name: a, kind: multivalued, separator: ""', "'separator' is the text ''"),
    ('name: a, kind: multivalued, separator:', "'separator' is empty"),
    ('name: a, kind: multivalued, separator: "\\n"', 'characters other than line ends'),
    ("name: a, kind: multivalued, separator: '\\t'", 'within double quotes YAML reads a backslash'),
    ('name: a, kind: multivalued, separator: [a]', "'separator' is a list"),
    ('name: ""', "key 'name' is the text ''"),
    ('name:', "key 'name' is empty"),
    ('name: [a, b]', "in field 1, key 'name' is a list"),
    ('kind: numeric', 'field 1 has no name'),
    ('name: "a\\tb"', 'without control characters'),
    ('name: " a"', 'without blanks'),
    ('name: "a\\nb"', 'without control characters'),
    ('name: "a\\e[31m"', 'without control characters'),
    ('name: a/b', 'a name without slashes'),
    ('name: "..\\\\b"', 'a name without slashes'),
    ('name: "a\\ud800"', "key 'name' is"),
    ('name: a, column: ""', "key 'column' is the text ''"),
    ('name: a, column: [x]', "key 'column' is a list"),
    ('name: a, streaming: true', "unknown key 'streaming' in field 'a'"),
    ('name: a, nam: b', "did you mean 'name'"),
    ('name: a, shares: b', "shares 'b', which is not a field with a vocabulary"),
    ('name: a, shares: a', "shares 'a', which is not a field"),
    ('name: a, shares: [b]', "key 'shares' is a list"),
    ('name: a, null: 1', "unknown key 'null'"),
    ('name: a, 1: 1', "unknown key '1'"),
]


@pytest.mark.parametrize('text, sentence', FIELD, ids=[text[:40] for text, _ in FIELD])
def test_mistakes_in_a_field(tmp_path, text, sentence):
    said = refusal(tmp_path, f'files: a.csv\nlabel: y\nfields:\n- {{{text}}}\n')
    assert sentence in said and said.startswith('mine.yaml line 4: ')


WHOLE = [  # what replaces what in SHORT; what the sentence says
    ('fields: [{name: a}]', 'fields: 3', "line 3: key 'fields' is '3': it takes a list of fields"),
    ('fields: [{name: a}]', 'fields: {name: a}', "key 'fields' is a mapping"),
    ('[{name: a}]', '[]', 'is an empty list'),
    ('[{name: a}]', '', "key 'fields' is empty"),
    ('[{name: a}]', '[a]', "field 1 is 'a': it takes a mapping with keys among name"),
    ('[{name: a}]', '[[a]]', 'field 1 is a list'),
    ('[{name: a}]', '[null]', "field 1 is 'null'"),
    ('fields:', 'field:', "'fields'?"),
    ('[{name: a}]', '[{name: a}, {name: a}]', "two fields are named 'a'"),
    ('a.csv', '[]', "key 'files' is an empty list"),
    ('a.csv', '', "key 'files' is empty"),
    ('a.csv', '3', "the name '3' does not say the form"),
    ('a.csv', '{a: b}', 'is a mapping'),
    ('a.csv', '[a.csv, b.parquet]', "'a.csv' looks like csv and 'b.parquet' like parquet"),
    ('a.csv', '[[a.csv]]', "'files' is a list"),
    ('a.csv', '[a.csv, a.csv]', "lists 'a.csv' twice"),
    ('a.csv', '"a\\0.csv"', 'without control characters'),
    ('label: y\n', '', "has no 'label'"),
    ('y\n', '[y]\n', "key 'label' is a list"),
    ('y\n', '\n', "key 'label' is empty"),
    ('y\n', '{}\n', "key 'label' has no 'column'"),
    ('y\n', '{above: 3}\n', "has no 'column'"),
    ('y\n', '{column: y, above: abc}\n', "in label, key 'above' is 'abc': it takes a finite number"),
    ('y\n', '{column: y, above: .nan}\n', "'.nan'"),
    ('y\n', '{column: y, above: "3"}\n', "the text '3'"),
    ('y\n', '{column: y, above: 1e999}\n', "'1e999'"),
    ('y\n', '{column: y, above: 1, positive: [2]}\n', 'stands beside positive'),
    ('y\n', '{column: y, positive: []}\n', 'is an empty list'),
    ('y\n', '{column: y, positive: [""]}\n', "key 'positive' is the text ''"),
    ('y\n', '{column: y, negative: [0]}\n', "'negative' stands alone"),
    ('y\n', '{column: y, positive: {a: b}}\n', 'a mapping'),
    ('y\n', '{column: y, positive: [1], negative: [0, 1]}\n', "lists '1', which is also listed under positive"),
    ('y\n', '{column: y, positive: [1, 1]}\n', "lists '1' twice"),
    ('y\n', '{column: y, positive: [" 1"]}\n', "write '1'"),
    ('y\n', '{column: y, positive: [1]}\nmissing: [1]\n', "lists '1', which is also a missing value"),
    ('y\n', '{column: y, postive: [1]}\n', "unknown key 'postive' in label (did you mean 'positive'?)"),
    ('y\n', 'a\n', "field 'a' is made of column 'a', which is the label"),
    ('y\n', 'y\nsplit: {}\n', 'has 0 ways to split'),
    ('y\n', 'y\nsplit:\n', "key 'split' is empty"),
    ('y\n', 'y\nsplit: random\n', "key 'split' is 'random': it takes a mapping"),
    ('y\n', 'y\nsplit: [random]\n', 'is a list'),
    ('y\n', 'y\nsplit: {random: {}, time: {column: t}}\n', 'split must be one of'),
    ('y\n', 'y\nsplit: {randm: {}}\n', "unknown key 'randm' in split (did you mean 'random'?)"),
    ('y\n', 'y\nsplit: {random: 3}\n', "in split, key 'random' is '3'"),
    ('y\n', 'y\nsplit: {random: {valid: "0.1"}}\n', "in split random, key 'valid' is the text '0.1'"),
    ('y\n', 'y\nsplit: {random: {valid: 0}}\n', "'0': it takes a share of the rows, above 0 and below 1"),
    ('y\n', 'y\nsplit: {random: {valid: 1}}\n', "key 'valid' is '1'"),
    ('y\n', 'y\nsplit: {random: {valid: .nan}}\n', "'.nan'"),
    ('y\n', 'y\nsplit: {random: {valid: -0.1}}\n', "'-0.1'"),
    ('y\n', 'y\nsplit: {random: {valid: 10%}}\n', "'10%'"),
    ('y\n', 'y\nsplit: {random: {valid: 0.5, test: 0.5}}\n', 'leaves no rows for training'),
    ('y\n', 'y\nsplit: {random: {seed: -1}}\n', "key 'seed' is '-1'"),
    ('y\n', 'y\nsplit: {random: {seed: 1e99}}\n', "'1e99'"),
    ('y\n', 'y\nsplit: {random: {seed: 1.5}}\n', "'1.5'"),
    ('y\n', 'y\nsplit: {random: {seed: abc}}\n', "'abc'"),
    ('y\n', 'y\nsplit: {time: {valid: 0.1}}\n', "in split, key 'time' has no 'column'"),
    ('y\n', 'y\nsplit: {time: {column: y}}\n', 'is both the label and the column of the split'),
    ('y\n', 'y\nsplit: {time: {column: t, format: dmy}}\n', "key 'format' is 'dmy'"),
    ('y\n', 'y\nsplit: {time: {column: t, format: "%Q"}}\n', "'%Q': it takes directives of Python's strptime"),
    ('y\n', 'y\nsplit: {time: {column: t, format: "%d/%"}}\n', "the text '%d/%'"),
    ('y\n', 'y\nsplit: {time: {column: t, format: "%d%d"}}\n', "the text '%d%d'"),
    ('y\n', 'y\nsplit: {time: {column: t, missing_time: drop}}\n', "'drop': it takes one of bad, train, valid, test"),
    ('y\n', 'y\nsplit: {time: {column: t, seed: 1}}\n', "unknown key 'seed' in split time"),
    ('y\n', 'y\nsplit: {column: {name: s, train: [a], valid: [b]}}\n', "has no 'test'"),
    ('y\n', 'y\nsplit: {column: {train: [a], valid: [b], test: [c]}}\n', "has no 'name'"),
    (
        'y\n',
        'y\nsplit: {column: {name: s, train: [a], valid: [b], test: [c, a]}}\n',
        "lists 'a', which is also listed under train",
    ),
    ('y\n', 'y\nsplit: {column: {name: s, train: [a], valid: [], test: [c]}}\n', 'is an empty list'),
    ('y\n', 'y\nsplit: {column: {name: y, train: [a], valid: [b], test: [c]}}\n', 'is both the label and'),
    ('y\n', 'y\nsplit: {column: {name: a, train: [a], valid: [b], test: [c]}}\n', 'write as_field: true'),
    (
        'y\n',
        'y\nsplit: {column: {name: s, train: [a], valid: [b], test: [c], as_field: 1}}\n',
        "'1': it takes true or false",
    ),
    (
        'y\n',
        'y\nmissing: [c]\nsplit: {column: {name: s, train: [a], valid: [b], test: [c]}}\n',
        "'c', which is a missing value",
    ),
    ('y\n', 'y\nsplit: {files: {train: [b.csv], valid: [c.csv], test: [d.csv]}}\n', 'stands beside split files'),
    (
        'files: a.csv\nlabel: y\n',
        'label: y\nsplit: {files: {train: [b.csv], valid: [c.csv]}}\n',
        "has no 'test': list its files",
    ),
    (
        'files: a.csv\nlabel: y\n',
        'label: y\nsplit: {files: {train: [b.csv], test: [c.csv]}}\n',
        'valid: {share: 0.1, seed: 0}',
    ),
    (
        'files: a.csv\nlabel: y\n',
        'label: y\nsplit: {files: {train: b.csv, test: c.csv, valid: {seed: 1}}}\n',
        "has no 'share'",
    ),
    (
        'files: a.csv\nlabel: y\n',
        'label: y\nsplit: {files: {train: b.csv, test: c.csv, valid: {share: 2}}}\n',
        "'share' is '2'",
    ),
    (
        'files: a.csv\nlabel: y\n',
        'label: y\nsplit: {files: {train: {share: 0.1}, test: c.csv, valid: b.csv}}\n',
        "'train' is a mapping",
    ),
    (
        'files: a.csv\nlabel: y\n',
        'label: y\nsplit: {files: {train: [], test: c.csv, valid: b.csv}}\n',
        'is an empty list',
    ),
    ('files: a.csv\n', '', "has no 'files'"),
    ('y\n', 'y\nheader: maybe\n', "key 'header' is 'maybe': it takes true or false"),
    ('y\n', 'y\nheader: "false"\n', "the text 'false'"),
    ('y\n', 'y\nheader: false\n', 'must list the columns'),
    ('y\n', 'y\nheader: 0\n', "'0'"),
    ('y\n', 'y\ncolumns: [a, y, a]\n', "key 'columns' lists 'a' twice"),
    ('y\n', 'y\ncolumns: []\n', 'is an empty list'),
    ('y\n', 'y\ncolumns: [a, ""]\n', "the text ''"),
    ('y\n', 'y\ncolumns: 3\nheader: no\nseparator: 0\n', "key 'separator' is '0'"),
    ('y\n', 'y\nseparator: ""\n', "'separator' is the text ''"),
    ('y\n', 'y\nseparator: "\\n"\n', 'line ends'),
    ('y\n', 'y\nseparator: tab\n', "'tab'"),
    ('y\n', "y\nseparator: '\\t'\n", 'in double quotes'),
    ('y\n', 'y\nseparator: "\'"\n', 'letters, digits or quotes'),
    ('y\n', 'y\nseparator: [a]\n', "'separator' is a list"),
    ('y\n', 'y\nseparator: null\n', "'null'"),
    ('y\n', 'y\nquote: "|"\n', "'quote' is the text '|': it takes one of none"),
    ('y\n', 'y\nquote: ""\n', "the text ''"),
    ('y\n', 'y\nencoding: klingon\n', "'encoding' is 'klingon'"),
    ('y\n', 'y\nencoding: base64\n', "'base64'"),
    ('y\n', 'y\nencoding: 8\n', "'8'"),
    ('y\n', 'y\ndecimal: ";"\n', "'decimal' is the text ';': it takes one of '.', ','"),
    ('y\n', 'y\ndecimal: 1\n', "'1'"),
    ('y\n', 'y\nthousands: "."\n', 'they must differ'),
    ('y\n', 'y\nthousands: x\n', "'thousands' is 'x'"),
    ('y\n', 'y\nquote: none\ndecimal: ","\n', 'which separates the columns: without quotes, no number'),
    ('y\n', 'y\ninfinite: drop\n', "'infinite' is 'drop': it takes one of bad, missing"),
    ('y\n', 'y\nmissing: {a: b}\n', 'a mapping'),
    ('y\n', 'y\nmissing: [[a]]\n', 'is a list'),
    ('y\n', 'y\nmissing:\n', 'is empty'),
    ('y\n', 'y\nmissing: [a, a]\n', 'twice'),
    ('y\n', 'y\nform: excel\n', "key 'form' is 'excel'"),
    ('y\n', 'y\nform: [csv]\n', "key 'form' is a list"),
    ('y\n', 'y\nform: parquet\nseparator: ","\n', "'separator' is not read for files of form parquet"),
    ('y\n', 'y\nform: parquet\nheader: true\n', "'header' is not read for files of form parquet"),
    ('y\n', 'y\nform: libsvm\n', "the label of a libsvm file is the column 'label'"),
    ('y\n', 'y\nY: 3\n', "unknown key 'Y'"),
    (
        '[{name: a}]',
        '[{name: a, kind: multivalued, separator: ","}]\nquote: none',
        'without quotes, no value can hold it',
    ),
    (
        'fields: [{name: a}]',
        'form: parquet\nfields: [{name: a, kind: multivalued}, {name: b, column: a, kind: multivalued, '
        'separator: ","}]',
        "field 'b' with the separator ',', and 'a' of the same column with '|': use one for both",
    ),
    (
        'label: y\nfields: [{name: a}]',
        'form: libsvm\nlabel: label\nfields: [{name: a, column: 1-9, kind: multivalued, separator: ","}]',
        "field 'a' with the separator ',', but a libsvm file has its values as pairs",
    ),
    ('[{name: a}]', '[{name: a}, {name: b, shares: a, min_count: 2}]', "'min_count' is not read beside shares"),
    ('[{name: a}]', '[{name: a}, {name: b, shares: a, missing: nothing}]', 'use one for both'),
    (
        '[{name: a}]',
        '[{name: a, shares: b}, {name: b, kind: numeric}]',
        "shares 'b', which is not a field with a vocabulary",
    ),
    ('[{name: a}]', '[{name: a}, {name: b, shares: a}, {name: c, shares: b}]', "shares 'b', which is not a field"),
    (
        '[{name: a}]',
        '[{name: a, transform: hash, buckets: 2e9}, {name: b, transform: hash, buckets: 2e9}]',
        '4,000,000,000 buckets',
    ),
    ('[{name: a}]', '[{name: a}, {name: b, column: a, kind: numeric}]', "column 'a' is used as numbers and as text"),
    (SHORT, '- a\n- b\n', 'the file is a list: it takes a mapping with keys among files'),
    (SHORT, 'hello', "the file is 'hello'"),
    (SHORT, '3', "the file is '3'"),
    (SHORT, 'null', "the file is 'null'"),
    (SHORT, '', 'is empty'),
    (SHORT, ' \n\n', 'is empty'),
    (SHORT, '# a\n', 'holds only comments'),
    (SHORT, '---\n', 'the file is empty'),
    (SHORT, SHORT + '---\n' + SHORT, 'line 4 is neither'),
    (SHORT, SHORT + 'files: b.csv\n', "has the key 'files' twice, in line 1 and line 4: keep one"),
    ('[{name: a}]', '[{name: a, cap: 3, cap: 4}]', "has the key 'cap' twice, in line 3: keep one"),
    ('y\n', 'y\n\tseparator: ","\n', 'YAML indents by blanks'),
    ('y\n', 'y\n? [a, b]\n: c\n', 'a list or a mapping as a key'),
    ('y\n', 'y\n{a: b}: c\n', 'a list or a mapping as a key'),
    ('[{name: a}]', '[{name: a', 'line 4 is neither YAML nor JSON'),
    ('y\n', '!!str y\nmissing: !!python/object:os.system [a]\n', "line 3 has the tag '!!python/object:os.system'"),
    ('y\n', '!x y\n', "has the tag '!x'"),
    ('y\n', '"\\UFFFFFFFF"\n', 'an escape of a character that does not exist'),
    ('y\n', '*y\n', 'neither YAML nor JSON'),
    ('y\n', '"\\ud83d"\n', "key 'label' is the text"),
    ('y\n', 'y\x07\n', "line 2 is neither YAML nor JSON: it holds the character '\\x07'"),
    ('y\n', '&a [*a]\n', 'a value that contains the alias'),
    ('y\n', 'y\n<<: 3\n', '`<<` takes an alias of a mapping'),
    (SHORT, '[' * 3000, 'nested too deeply'),
    (SHORT, '{"a": ' * 3000, 'nested too deeply'),
    (SHORT, '@a', 'neither YAML nor JSON'),
    (SHORT, '%', 'neither YAML nor JSON'),
    (SHORT, 'a\0b', 'neither YAML nor JSON'),
]


@pytest.mark.parametrize('old, new, sentence', WHOLE, ids=[f'{new[:40]!r}' for _, new, _ in WHOLE])
def test_mistakes_in_a_declaration(tmp_path, old, new, sentence):
    assert old in SHORT
    said = refusal(tmp_path, SHORT.replace(old, new, 1))
    assert sentence in said and said.startswith('mine.yaml')
    assert len(said) < 700


BYTES = [
    (SHORT.replace('a.csv', 'é.csv').encode('latin-1'), 'mine.yaml', 'line 1 is not UTF-8, byte 0xe9 is wrong there'),
    (b'\xff\xfea', 'mine.yaml', 'is not UTF-16'),
    (b'\x00\x01\x02' * 9, 'mine.yaml', 'neither YAML nor JSON'),
    (b'#' * (LARGEST + 1), 'mine.yaml', 'it is not a declaration of a table'),
    (b'\x1f\x8b\x08', 'mine.yaml.gz', 'is not UTF-8'),
    (b'{"files": "a.csv", "files": "b.csv"}', 'mine.json', "has the key 'files' twice: keep one"),
    (b'{"files": "a.csv",}', 'mine.json', 'line 1 is not JSON'),
    (b'files: a.csv', 'mine.json', 'line 1 is not JSON'),
    (b'[' * 100_000, 'mine.json', 'nested too deeply'),
    (b'[]', 'mine.json', 'the file is a list'),
    (b'NaN', 'mine.json', "is 'NaN'"),
    (
        b'{"files": "a.csv", "label": "y", "fields": [{"name": "a", "min_count": 1.5}]}',
        'mine.json',
        "'min_count' is '1.5'",
    ),
    (
        b'{"files": "a.csv", "label": "y", "fields": [{"name": "a", "min_count": NaN}]}',
        'mine.json',
        "'min_count' is 'NaN'",
    ),
    (
        b'{"files": "a.csv", "label": "y", "fields": [{"name": "a", "min_count": true}]}',
        'mine.json',
        "'min_count' is 'true'",
    ),
    (b'{"files": "a.csv", "label": "\\ud800", "fields": []}', 'mine.json', 'is an empty list'),
]


@pytest.mark.parametrize('content, name, sentence', BYTES, ids=[sentence for *_, sentence in BYTES])
def test_files_that_are_no_declarations(tmp_path, content, name, sentence):
    assert sentence in refusal(tmp_path, content, name)


def test_what_is_no_file(tmp_path):
    for path, sentence in (
        (tmp_path, 'cannot be read: Is a directory'),
        (tmp_path / 'none.yaml', 'No such file'),
        (tmp_path / 'a\0b', 'cannot be read'),
    ):
        with pytest.raises(UsageError, match=re.escape(sentence)):
            load(path)


def test_aliases_that_multiply_end_early(tmp_path):
    lines = ['missing: &a0 [x, x, x, x, x, x, x, x, x, x]']
    lines += [f'a{number}: &a{number} [{", ".join([f"*a{number - 1}"] * 10)}]' for number in range(1, 30)]
    assert 'more than 500,000 values' in refusal(tmp_path, '\n'.join(lines))


VALUES = [
    'yes',
    'null',
    '~',
    '01',
    '1e5',
    '-1',
    '0',
    '1e999',
    '.nan',
    '"3"',
    '""',
    '"\\0"',
    '"\\ud800"',
    '[]',
    '{}',
    '[a, b]',
    '[[a]]',
    '{a: b}',
    '2020-01-01',
    '12:30',
    'abc',
    '9' * 400,
    '"\\t"',
    '"::"',
    '[null]',
    '0.5',
    '1',
    'true',
    '*x',
    '!!int 3',
    '',
    '"a b"',
    "'\\t'",
    '[1, 1]',
    '{name: a}',
    '{column: y}',
    'none',
    'train',
    '[a, "", ~]',
    '日本',
    '"\\u202e"',
    '[{}]',
    'csv',
    'hash',
    'numeric',
    '2147483648',
    '-0.0',
    '1_0',
    '% d',
]


def paths(node, path=()):
    """Where the values of a tree of dictionaries and lists are."""
    yield path
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from paths(value, (*path, key))


def written(node):
    """A tree as flow YAML; a tuple is text to be taken as it is."""
    if isinstance(node, tuple):
        return node[0]
    if isinstance(node, dict):
        return (
            '{'
            + ', '.join(f'{key if isinstance(key, str) else key[0]}: {written(value)}' for key, value in node.items())
            + '}'
        )
    if isinstance(node, list):
        return '[' + ', '.join(map(written, node)) + ']'
    return json.dumps(node) if not re.fullmatch(r'-?[\d.]+|true|false', node) else node


def test_anything_else_than_a_valid_declaration_is_a_usage_error(tmp_path):
    base = yaml.load(GOOD, yaml.BaseLoader)
    columns = {'column': {'name': 's', 'train': ['a'], 'valid': ['b'], 'test': ['c']}}
    files = {'files': {'train': ['a.csv'], 'valid': {'share': '0.1', 'seed': '0'}, 'test': ['c.csv']}}
    rng = random.Random(7)
    taken = 0
    for _ in range(1000):
        tree = json.loads(
            json.dumps({**base, 'split': rng.choice([base['split'], columns, files, {'random': {'seed': '1'}}])})
        )
        if 'files' in tree['split']:
            del tree['files']
        for _ in range(rng.choice([1, 1, 2])):
            path = rng.choice(list(paths(tree))[1:])
            parent = tree
            for key in path[:-1]:
                parent = parent[key]
            change = rng.random()
            if isinstance(parent, tuple):
                continue
            if change < 0.75:
                parent[path[-1]] = (rng.choice(VALUES),)
            elif change < 0.85:
                del parent[path[-1]]
            elif isinstance(parent, dict):
                parent[
                    rng.choice(['cap', 'kind', 'above', 'quote', 'column', 'files', ('[a]',), ('null',), ('"\\n"',)])
                ] = ('3',)
            if not tree or any(isinstance(tree.get(key), tuple) for key in tree):
                break
        try:
            schema = read(tmp_path, written(tree))
        except UsageError as error:
            assert str(tmp_path / 'mine.yaml') in str(error) and '\n' not in str(error) and len(str(error)) < 900
            json.dumps(str(error), ensure_ascii=False).encode()  # it can be printed
        else:
            taken += isinstance(schema, TableSchema)
    assert 60 < taken < 900
