"""The commit in a record is this code's or none; the processor is named."""

import os
import pathlib
import shutil
import subprocess

import pytest
from conftest import ROOT

from autoint_jax.training.run_folder import provenance

GIT = ['git', '-c', 'user.name=someone', '-c', 'user.email=someone@example.org']


def git(folder, *arguments):
    clean = {name: value for name, value in os.environ.items() if not name.startswith('GIT_')}
    return subprocess.run(
        [*GIT, *arguments], cwd=folder, env=clean, capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A repository of a user, in which this code lies, installed but not tracked."""
    git(tmp_path, 'init', '-q')
    (tmp_path / 'mine.txt').write_text('mine')
    git(tmp_path, 'add', 'mine.txt')
    git(tmp_path, 'commit', '-q', '-m', 'mine')
    root = tmp_path / 'venv/lib/site-packages'
    (root / provenance.THIS_FILE).parent.mkdir(parents=True)
    shutil.copy(provenance.__file__, root / provenance.THIS_FILE)
    monkeypatch.setattr(provenance, 'ROOT', root)
    return tmp_path


def test_the_commit_of_a_repository_around_this_code_is_not_reported(installed):
    assert provenance.commit() is None


def test_the_commit_of_a_repository_that_tracks_this_code_is_reported(installed):
    git(installed, 'add', '-f', 'venv')
    git(installed, 'commit', '-q', '-m', 'vendored')
    head = git(installed, 'rev-parse', 'HEAD')
    assert provenance.commit() == head
    with open(provenance.ROOT / provenance.THIS_FILE, 'a') as file:
        file.write('# changed\n')
    assert provenance.commit() == head + '+changes'


def test_records_are_no_changes_of_the_code_that_writes_them(installed):
    """Everything else that is tracked is: code, configurations, spaces of leaderboards, files around this code."""
    files = ('results/table.json', 'results/runs/run.json', 'experiments/leaderboards/spaces.toml', 'results.py')
    written = [provenance.ROOT / name for name in files] + [installed / 'results' / 'mine.txt']
    for path in written:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('old')
    git(installed, 'add', '-f', '.')
    git(installed, 'commit', '-q', '-m', 'vendored')
    head = git(installed, 'rev-parse', 'HEAD')
    for path in written:
        path.write_text('new')
        is_record = path.is_relative_to(provenance.ROOT / 'results')
        assert provenance.commit() == (head if is_record else f'{head}+changes'), path
        path.write_text('old')
    written[0].unlink()
    (provenance.ROOT / 'results' / 'new.json').touch()
    git(installed, 'add', '-f', str(provenance.ROOT / 'results'))
    assert provenance.commit() == head


def test_variables_that_a_hook_of_git_sets_name_no_other_repository(installed, tmp_path_factory, monkeypatch):
    other = tmp_path_factory.mktemp('other')
    git(other, 'init', '-q')
    (other / provenance.THIS_FILE).parent.mkdir(parents=True)
    (other / provenance.THIS_FILE).touch()
    git(other, 'add', '.')
    git(other, 'commit', '-q', '-m', 'another')
    monkeypatch.setenv('GIT_DIR', str(other / '.git'))
    monkeypatch.setenv('GIT_WORK_TREE', str(other))
    monkeypatch.setenv('GIT_INDEX_FILE', str(other / '.git/index'))
    assert provenance.commit() is None


def test_where_git_is_missing_or_refuses_there_is_no_commit(installed, monkeypatch, tmp_path):
    git(installed, 'add', '-f', 'venv')
    git(installed, 'commit', '-q', '-m', 'vendored')
    assert provenance.commit() is not None
    fake = tmp_path / 'fake'
    fake.mkdir()
    (fake / 'git').write_text('#!/bin/sh\necho "fatal: detected dubious ownership in repository" >&2\nexit 128\n')
    (fake / 'git').chmod(0o755)
    monkeypatch.setenv('PATH', str(fake))
    assert provenance.commit() is None
    (fake / 'git').unlink()
    assert provenance.commit() is None


def test_this_checkout_has_its_own_commit(monkeypatch):
    monkeypatch.setenv('GIT_DIR', '/nowhere')
    found = provenance.commit()
    assert found is None or found.removesuffix('+changes') == git(ROOT, 'rev-parse', 'HEAD')


def test_the_processor_is_named(monkeypatch):
    assert provenance.processor() and provenance.device().processor == provenance.processor()
    reads = pathlib.Path.read_text
    monkeypatch.setattr(
        pathlib.Path,
        'read_text',
        lambda path, *of, **how: (
            'processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n'
            if str(path) == '/proc/cpuinfo'
            else reads(path, *of, **how)
        ),
    )
    assert provenance.processor() == 'Some CPU @ 2 GHz'

    def missing(path, *of, **how):
        raise FileNotFoundError(2, 'none', str(path))

    monkeypatch.setattr(pathlib.Path, 'read_text', missing)
    assert provenance.processor() in (provenance.platform.processor(), provenance.platform.machine())
