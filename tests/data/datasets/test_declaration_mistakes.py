"""Every mistake in a declaration, apart from those within a field, is one sentence."""

import re

import pytest
from declaration_cases import SHORT, refusal

from autoint_jax.data.datasets.declaration.table import load
from autoint_jax.data.datasets.declaration.text import LARGEST
from autoint_jax.errors import UsageError

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
