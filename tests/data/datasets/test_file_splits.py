"""Rows belong to the split of their file; the files of all splits must fit together."""

import gzip
import pathlib

import numpy as np
import polars as pl
import pytest
from file_split_cases import DECLARATION, named_folder, prepare, refused, rows_of, write

from autoint_jax.data.datasets.own_table import prepare_own
from autoint_jax.data.datasets.row_encoder import encode_files
from autoint_jax.data.preparation.progress import SilentPreparation
from autoint_jax.errors import UsageError


@pytest.fixture
def folder(tmp_path):
    return named_folder(tmp_path)


def test_rows_belong_to_the_split_of_their_file_in_the_order_of_the_files(folder):
    data = prepare(folder / 'mine.yaml')
    for split, names in (('train', [('part-1', 5), ('part-2', 7)]), ('valid', [('held', 4)]), ('test', [('last', 6)])):
        rows = [row for name, count in names for row in rows_of(name, count)]
        assert data.split(split).labels.tolist() == [row[0] for row in rows]
        assert data.split(split).numeric[:, 0].tolist() == [row[2] for row in rows]
    assert data.vocabularies()['a'].values == tuple(f'part-{number}{row}' for number in (1, 2) for row in range(3))
    assert sorted(data.manifest['sources_sha256']) == ['held.csv', 'last.csv', 'part-1.csv', 'part-2.csv']
    assert encode_files(data, [folder / 'last.csv']).columns.labels.tolist() == [0, 1] * 3


def test_validation_rows_may_be_drawn_from_the_training_files(folder):
    write(folder / 'part-1.csv', rows_of('a', 100))
    write(folder / 'part-2.csv', [(1, 'b', 100 + row) for row in range(50)])
    splits = {}
    for seed in (0, 1):
        (folder / f's{seed}.yaml').write_text(DECLARATION.replace('held.csv', f'{{share: 0.2, seed: {seed}}}'))
        data = prepare(folder / f's{seed}.yaml')
        train, valid = (data.split(split).numeric[:, 0].tolist() for split in ('train', 'valid'))
        assert sorted(train + valid) == list(range(150)) and train == sorted(train) and valid == sorted(valid)
        assert data.split('valid').labels.tolist().count(0) == 10 and len(valid) == 30
        assert len(data.split('test')) == 6
        splits[seed] = valid
    assert splits[0] != splits[1]


@pytest.mark.parametrize('form', ['parquet', 'tsv', 'libsvm', 'csv.gz'])
def test_other_forms(folder, form):
    name = {'part-*.csv': f'part-*.{form}', 'held.csv': f'held.{form}', 'last.csv': f'last.{form}'}
    text = DECLARATION
    for old, new in name.items():
        text = text.replace(old, new)
    for path in list(folder.glob('*.csv')):
        frame = pl.read_csv(path)
        if form == 'parquet':
            frame.write_parquet(path.with_suffix('.parquet'))
        elif form == 'tsv':
            frame.write_csv(path.with_suffix('.tsv'), separator='\t')
        elif form == 'csv.gz':
            pathlib.Path(f'{path}.gz').write_bytes(gzip.compress(path.read_bytes()))
        else:
            path.with_suffix('.libsvm').write_text(
                ''.join(f'{y} {place + 1}:1 9:{x + 1}\n' for place, (y, _, x) in enumerate(frame.rows()))
            )
    if form == 'libsvm':
        text = (
            text.replace('label: y', 'label: label')
            .replace('{name: a}', '{name: a, column: 1}')
            .replace('{name: x,', '{name: x, column: 9-9,')
        )
    (folder / 'other.yaml').write_text(text)
    one, other = prepare(folder / 'mine.yaml'), prepare(folder / 'other.yaml')
    for split in ('train', 'valid', 'test'):
        np.testing.assert_array_equal(one.split(split).labels, other.split(split).labels)


def test_a_header_of_another_file_is_checked(folder):
    write(folder / 'last.csv', rows_of('last', 6), header='y,a,z')
    refused(folder / 'mine.yaml', "last.csv has no column 'x'")
    write(folder / 'last.csv', [row[::-1] for row in rows_of('last', 6)], header='x,a,y')
    refused(folder / 'mine.yaml', 'last.csv has its columns in another order')


def test_other_spellings_of_the_label_in_the_test_file(folder):
    names = {0: '<=50K', 1: '>50K'}
    for path in folder.glob('*.csv'):
        dot = '.' if path.name == 'last.csv' else ''
        write(path, [(names[row[0]] + dot, *row[1:]) for row in rows_of(path.stem, 6)])
    text = DECLARATION.replace('label: y', 'label: {column: y, positive: [">50K"]}')
    (folder / 'mine.yaml').write_text(text)
    with pytest.raises(UsageError) as error:
        prepare(folder / 'mine.yaml')
    sentence = str(error.value)
    assert 'list the negative spellings, too, under negative' in sentence
    for part in (
        "'<=50K' (9 rows: train (part-1.csv, part-2.csv), valid (held.csv))",
        "'>50K' (9 rows: train",
        "'<=50K.' (3 rows: test (last.csv))",
        "'>50K.' (3 rows: test (last.csv))",
    ):
        assert part in sentence
    (folder / 'mine.yaml').write_text(text.replace('[">50K"]', '[">50K"], negative: ["<=50K"]'))
    refused(
        folder / 'mine.yaml',
        "last.csv line 2: its label, column 'y', is '<=50K.', which is listed neither under positive nor "
        "under negative: '>50K', '<=50K'",
    )
    (folder / 'mine.yaml').write_text(text.replace('[">50K"]', '[">50K", ">50K."], negative: ["<=50K", "<=50K."]'))
    assert prepare(folder / 'mine.yaml').split('test').labels.tolist() == [0, 1] * 3


def test_a_name_twice_in_a_header(folder):
    write(folder / 'twice.csv', [(*row, row[1], 0, 0) for row in rows_of('t', 40)], header='y,a,x,a,,')
    (folder / 'mine.yaml').write_text('files: twice.csv\nlabel: y\nfields: [{name: a}]')
    refused(
        folder / 'mine.yaml',
        "twice.csv has two columns named 'a': name all columns in .*mine.yaml, beside header: true, as "
        'in columns: ."y", "a", "x", "a_4", "column_5", "column_6"',
    )
    (folder / 'mine.yaml').write_text(
        'files: twice.csv\nlabel: y\nfields: [{name: x}]'
    )  # one that nothing uses does no harm
    assert len(prepare(folder / 'mine.yaml').vocabularies()['x'].values) == 32
    text = (
        'files: twice.csv\nheader: true\ncolumns: [label, first, x, second, e, f]\n'
        'label: label\nfields: [{name: second}]\n'
    )
    (folder / 'mine.yaml').write_text(text)
    data = prepare(folder / 'mine.yaml')
    assert data.vocabularies()['second'].values == ('t0', 't1', 't2')
    assert encode_files(data, [folder / 'twice.csv']).columns.labels.tolist() == [0, 1] * 20
    write(folder / 'bare.csv', [(*row[1:], row[1], 0, 0) for row in rows_of('t', 4)], header='a,x,a,,')
    assert np.isnan(encode_files(data, [folder / 'bare.csv']).columns.labels).all()
    write(folder / 'other.csv', [(*row, 0) for row in rows_of('t', 40)], header='y,a,x,z')
    (folder / 'mine.yaml').write_text(text.replace('files: twice.csv', 'files: [twice.csv, other.csv]'))
    refused(folder / 'mine.yaml', 'other.csv has another header than .*twice.csv')


def test_a_split_without_rows_names_its_files(folder):
    write(folder / 'held.csv', [])
    refused(folder / 'mine.yaml', 'the split valid \\(held.csv\\) has no row')
    write(folder / 'held.csv', [(1, 'a', 2)] * 3)
    refused(folder / 'mine.yaml', 'the split valid \\(held.csv\\) has 3 rows, of which all are positive')


def test_the_folder_of_raw_files(folder, tmp_path):
    (folder / 'raw').mkdir()
    for path in folder.glob('*.csv'):
        path.rename(folder / 'raw' / path.name)
    data = prepare_own(
        folder / 'mine.yaml',
        pathlib.Path(folder / 'raw'),
        tmp_path / 'out',
        dataset='csv',
        recipe='mine',
        max_bad_share=0,
        progress=SilentPreparation(),
    )
    assert len(data.split('train')) == 12


def test_a_missing_value_may_say_the_split(folder):
    lines = ['y,a,part', *(f'{row % 2},v{row % 3},{("", "v", "t")[row // 2 % 3]}' for row in range(60))]
    (folder / 'one.csv').write_text('\n'.join(lines) + '\n')
    (folder / 'mine.yaml').write_text(
        'files: one.csv\nmissing: [""]\nlabel: y\nfields: [{name: a}]\n'
        'split: {column: {name: part, train: [""], valid: [v], test: [t]}}'
    )
    assert [len(prepare(folder / 'mine.yaml').split(split)) for split in ('train', 'valid', 'test')] == [20, 20, 20]
