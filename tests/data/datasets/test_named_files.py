"""Every file of a table is named once. Files that are named twice, copies and odd names are said."""

import gzip
import os

import polars as pl
import pytest
from file_split_cases import DECLARATION, named_folder, prepare, refused, rows_of, write
from heard import Heard


@pytest.fixture
def folder(tmp_path):
    return named_folder(tmp_path)


TWICE = {
    'a file in two splits': (
        'held.csv',
        'last.csv',
        "last.csv comes up twice, under 'last.csv' of valid and 'last.csv' of test",
    ),
    'a pattern of files of another split': (
        'held.csv',
        '"*a*t*.csv"',
        "part-1.csv comes up twice, under 'part-.*' of train and",
    ),
    'another path': ('held.csv', './/part-1.csv', 'comes up twice'),
    'a path through a folder': ('held.csv', 'sub/../part-1.csv', 'are the same file'),
    'a symbolic link': ('held.csv', 'link.csv', 'part-1.csv and .*link.csv are the same file'),
    'a hard link': ('held.csv', 'hard.csv', 'are the same file'),
    'a whole path': ('held.csv', 'FOLDER/part-1.csv', 'comes up twice'),
    'a link to nothing': (
        'held.csv',
        'lost.csv',
        'lost.csv, named in .*mine.yaml, is a link to a file that does not exist',
    ),
    'a pattern with a link to nothing': (
        'held.csv',
        '"lo*t.csv"',
        'lost.csv, named in .*, is a link to a file that does not exist',
    ),
    'a folder': ('held.csv', 'sub', 'sub, named in .*mine.yaml, is a folder: name its files, as in sub/'),
    'no file': ('held.csv', 'helt.csv', "helt.csv, named in .* does not exist \\(did you mean 'held.csv'"),
    'no match': ('held.csv', '"helt*.csv"', 'does not exist'),
    'a pattern of folders': ('held.csv', '"su*"', 'matches only folders'),
    'two stars': ('held.csv', '"a**b.csv"', 'does not exist'),
    'a long name': ('held.csv', 'x' * 300 + '.csv', 'does not exist'),
    'no matching pattern': ('held.csv', '"[.csv"', 'does not exist'),
    'nothing': ('held.csv', '"~/x.csv"', 'does not exist'),
}


@pytest.mark.parametrize('what', TWICE)
def test_files_that_are_named_wrongly(folder, what):
    (folder / 'sub').mkdir()
    (folder / 'link.csv').symlink_to('part-1.csv')
    (folder / 'lost.csv').symlink_to('nowhere.csv')
    os.link(folder / 'part-1.csv', folder / 'hard.csv')
    old, new, sentence = TWICE[what]
    (folder / 'mine.yaml').write_text('form: csv\n' + DECLARATION.replace(old, new.replace('FOLDER', str(folder))))
    refused(folder / 'mine.yaml', sentence)


def test_one_file_under_two_patterns_without_a_split_by_files(folder):
    (folder / 'mine.yaml').write_text('files: ["part-*.csv", part-1.csv]\nlabel: y\nfields: [{name: a}]')
    refused(folder / 'mine.yaml', "part-1.csv comes up twice, under 'part-\\*.csv' and 'part-1.csv'")
    (folder / 'mine.yaml').write_text('files: ["part-*.csv", "*-1.csv"]\nlabel: y\nfields: [{name: a}]')
    refused(folder / 'mine.yaml', 'comes up twice')
    (folder / 'mine.yaml').write_text(f'files: ["{folder}/*.csv"]\nlabel: y\nfields: [{{name: a}}]')
    assert sum(split['rows'] for split in prepare(folder / 'mine.yaml').manifest['splits'].values()) == 22


@pytest.mark.parametrize('form', ['csv', 'parquet'])
def test_copies_of_files(folder, form):
    text = DECLARATION.replace('.csv', f'.{form}')
    for path in list(folder.glob('*.csv')):
        pl.read_csv(path).write_parquet(path.with_suffix('.parquet'))
    (folder / f'held.{form}').write_bytes((folder / f'part-2.{form}').read_bytes())
    (folder / 'mine.yaml').write_text(text)
    refused(folder / 'mine.yaml', f'part-2.{form} of train and .*held.{form} of valid have the same content')
    (folder / 'mine.yaml').write_text(
        f'files: [part-2.{form}, held.{form}, part-1.{form}]\nlabel: y\nfields: [{{name: a}}]\n'
        'split: {random: {valid: 0.3, test: 0.3}}'
    )
    heard = Heard()
    prepare(folder / 'mine.yaml', heard)
    assert [sentence for sentence in heard.sentences if 'same content' in sentence] == [
        f'WARNING: {folder}/part-2.{form} and {folder}/held.{form} have the same content, so their rows are read '
        'twice: if that is not meant, leave one out'
    ]


def test_a_file_beside_its_packed_copy(folder):
    (folder / 'part-1.csv.gz').write_bytes(gzip.compress((folder / 'part-1.csv').read_bytes()))
    (folder / 'mine.yaml').write_text(DECLARATION.replace('held.csv', 'part-1.csv.gz'))
    refused(folder / 'mine.yaml', 'part-1.csv of train and .*part-1.csv.gz of valid have the same content')


def test_names_with_brackets_and_patterns_in_folders(folder):
    for number in (1, 2):
        (folder / 'days' / f'd{number}').mkdir(parents=True)
        write(folder / 'days' / f'd{number}' / f'part[{number}].csv', rows_of(f'd{number}', 30))
    (folder / 'days' / 'd3.csv').mkdir()
    (folder / 'mine.yaml').write_text('files: ["days/**/*.csv"]\nlabel: y\nfields: [{name: a}]')
    assert sum(split['rows'] for split in prepare(folder / 'mine.yaml').manifest['splits'].values()) == 60
    (folder / 'mine.yaml').write_text('files: ["days/d1/part[1].csv"]\nlabel: y\nfields: [{name: a}]')
    assert sum(split['rows'] for split in prepare(folder / 'mine.yaml').manifest['splits'].values()) == 30
