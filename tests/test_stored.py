"""Files that a user, another version or a killed process may have changed are read, or refused with one sentence."""

import pathlib
import re

import pytest

from autoint_jax import stored
from autoint_jax.data.generated.raw_files import written
from autoint_jax.errors import UsageError, system_sentence

FORM = {'name': str, 'test': {'auc': stored.finite}, 'layers': [int], 'seconds': (float, None), 'files': {str: [int]}}
GOOD = '{"name": "a", "test": {"auc": 0.5}, "layers": [1], "seconds": null, "files": {"b": [1], "c": []}, "more": 1}'


@pytest.mark.parametrize(
    'content, part',
    [
        ('', 'is damaged'),
        ('{', 'is damaged'),
        ('[' * 100000, 'nested too deeply'),
        ('{"name": ' + '9' * 5000 + '}', 'is damaged'),
        ('[]', 'not an object'),
        ('null', 'not an object'),
        (GOOD.replace('"name"', '"nam"'), "no key 'name'"),
        (GOOD.replace('"a"', '3'), 'name is 3, not a text'),
        (GOOD.replace('0.5', 'NaN'), 'test.auc is nan, not a finite number'),
        (GOOD.replace('0.5', 'true'), 'test.auc is True'),
        (GOOD.replace('{"auc": 0.5}', '[]'), 'test is [], not an object'),
        (GOOD.replace('[1]', '[1, "x"]'), "layers[1] is 'x', not a whole number"),
        (GOOD.replace('null', '"x"'), "seconds is 'x', not a number"),
        (GOOD.replace('"c": []', '"c": 3'), 'files.c is 3, not a list'),
        (GOOD.replace('"c": []', '"c": [1, null]'), 'files.c[1] is None, not a whole number'),
        (GOOD.replace('{"b": [1], "c": []}', '[]'), 'files is [], not an object'),
        (b'{"name": "\xe9"}', 'UTF-8'),
        (b'\xff\xfe{\0', 'UTF-8'),
    ],
)
def test_a_file_of_another_form_is_a_sentence(tmp_path, content, part):
    path = tmp_path / 'record.json'
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError, match=re.escape(part)) as refused:
        stored.read_json(path, FORM, mend='make it anew')
    assert str(path) in str(refused.value) and str(refused.value).endswith(': make it anew')


def test_a_file_of_the_form_is_read(tmp_path):
    (tmp_path / 'record.json').write_text(GOOD)
    assert stored.read_json(tmp_path / 'record.json', FORM)['more'] == 1
    assert (
        stored.read_json_if_there(tmp_path / 'none.json') is None
        and stored.read_json_if_there(tmp_path / 'record.json' / 'below') is None
    )


@pytest.mark.parametrize(
    'name, part',
    [
        ('.', 'is a folder'),
        ('none.json', 'does not exist'),
        ('a' * 300, 'longer than'),
        ('a\0b', 'not a path'),
        ('file/below', 'is a file'),
        ('circle', 'circle'),
    ],
)
def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path, name, part):
    (tmp_path / 'file').touch()
    (tmp_path / 'circle').symlink_to('circle')
    with pytest.raises(UsageError, match=part):
        stored.read_json(tmp_path / name)


def test_code_that_takes_a_record_apart_names_it():
    for code in ('{}["rows"]', '[][0]', 'f"{None:.4f}"', '"a" - 1', 'None.x'):
        with (
            pytest.raises(UsageError, match='results/table.json has another form'),
            stored.of_form(pathlib.Path('results/table.json')),
        ):
            eval(code)


@pytest.mark.parametrize(
    'write', [lambda path: stored.write_text(path, 'new'), lambda path: written(path, iter([b'new']))]
)
def test_a_full_disk_is_said_with_the_file_and_leaves_it_as_it_was(tmp_path, monkeypatch, write):
    path, full = tmp_path / 'x.json', tmp_path / 'full'
    path.write_text('old')
    full.symlink_to('/dev/full')
    monkeypatch.setattr('autoint_jax.unfinished.unfinished_name', lambda path: full)
    with pytest.raises(OSError) as caught:
        write(path)
    assert system_sentence(caught.value).startswith(f'the disk is full while writing {path}: free some space')
    assert path.read_text() == 'old' and list(tmp_path.iterdir()) == [path]


def test_a_toml_file_that_is_missing_is_asked_for(tmp_path):
    with pytest.raises(UsageError, match="^there is no file of spaces '.*': name one that exists; .* no TOML file$"):
        stored.read_toml(tmp_path / 'spaces.toml', 'file of spaces')
    (tmp_path / 'space.toml').touch()
    with pytest.raises(UsageError, match=r"\(did you mean 'space'\?\): name one that exists; its folder has space$"):
        stored.read_toml(tmp_path / 'spaces.toml', 'file of spaces')
