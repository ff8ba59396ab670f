"""The text of a declaration: what is not UTF-8, YAML or JSON, or holds no mapping, is refused in one sentence."""

import re

import pytest
from declaration_cases import SHORT, check_mistake, refusal

from autoint_jax.data.datasets.declaration.table import load
from autoint_jax.data.datasets.declaration.text import LARGEST
from autoint_jax.errors import UsageError

TEXTS = [  # what replaces what in SHORT; what the sentence says
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


@pytest.mark.parametrize('old, new, sentence', TEXTS, ids=[f'{new[:40]!r}' for _, new, _ in TEXTS])
def test_mistakes_in_a_declaration(tmp_path, old, new, sentence):
    check_mistake(tmp_path, old, new, sentence)


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
