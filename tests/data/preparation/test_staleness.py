"""Data is prepared already only if the same declaration and version would make it again."""

import json
import os
import pathlib
import re

import pytest
from staleness_cases import DECLARATION, edit, flip, forget, own_of, prepared_folder

from autoint_jax.data.preparation import staleness
from autoint_jax.data.preparation.origin import ORIGIN_KEY
from autoint_jax.data.store.manifest import PREPARATION
from autoint_jax.errors import UsageError


@pytest.fixture
def folder(tmp_path):
    return prepared_folder(tmp_path)


def test_the_same_is_prepared_already(folder):
    assert own_of(folder).again() == [] and own_of(folder).again(verify=True) == []


def test_form_comments_defaults_and_order_of_keys_change_nothing(folder):
    edit(folder / 'mine.yaml', '{name: a, min_count: 2}', '{min_count: 2, kind: categorical, name: "a"}  # a comment')
    edit(folder / 'mine.yaml', 'label: y', 'label: {column: y}')
    assert own_of(folder).again() == []


CHANGES = {
    'another parameter': ('min_count: 2', 'min_count: 3', 'fields.a.min_count was "2" and is "3"'),
    'a parameter more': ('{name: b', '{name: b, transform: standard', 'fields.b.transform is new, "standard"'),
    'a parameter less': ('{name: a, min_count: 2}', '{name: a}', 'fields.a.min_count was "2" and is gone'),
    'another seed': ('seed: 0', 'seed: 1', 'split.random.seed was "0" and is "1"'),
    'another split': (
        '{random: {valid: 0.2, test: 0.2, seed: 0}}',
        '{time: {column: b, valid: 0.2, test: 0.2, as_field: true}}',
        'split.random was',
    ),
    'another field': ('{name: b,', '{name: c, column: b,', 'fields.c is new; fields.b is gone'),
    'another order': (
        '- {name: a, min_count: 2}\n- {name: b, kind: numeric}',
        '- {name: b, kind: numeric}\n- {name: a, min_count: 2}',
        'fields are in another order',
    ),
    'another label': ('label: y', 'label: {column: y, above: 0}', 'label was "y" and is {"column": "y", "above": "0"}'),
    'missing values': ('label: y', 'label: y\nmissing: ["4"]', 'missing is new, ["4"]'),
    'fewer files': ('part-*.csv', 'part-0.csv', 'raw/part-1.csv is no longer among the files'),
    'files in another order': ('[part-*.csv]', '[part-1.csv, part-0.csv]', 'the files are in another order'),
}


@pytest.mark.parametrize('change', CHANGES)
def test_a_changed_declaration_is_named(folder, change):
    old, new, sentence = CHANGES[change]
    edit(folder / 'mine.yaml', old, new)
    with pytest.raises(
        UsageError, match=f'out/csv/mine was prepared .*{re.escape(sentence)}.*: --overwrite prepares it again'
    ):
        own_of(folder).again()


def test_another_version_of_the_encoding_is_named(folder, monkeypatch):
    monkeypatch.setattr(staleness, 'ENCODING', 7)
    with pytest.raises(UsageError, match='encoded by version 1 of the encoding, and this program has version 7'):
        own_of(folder).again()


def test_a_smaller_share_of_bad_rows_is_said(folder):
    with open(folder / 'part-0.csv', 'a') as file:
        file.write('7,1,1\n' * 9)
    own_of(folder).prepare(share=0.5)
    assert own_of(folder).again(share=0.5) == [] and own_of(folder).again(share=0.3) == []
    with pytest.raises(
        UsageError, match='9 of 129 rows could not be parsed, which --max_bad_share=0.5 allowed and 0.01 does not'
    ):
        own_of(folder).again(share=0.01)
    with pytest.raises(UsageError, match='--max_bad_share=5 is not a share'):
        own_of(folder).again(share=5)


def test_two_bad_rows_are_never_too_many(folder):
    with open(folder / 'part-0.csv', 'a') as file:
        file.write('7,1,1\n' * 2)
    own_of(folder).prepare(share=0.5)
    assert own_of(folder).again(share=0.001) == []
    with pytest.raises(
        UsageError, match='2 of 122 rows could not be parsed, which --max_bad_share=0.5 allowed and 0 does not'
    ):
        own_of(folder).again(share=0)


def test_data_of_an_earlier_version_is_compared_as_far_as_it_tells(folder):
    forget(folder.parent / 'out')
    (line,) = own_of(folder).again()
    assert (
        'was prepared by an earlier version' in line
        and 'fields, split and raw files were compared' in line
        and 'all that it was made from' in line
    )
    os.utime(folder / 'part-0.csv')
    assert len(own_of(folder).again()) == 1
    kept = (folder / 'mine.yaml').read_text()
    for old, new, sentence in (
        ('min_count: 2', 'min_count: 3', 'plan.fields.a.min_count was 2 and is 3'),
        ('seed: 0', 'seed: 1', 'split.random.seed was 0 and is 1'),
        ('- {name: a, min_count: 2}\n', '', 'plan.fields.a is gone'),
        ('part-*', 'part-0', 'prepared from part-0.csv, part-1.csv, and the files are now part-0.csv'),
    ):
        edit(folder / 'mine.yaml', old, new)
        with pytest.raises(UsageError, match=re.escape(sentence)):
            own_of(folder).again()
        (folder / 'mine.yaml').write_text(kept)
    flip(folder)
    with pytest.raises(UsageError, match='part-0.csv has another content'):
        own_of(folder).again()


def test_large_files_of_an_earlier_version_are_compared_on_demand(folder, monkeypatch):
    forget(folder.parent / 'out')
    monkeypatch.setattr(staleness, 'OLD_COMPARED', 100)
    flip(folder)
    (line,) = own_of(folder).again()
    assert 'cannot be told' in line and '--verify' in line
    with pytest.raises(UsageError, match='part-0.csv has another content'):
        own_of(folder).again(verify=True)


@pytest.mark.parametrize('origin', [[], {}, {'encoding': 'x'}, {'files': 7}])
def test_a_broken_record_of_the_origin_is_a_sentence(folder, origin):
    (path,) = (folder.parent / 'out').glob('*/*/manifest.json')
    manifest = json.loads(path.read_text())
    manifest[PREPARATION][ORIGIN_KEY] = origin
    path.write_text(json.dumps(manifest))
    with pytest.raises(UsageError, match='manifest.json has another form than expected.*--overwrite'):
        own_of(folder).again()


def test_the_command(folder, command):
    def run(*arguments):
        return command(
            'scripts/prepare_data.py',
            '--dataset=csv',
            f'--schema={folder}/mine.yaml',
            f'--data_dir={folder.parent}/out',
            *arguments,
        )

    manifest = folder.parent / 'out' / 'csv' / 'mine' / 'manifest.json'
    before = manifest.read_bytes()
    done = run('--verify')
    assert done.returncode == 0 and 'already prepared' in done.stdout and 'with their checksums' in done.stdout, (
        done.stderr
    )
    flip(folder)
    done = run()
    assert done.returncode == 2 and 'part-0.csv has another content' in done.stderr and '--overwrite' in done.stderr
    assert 'already prepared' not in done.stdout
    edit(folder / 'mine.yaml', 'name: b,', 'name: nowhere,')
    done = run('--overwrite')
    assert done.returncode == 2 and 'nowhere' in done.stderr and 'Traceback' not in done.stderr
    assert manifest.read_bytes() == before and [path.name for path in manifest.parents[1].iterdir()] == ['mine']
    edit(folder / 'mine.yaml', 'name: nowhere,', 'name: b,')
    done = run('--overwrite')
    assert done.returncode == 0 and 'prepared' in done.stdout and manifest.read_bytes() != before, done.stderr
    manifest.unlink()
    done = run()
    assert (
        done.returncode == 2 and 'is damaged (manifest.json is missing)' in done.stderr and '--overwrite' in done.stderr
    )
    assert run('--overwrite').returncode == 0 and run().returncode == 0


def test_a_folder_of_something_else_is_not_replaced(folder, command, tmp_path):
    (tmp_path / 'out' / 'csv' / 'yours').mkdir()
    (tmp_path / 'out' / 'csv' / 'yours' / 'thesis.tex').touch()
    (folder / 'yours.yaml').write_text(DECLARATION)
    done = command(
        'scripts/prepare_data.py',
        '--dataset=csv',
        f'--schema={folder}/yours.yaml',
        f'--data_dir={tmp_path}/out',
        '--overwrite',
    )
    assert done.returncode == 2 and 'yours holds files that are not prepared data' in done.stderr
    assert pathlib.Path(tmp_path / 'out' / 'csv' / 'yours' / 'thesis.tex').exists()
