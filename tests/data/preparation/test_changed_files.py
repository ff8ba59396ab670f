"""Data is prepared already only if its raw files are the same, wherever they are."""

import gzip
import os
import shutil

import pytest
from staleness_cases import DECLARATION, append, edit, flip, own_of, prepared_folder, write_tables

from autoint_jax.data.datasets import own_table
from autoint_jax.data.datasets.declaration.table import load
from autoint_jax.data.preparation.origin import RawFiles
from autoint_jax.errors import UsageError


@pytest.fixture
def folder(tmp_path):
    return prepared_folder(tmp_path)


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


def test_a_file_that_is_written_to_meanwhile_is_refused(folder, monkeypatch):
    files = RawFiles(own_table.origin_of(load(folder / 'mine.yaml')), folder)
    files.check_unchanged()
    append(folder)
    with pytest.raises(UsageError, match='part-1.csv was changed while it was read'):
        files.check_unchanged()
