"""Prepared data whose arrays were damaged or swapped is refused with a sentence that names the file and what to do."""

import json
import os
import re
import shutil

import numpy as np
import pytest
from verification_cases import ROWS, columns_of, reopened, written

from autoint_jax.data.datasets import registry
from autoint_jax.data.generated import shapes
from autoint_jax.data.store import scratch, verification
from autoint_jax.data.store.columns import Columns
from autoint_jax.data.store.manifest import PREPARATION, UNHASHED, identity_of
from autoint_jax.data.store.writing import write_prepared
from autoint_jax.diagnosis import prepared_data
from autoint_jax.errors import UsageError
from autoint_jax.schema import CATEGORICAL, FieldSpec, Schema


@pytest.fixture
def data(tmp_path):
    return written(tmp_path)


# Hashes of data as it was prepared before manifests told how it was made.
PINNED = {
    ('movielens_1m', 'autoint_all_rows'): '9083b9cb9f9ea92014eefaa3c386717d6801500de454578770e57c91ea61345f',
    ('movielens_1m', 'with_ids'): 'd7d6ef5fae402c69020672317bec651824293ad101acd60731943e67b1e71601',
    ('criteo', 'autoint'): '328e5e6ae75de045d992229ceff0c888cdaa79f8e4023a2f8432c5356da33a51',
    ('criteo', 'bars'): '672aaacb06ce654241bac3d4b928e85eb75753de0b8469e5cc244a14482e28a0',
    ('avazu', 'autoint_all_rows'): 'fc436858e7f7f98b0a92ea0376437eb63110e233be53127152771373a9b12c69',
    ('avazu', 'bars'): '91a42dafc072d83321a892c1343e16035b3dc18a183215a4f33e8c14b8471a5e',
    ('kdd12', 'autoint'): 'e4eb381949e7950a860a23975d9084f82508148c30c52c768f49c1e30c9ff613',
}


def edit(data, split, column, at, value, *, keep_times=False):
    """Changes values of an array on disk; `keep_times` also keeps the times of its file."""
    path = data.folder / split / f'{column}.npy'
    before = path.stat()
    array = np.load(path, mmap_mode='r+')
    array[at] = value
    array.flush()
    if keep_times:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize('dataset, recipe', PINNED)
def test_the_hash_of_prepared_data_stays(dataset, recipe, raw_dir, tmp_path):
    if dataset != 'movielens_1m':
        raw_dir = tmp_path / 'raw'
        shapes.SHAPES[dataset](raw_dir, 997, 5)
    data = registry.prepare(dataset, recipe, raw_dir, tmp_path)
    assert data.hash == PINNED[dataset, recipe]
    manifest = json.loads((data.folder / 'manifest.json').read_text())
    assert PREPARATION in UNHASHED and manifest[PREPARATION]
    assert identity_of(manifest, json.loads((data.folder / 'schema.json').read_text())) == data.hash


def test_whole_data_is_opened(data):
    opened, said = reopened(data), []
    opened.check_whole(said.append)
    for seed, (split, rows) in enumerate(ROWS.items()):
        for found, wanted in zip(
            vars(opened.split(split)).values(), vars(columns_of(rows, seed)).values(), strict=True
        ):
            np.testing.assert_array_equal(found, wanted)
    assert len(said) == 1 and str(data.folder) in said[0]
    assert opened.vocabularies()['city'].values == tuple('abcdef')


VALUES = {
    'an id above the last': (
        'ids',
        (57, 0),
        7,
        "train/ids.npy row 57: field 'city' has the id 7, but its ids are 0 to 6",
    ),
    'an id of another slot': ('ids', (100, 2), 5, "row 100: field 'tags' has the id 5, but its ids are 0 to 4"),
    'a negative id': ('ids', (0, 1), -1, "row 0: field 'tags' has the id -1"),
    'the smallest id': ('ids', (3, 0), np.iinfo(np.int32).min, "field 'city' has the id -2147483648"),
    'an infinity': ('numeric', (9, 1), np.inf, "numeric.npy row 9: numeric field 'hours' has the value inf"),
    'a negative infinity': ('numeric', (9, 0), -np.inf, "numeric field 'age' has the value -inf"),
    'a label of two': ('labels', 11, 2, 'labels.npy row 11 has the label 2.0'),
    'a label that is no number': ('labels', 11, np.nan, 'labels.npy row 11 has the label nan'),
    'another allowed id': ('ids', (5, 0), None, 'train/ids.npy is not the file that was prepared'),
    'another number': ('numeric', (5, 0), 0.123, 'train/numeric.npy is not the file that was prepared'),
    'a missing number': ('numeric', (5, 0), np.nan, 'train/numeric.npy is not the file that was prepared'),
}


@pytest.mark.parametrize('keep_times', [False, True])
@pytest.mark.parametrize('case', VALUES)
def test_a_changed_value_is_named(data, case, keep_times):
    column, at, value, sentence = VALUES[case]
    reopened(data).split('train')  # what was whole once is looked at again
    if value is None:
        value = (data.split('train').ids[at] + 1) % 7
    edit(data, 'train', column, at, value, keep_times=keep_times)
    with pytest.raises(UsageError, match=f'{re.escape(sentence)}.*prepare the data again with --overwrite'):
        reopened(data).split('train')
    assert len(reopened(data).split('valid')) == 13


def shortened(folder):
    path = folder / 'train' / 'ids.npy'
    path.write_bytes(path.read_bytes()[:-4])


def lengthened(folder):
    with open(folder / 'test' / 'labels.npy', 'ab') as file:
        file.write(b'\0\0\0\0')


def swapped_splits(folder):
    for split, other in (('valid', 'kept'), ('test', 'valid'), ('kept', 'test')):
        (folder / split).rename(folder / other)


def swapped_arrays(folder):
    shutil.copy(folder / 'valid' / 'numeric.npy', folder / 'test' / 'numeric.npy')


def of_another_type(folder):
    np.save(folder / 'train' / 'ids.npy', np.load(folder / 'train' / 'ids.npy').astype(np.int64))


def in_another_order(folder):
    np.save(folder / 'train' / 'ids.npy', np.asfortranarray(np.load(folder / 'train' / 'ids.npy')))


def without_header(folder):
    (folder / 'train' / 'numeric.npy').write_bytes(b'x' * 100)


def emptied(folder):
    (folder / 'train' / 'labels.npy').write_bytes(b'')


def deleted(folder):
    (folder / 'train' / 'labels.npy').unlink()


def a_folder(folder):
    (folder / 'train' / 'labels.npy').unlink()
    (folder / 'train' / 'labels.npy').mkdir()


FILES = {
    shortened: 'train/ids.npy cannot be read .it is 4 bytes too short',
    lengthened: 'test/labels.npy .*4 bytes too long',
    swapped_splits: 'ids.npy is not the file',
    swapped_arrays: 'test/numeric.npy is not the file',
    of_another_type: r'train/ids.npy .*int64 \[101, 3\], but the manifest says int32',
    in_another_order: 'train/ids.npy',
    without_header: 'train/numeric.npy cannot be read',
    emptied: 'train/labels.npy cannot be read',
    deleted: 'train/labels.npy cannot be read .No such file',
    a_folder: 'train/labels.npy cannot be read',
}


@pytest.mark.parametrize('damage', FILES, ids=lambda damage: damage.__name__)
def test_a_damaged_array_is_named(data, damage):
    for split in ROWS:
        reopened(data).split(split)
    damage(data.folder)
    with pytest.raises(UsageError, match=f'{FILES[damage]}.*prepare the data again with --overwrite'):
        for split in ROWS:
            reopened(data).split(split)


def test_an_array_that_may_not_be_read_is_not_to_be_prepared_again(data, monkeypatch):
    again = reopened(data)

    def refused(path, mode):
        raise PermissionError(13, 'Permission denied', path)

    monkeypatch.setattr(verification, 'open', refused, raising=False)
    with pytest.raises(
        UsageError, match='train/ids.npy: permission is denied: change its permissions, or name another path$'
    ):
        again.split('train')


def test_large_files_are_sampled_and_compared_whole_on_demand(data, monkeypatch):
    monkeypatch.setattr(verification, 'WHOLE_BYTES', 0)
    verification._check_once.cache_clear()
    edit(data, 'train', 'ids', (5, 0), (data.split('train').ids[5, 0] + 1) % 7)
    with pytest.raises(
        UsageError, match='train/ids.npy is not the file that was prepared'
    ):  # it lies within the sample
        reopened(data).split('train')
    manifest = json.loads((data.folder / 'manifest.json').read_text())
    del manifest[PREPARATION]  # as an earlier version wrote it
    (data.folder / 'manifest.json').write_text(json.dumps(manifest))
    old = reopened(data)
    assert len(old.split('train')) == 101
    with pytest.raises(UsageError, match='train/ids.npy is not the file that was prepared'):
        old.check_whole(lambda sentence: None)


def test_a_diagnosis_says_what_is_whole_and_what_is_not(data):
    where = str(data.folder.parents[1]), 'csv'
    (whole,) = prepared_data.checks(*where, 'mine')
    assert whole.verdict == 'ok' and '127 rows are as they were prepared' in whole.text and data.hash[:12] in whole.text
    edit(data, 'test', 'labels', 3, 2)
    (damaged,) = prepared_data.checks(*where, 'mine')
    assert damaged.verdict == 'bad' and 'test/labels.npy row 3 has the label 2.0' in damaged.text
    (missing,) = prepared_data.checks(*where, 'yours')
    assert missing.verdict == 'note' and 'yours does not exist' in missing.text


def test_a_diagnosis_lists_what_preparations_have_left(data):
    left = data.folder.parent / '.mine-unfinished-abcdefgh'
    (left / 'spool').mkdir(parents=True)
    (left / 'spool' / 'block').write_bytes(bytes(1500))
    with scratch.unfinished(data.folder.parent / 'yours'):  # of a living process
        (note,) = prepared_data.leftovers(str(data.folder.parents[1]))
    assert note.verdict == 'note' and str(left) in note.text and '1.5 kB' in note.text
    assert prepared_data.leftovers(str(data.folder / 'nowhere')) == []


def test_a_sample_sees_blocks_from_the_first_byte_to_the_last(tmp_path):
    path, size = tmp_path / 'file', 64 * verification.SAMPLED_BYTES * 3 + 17
    path.write_bytes(bytes(size))
    whole, seen = verification.sample_of(path), []
    for place in (0, size - 1, verification.SAMPLED_BYTES - 1, 2 * verification.SAMPLED_BYTES, size // 2):
        with open(path, 'r+b') as file:
            file.seek(place)
            file.write(b'\1')
        seen.append(verification.sample_of(path) != whole)
        path.write_bytes(bytes(size))
    assert seen == [True, True, True, False, False]
    with open(path, 'ab') as file:
        file.write(b'\0')
    assert verification.sample_of(path) != whole


def test_a_file_is_read_once_by_a_process_while_it_stays(data, monkeypatch):
    passes = []
    blocks = verification._blocks
    monkeypatch.setattr(verification, '_blocks', lambda array: passes.append(array.path.name) or blocks(array))
    for _ in range(3):
        reopened(data).split('valid')
    assert sorted(passes) == ['ids.npy', 'labels.npy', 'numeric.npy']


def test_blocks_of_any_size_check_every_row(data, monkeypatch):
    monkeypatch.setattr(verification, 'BLOCK_BYTES', 40)
    edit(data, 'train', 'ids', (100, 1), 99)
    with pytest.raises(UsageError, match="row 100: field 'tags' has the id 99"):
        reopened(data).split('train')


def test_splits_without_rows_and_without_numeric_fields_are_whole(tmp_path):
    schema = Schema((FieldSpec('city', CATEGORICAL, 7),))
    splits = {
        name: Columns(np.zeros((rows, 1)), np.zeros((rows, 0)), np.zeros(rows))
        for name, rows in (('train', 5), ('valid', 0), ('test', 0))
    }
    data = write_prepared(tmp_path / 'csv' / 'mine', schema=schema, vocabularies={}, splits=splits, description={})
    reopened(data).check_whole(lambda sentence: None)
    assert [len(reopened(data).split(split)) for split in splits] == [5, 0, 0]
