"""Data is prepared already only if the same declaration, recipe, files and version would make it again."""

import gzip
import json
import os
import pathlib
import re
import shutil

import pytest

from autoint_jax.data.datasets import own_table, registry
from autoint_jax.data.datasets.declaration.table import load
from autoint_jax.data.generated import shapes
from autoint_jax.data.preparation import staleness
from autoint_jax.data.preparation.origin import ORIGIN_KEY, RawFiles
from autoint_jax.data.store.manifest import PREPARATION
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.errors import UsageError

DECLARATION = """
files: [part-*.csv]
label: y
split: {random: {valid: 0.2, test: 0.2, seed: 0}}
fields:
- {name: a, min_count: 2}
- {name: b, kind: numeric}
"""


def write_tables(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(2):
        rows = ''.join(f'{(row * 7 + number) % 3 % 2},{row % 5},{row / 3:.3f}\n' for row in range(60))
        (folder / f'part-{number}.csv').write_text('y,a,b\n' + rows)


@pytest.fixture
def folder(tmp_path):
    write_tables(tmp_path / 'raw')
    (tmp_path / 'raw' / 'mine.yaml').write_text(DECLARATION)
    own_of(tmp_path / 'raw').prepare()
    return tmp_path / 'raw'


class own_of:
    """Preparation of mine.yaml in a folder."""

    def __init__(self, folder, raw_dir=None):
        self.schema, self.raw_dir = folder / 'mine.yaml', raw_dir
        self.data_dir = folder.parent / 'out'

    def prepare(self, share=0.001):
        return registry.prepare_own(self.schema, self.raw_dir, self.data_dir, registry.Options(share))

    def again(self, *, verify=False, share=0.001):
        """What is said where the data is up to date; raises UsageError where it is not."""
        said, origin = [], own_table.origin_of(load(self.schema))
        data = open_prepared(self.data_dir, 'csv', 'mine')
        staleness.check(data, staleness.Asked(origin, self.raw_dir, self.schema.parent, share, verify), said.append)
        return said


def edit(path, old, new):
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def forget(data_dir):
    """Makes the manifest one of an earlier version."""
    (path,) = data_dir.glob('*/*/manifest.json')
    manifest = json.loads(path.read_text())
    del manifest[PREPARATION]
    path.write_text(json.dumps(manifest))


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


def append(folder):
    with open(folder / 'part-1.csv', 'a') as file:
        file.write('1,2,3\n')


def flip(folder):
    path = folder / 'part-0.csv'
    path.write_text(path.read_text().replace('\n0,', '\n1,', 1))


def flip_and_restore_the_time(folder):
    status = (folder / 'part-0.csv').stat()
    flip(folder)
    os.utime(folder / 'part-0.csv', ns=(status.st_atime_ns, status.st_mtime_ns))


def add_a_file(folder):
    shutil.copy(folder / 'part-0.csv', folder / 'part-2.csv')


def remove_a_file(folder):
    (folder / 'part-1.csv').unlink()


def swap_files(folder):
    (folder / 'part-0.csv').rename(folder / 'kept')
    (folder / 'part-1.csv').rename(folder / 'part-0.csv')
    (folder / 'kept').rename(folder / 'part-1.csv')


@pytest.mark.parametrize(
    'change, sentence',
    [
        (append, r'raw/part-1.csv has \d+ bytes, it had'),
        (flip, 'raw/part-0.csv has another content'),
        (flip_and_restore_the_time, 'raw/part-0.csv has another content'),
        (add_a_file, 'raw/part-2.csv is a new file'),
        (remove_a_file, 'raw/part-1.csv is no longer among the files'),
        (swap_files, 'part-0.csv has another content.*part-1.csv has'),
    ],
)
def test_changed_files_are_named(folder, change, sentence):
    change(folder)
    with pytest.raises(UsageError, match=f'{sentence}.*: --overwrite prepares it again'):
        own_of(folder).again()


def test_a_touched_time_alone_is_no_change(folder):
    for path in folder.glob('part-*.csv'):
        os.utime(path)
    assert own_of(folder).again() == []
    copied = folder / 'copy'
    shutil.copy(folder / 'part-0.csv', copied)
    copied.replace(folder / 'part-0.csv')
    assert own_of(folder).again() == []


def test_the_same_name_in_another_folder_is_another_table(folder, tmp_path):
    other = tmp_path / 'other'
    write_tables(other)
    (other / 'mine.yaml').write_text(DECLARATION)
    (said,) = own_of(other).again()  # the same content: the same data
    assert f'the raw files of {other} have the same content as those of {folder} had' in said
    flip(other)
    with pytest.raises(
        UsageError, match=f'by {folder}/mine.yaml.*other/part-0.csv has another content.*--raw_dir was {folder}'
    ):
        own_of(other).again()
    (other / 'mine.yaml').write_text(DECLARATION.replace('min_count: 2', 'min_count: 4'))
    with pytest.raises(
        UsageError, match=f'by {folder}/mine.yaml from other things .*fields.a.min_count was "2" and is "4"'
    ):
        own_of(other).again()


def test_another_raw_dir_is_compared(folder, tmp_path):
    write_tables(tmp_path / 'moved')
    assert 'have the same content' in own_of(folder, tmp_path / 'moved').again()[0]
    append(tmp_path / 'moved')
    with pytest.raises(UsageError, match=r'moved/part-1.csv has \d+ bytes, .*raw/part-1.csv had'):
        own_of(folder, tmp_path / 'moved').again()
    (tmp_path / 'empty').mkdir()
    with pytest.raises(UsageError, match='empty/part-.*does not exist'):
        own_of(folder, tmp_path / 'empty').again()


def test_prepared_data_outlives_its_raw_files(folder, tmp_path):
    (tmp_path / 'away').mkdir()
    for path in folder.glob('part-*.csv'):
        path.rename(tmp_path / 'away' / path.name)
    (line,) = own_of(folder).again()
    assert f'the raw files are not in {folder} any more, so it cannot be told' in line
    edit(folder / 'mine.yaml', 'min_count: 2', 'min_count: 3')
    with pytest.raises(UsageError, match='fields.a.min_count was "2" and is "3"'):
        own_of(folder).again()


def test_a_raw_dir_that_was_named_is_remembered(folder, tmp_path):
    (tmp_path / 'away').mkdir()
    for path in folder.glob('part-*.csv'):
        path.rename(tmp_path / 'away' / path.name)
    own_of(folder, tmp_path / 'away').prepare()
    assert own_of(folder).again() == [] and own_of(folder, tmp_path / 'away').again() == []
    append(tmp_path / 'away')
    with pytest.raises(UsageError, match='away/part-1.csv has'):
        own_of(folder).again()


def test_packed_files_and_files_of_one_name(tmp_path):
    folder = tmp_path / 'raw'
    for part in 'pq':
        write_tables(folder / part)
        (folder / part / 'part-1.csv').unlink()
        (folder / part / 'part-0.csv').rename(folder / part / 'part.csv')
    (folder / 'q' / 'other.csv.gz').write_bytes(gzip.compress((folder / 'q' / 'part.csv').read_bytes()))
    (folder / 'mine.yaml').write_text(DECLARATION.replace('part-*.csv', 'p/part.csv, q/part.csv, q/other.csv.gz'))
    own_of(folder).prepare()
    os.utime(folder / 'q' / 'other.csv.gz')
    assert own_of(folder).again() == []
    content = gzip.decompress((folder / 'q' / 'other.csv.gz').read_bytes())
    packed = gzip.compress(content.replace(b'\n0,', b'\n1,', 1))
    (folder / 'q' / 'other.csv.gz').write_bytes(packed)
    with pytest.raises(UsageError, match='q/other.csv.gz has another content'):
        own_of(folder).again()
    (folder / 'q' / 'other.csv.gz').write_bytes(gzip.compress(content, compresslevel=1))
    assert own_of(folder).again() == []
    os.utime(folder / 'q' / 'part.csv')
    assert own_of(folder).again() == []
    edit(folder / 'q' / 'part.csv', '19.667', '19.668')
    with pytest.raises(UsageError, match='q/part.csv has another content'):
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


def named(dataset, recipe, raw_dir, data_dir, *, verify=False):
    said = []
    data = open_prepared(data_dir, dataset, recipe)
    staleness.check(
        data, staleness.Asked(registry.named(dataset).origin(recipe), raw_dir, None, 0.001, verify), said.append
    )
    return said


@pytest.mark.parametrize(
    'dataset, recipe, file',
    [
        ('kdd12', 'autoint', 'userid_profile.txt'),
        ('criteo', 'bars', 'train.txt'),
        ('movielens_1m', 'with_ids', 'users.dat'),
    ],
)
def test_recipes_of_this_project(dataset, recipe, file, raw_dir, tmp_path):
    folder = tmp_path / 'raw'
    if dataset == 'movielens_1m':
        shutil.copytree(raw_dir, folder)
    else:
        shapes.SHAPES[dataset](folder, 300, 5)
    registry.prepare(dataset, recipe, folder, tmp_path)
    assert named(dataset, recipe, folder, tmp_path) == named(dataset, recipe, None, tmp_path, verify=True) == []
    path = folder / file
    os.utime(path)
    assert named(dataset, recipe, None, tmp_path) == []
    content = path.read_bytes()
    path.write_bytes(content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])
    for given in (folder, None):
        with pytest.raises(UsageError, match=f'{file} has another content'):
            named(dataset, recipe, given, tmp_path)
    forget(tmp_path)
    with pytest.raises(UsageError, match=f'{file} has another content'):
        named(dataset, recipe, folder, tmp_path)
    assert 'cannot be told' in named(dataset, recipe, None, tmp_path)[0]
    shutil.rmtree(folder)
    assert 'cannot be told' in named(dataset, recipe, None, tmp_path)[0]


def test_another_recipe_under_the_same_name_is_named(tmp_path, monkeypatch):
    shapes.SHAPES['criteo'](tmp_path / 'raw', 300, 5)
    registry.prepare('criteo', 'bars', tmp_path / 'raw', tmp_path)
    recipes = registry.DATASETS['criteo'].recipes
    monkeypatch.setitem(recipes, 'bars', recipes['autoint'])
    with pytest.raises(UsageError, match='fields.I1.kind was "categorical" and is "numeric"'):
        named('criteo', 'bars', None, tmp_path)


def test_a_file_that_is_written_to_meanwhile_is_refused(folder, monkeypatch):
    files = RawFiles(own_table.origin_of(load(folder / 'mine.yaml')), folder)
    files.check_unchanged()
    append(folder)
    with pytest.raises(UsageError, match='part-1.csv was changed while it was read'):
        files.check_unchanged()


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
