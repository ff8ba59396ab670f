"""The folder of a bundle: it has its name only when it is whole, and nothing else is ever replaced."""

import os

import pytest

from autoint_jax.bundle.manifest import FORMAT
from autoint_jax.errors import UsageError
from autoint_jax.export.writing import bundle_folder
from autoint_jax.unfinished import unfinished_name


def written(out, text, *, overwrite=False):
    with bundle_folder(out, overwrite=overwrite) as folder:
        (folder / 'encoding').mkdir()
        (folder / 'encoding' / 'schema.json').write_text(text)
        (folder / 'manifest.json').write_text(f'{{"format": "{FORMAT}"}}')


def test_a_bundle_appears_when_it_is_whole(tmp_path):
    with bundle_folder(tmp_path / 'bundle', overwrite=False) as folder:
        (folder / 'weights.bin').write_text('x')
        (scratch,) = os.listdir(tmp_path)
        assert scratch.startswith('bundle.unfinished-')
    assert os.listdir(tmp_path) == ['bundle'] and os.listdir(tmp_path / 'bundle') == ['weights.bin']


def test_an_error_leaves_nothing_or_the_former_bundle(tmp_path):
    for former in (False, True):
        if former:
            written(tmp_path / 'bundle', 'first')
        with pytest.raises(OSError, match='full'), bundle_folder(tmp_path / 'bundle', overwrite=True) as folder:
            (folder / 'weights.bin').write_text('x')
            raise OSError(28, 'full')
        assert os.listdir(tmp_path) == ['bundle'] * former
    assert (tmp_path / 'bundle' / 'encoding' / 'schema.json').read_text() == 'first'


def test_a_bundle_is_replaced_only_if_asked(tmp_path):
    out = tmp_path / 'bundle'
    written(out, 'first')
    with pytest.raises(UsageError, match='is a bundle already: pass --overwrite'):
        written(out, 'second')
    assert (out / 'encoding' / 'schema.json').read_text() == 'first'
    written(out, 'second', overwrite=True)
    assert (out / 'encoding' / 'schema.json').read_text() == 'second' and os.listdir(tmp_path) == ['bundle']


def test_other_folders_and_files_are_never_replaced(tmp_path):
    (tmp_path / 'other').mkdir()
    (tmp_path / 'other' / 'manifest.json').write_text('{"format": 1}')
    (tmp_path / 'file').write_text('x')
    written(tmp_path / 'bundle', 'first')
    (tmp_path / 'link').symlink_to(tmp_path / 'bundle')
    for name in ('other', 'file', 'link'):
        with pytest.raises(UsageError, match=f'{name} exists and is no bundle'):
            written(tmp_path / name, 'second', overwrite=True)
    with pytest.raises(UsageError, match='the folder .*none does not exist: make it first'):
        written(tmp_path / 'none' / 'bundle', 'first')


def test_what_killed_processes_left_is_cleared_or_put_back(tmp_path, monkeypatch):
    out, scratch = tmp_path / 'bundle', unfinished_name(tmp_path / 'bundle')
    monkeypatch.setattr('autoint_jax.unfinished.is_alive', lambda process: False)
    (scratch / 'new').mkdir(parents=True)
    (scratch / 'new' / 'weights.bin').write_text('half')
    written(out, 'first')
    assert os.listdir(tmp_path) == ['bundle']
    # Killed between the two renames: the former bundle stands in the scratch folder.
    scratch.mkdir()
    os.rename(out, scratch / 'old')
    with pytest.raises(UsageError, match='is a bundle already'):
        written(out, 'second')
    assert (out / 'encoding' / 'schema.json').read_text() == 'first'
