"""Unknown, rare and missing values are counted by field and split, and what is striking is said."""

import csv
import json
import re

import numpy as np
import pytest

from autoint_jax.data.datasets import registry
from autoint_jax.data.encoding import unknown_report, unknown_values

DECLARATION = """
files: [log.csv]
label: y
split: {column: {name: part, train: [a], valid: [b], test: [c]}}
fields:
"""
FIELDS = {
    'device': '{name: device}',
    'often': '{name: often, column: device, min_count: 3}',
    'nothing': '{name: nothing, column: device, missing: nothing}',
    'value': '{name: value, column: device, missing: value}',
    'capped': '{name: capped, column: device, cap: 1}',
    'hashed': '{name: hashed, column: device, transform: hash, buckets: 5}',
    'tags': '{name: tags, kind: multivalued, separator: "+"}',
    'size': '{name: size, kind: numeric}',
    'bucket': '{name: bucket, column: size, transform: quantiles, buckets: 3, missing_values: ["9"]}',
}
# part, device, tags, size; labels alternate.
ROWS = [
    ('a', 'x', 'r+g', '1'),
    ('a', 'x', 'r', '2'),
    ('a', 'x', '', ''),
    ('a', 'y', 'g', '3'),
    ('a', '', 'g', '9'),
    ('a', 'z', 'r', '4'),
    ('b', 'x', 'r', '1'),
    ('b', 'y', 'b+r+w', '2'),
    ('c', 'new', 'w', ''),
    ('c', 'newer', 'r', ''),
    ('c', 'x', '', '5'),
    ('c', '', '', '9'),
]


def table(folder, fields, rows=None, header=('part', 'device', 'tags', 'size', 'y')):
    with open(folder / 'log.csv', 'w', newline='') as file:
        rows = rows or [(*row, number % 2) for number, row in enumerate(ROWS)]
        csv.writer(file).writerows([header, *rows])
    (folder / 'mine.yaml').write_text(DECLARATION + ''.join(f'- {field}\n' for field in fields))
    return registry.prepare_own(folder / 'mine.yaml', None, folder / 'out', registry.Options(0.5))


# field -> split -> (rows, values, unknown, missing), counted by hand
EXPECTED = {
    'device': {'train': (6, 5, 0, 1), 'valid': (2, 2, 0, 0), 'test': (4, 3, 2, 1)},
    'often': {'train': (6, 5, 2, 1), 'valid': (2, 2, 1, 0), 'test': (4, 3, 2, 1)},
    'nothing': {'train': (6, 5, 0, 1), 'valid': (2, 2, 0, 0), 'test': (4, 3, 2, 1)},
    'value': {'train': (6, 5, 0, 1), 'valid': (2, 2, 0, 0), 'test': (4, 3, 2, 1)},
    'capped': {'train': (6, 5, 2, 1), 'valid': (2, 2, 1, 0), 'test': (4, 3, 2, 1)},
    'hashed': {'train': (6, 5, 0, 1), 'valid': (2, 2, 0, 0), 'test': (4, 3, 0, 1)},
    'tags': {'train': (6, 6, 0, 1), 'valid': (2, 4, 2, 0), 'test': (4, 2, 1, 2)},
    'size': {'train': (6, 5, 0, 1), 'valid': (2, 2, 0, 0), 'test': (4, 2, 0, 2)},
    'bucket': {'train': (6, 4, 0, 2), 'valid': (2, 2, 0, 0), 'test': (4, 1, 0, 3)},
}


def test_counts_equal_those_by_hand_and_are_no_part_of_the_hash(tmp_path):
    data = table(tmp_path, FIELDS.values())
    found = json.loads((data.folder / 'manifest.json').read_text())['preparation'][unknown_values.VALUES_KEY]
    assert {
        name: {split: tuple(of_split.values()) for split, of_split in of_field.items()}
        for name, of_field in found.items()
    } == EXPECTED
    assert found['device']['test'] == {'rows': 4, 'values': 3, 'unknown': 2, 'missing': 1}
    assert 'preparation' not in data.description and data.hash == data.description['hash']


def test_quantiles_take_missing_values_as_missing(tmp_path):
    data = table(tmp_path, [FIELDS['bucket']])
    assert data.split('train').ids[:, 0].tolist() == [1, 2, 0, 3, 0, 3] and data.split('test').ids[:, 0].tolist() == [
        0,
        0,
        3,
        0,
    ]


def test_what_is_counted_does_not_depend_on_blocks(tmp_path, monkeypatch):
    rng = np.random.default_rng(3)
    rows = [
        (
            rng.choice(['a', 'b', 'c']),
            f'd{int(rng.exponential(9))}',
            '+'.join(rng.choice(list('rgbw'), rng.integers(0, 4))),
            rng.integers(0, 9),
            number % 2,
        )
        for number in range(997)
    ]
    whole = table(tmp_path, FIELDS.values(), rows).preparation[unknown_values.VALUES_KEY]
    for module in ('raw.text_files', 'text.blocks'):
        monkeypatch.setattr(f'autoint_jax.data.{module}.BLOCK_BYTES', 1000)
    assert table(tmp_path, FIELDS.values(), rows).preparation[unknown_values.VALUES_KEY] == whole


def test_movielens_is_counted_too(raw_dir, tmp_path):
    data = registry.prepare('movielens_1m', 'with_ids', raw_dir, tmp_path)
    found = data.preparation[unknown_values.VALUES_KEY]
    test = data.split('test')
    unknown = int((test.ids[:, 1] == 0).sum())
    assert found['MovieID']['test'] == {'rows': len(test), 'values': len(test), 'unknown': unknown, 'missing': 0}
    genres = int((data.split('train').ids[:, -6:] > 0).sum())
    assert found['Genre']['train'] == {'rows': len(data.split('train')), 'values': genres, 'unknown': 0, 'missing': 0}


def counts(**shares):
    """Returns counts of 10,000 rows in each split, from shares in per cent: train, valid, test, and the missing rows of
    each.
    """
    return {
        split: {
            'rows': 10_000,
            'values': 10_000,
            'unknown': round(100 * shares.get(split, 0)),
            'missing': round(100 * shares.get(f'no_{split}', 0)),
        }
        for split in ('train', 'valid', 'test')
    }


def test_the_most_affected_field_is_first_and_loud():
    lines = unknown_report.lines(
        {
            'rare': counts(train=47, valid=47.6, test=47.6),
            'fine': counts(),
            'gone': counts(no_test=100),
            'few': counts(valid=0.01),
            'device_ip': counts(train=2, valid=88, test=93),
        }
    )
    assert [line.split()[0] for line in lines[2:6]] == ['gone', 'device_ip', 'rare', 'few']
    assert lines[3].split()[1:] == '2.0 % 88.0 % 93.0 % 0.0 % 0.0 % 0.0 %'.split()
    assert '< 0.1 %' in lines[5]
    assert lines[6:] == [
        "WARNING: field 'gone' has no value in 100.0 % of test rows and in 0.0 % of training rows",
        "WARNING: field 'device_ip': 93.0 % of its test values are unknown, because they are absent from training "
        'rows or too rare there; of its training values, 2.0 % are too rare',
    ]


def test_few_rows_differ_by_chance():
    few = {
        'train': {'rows': 96, 'values': 60, 'unknown': 0, 'missing': 36},
        'valid': {'rows': 12, 'values': 10, 'unknown': 3, 'missing': 2},
        'test': {'rows': 12, 'values': 12, 'unknown': 4, 'missing': 0},
    }
    assert not [line for line in unknown_report.lines({'a': few}) if line.startswith('WARNING')]
    many = {split: {name: 1000 * count for name, count in of_split.items()} for split, of_split in few.items()}
    assert len([line for line in unknown_report.lines({'a': many}) if line.startswith('WARNING')]) == 2


def test_many_fields_stay_a_short_table():
    lines = unknown_report.lines({f'f{number}': counts(test=30 + number / 10) for number in range(100)})
    assert len(lines) == 2 + 10 + 1 + 6 and lines[2].split()[0] == 'f99'
    assert (
        '90 fields more, each with at most 38.9 %' in lines[12]
        and lines[-1] == 'WARNING: and 95 warnings more of this kind'
    )


def test_names_cannot_disturb_the_table():
    lines = unknown_report.lines({'a\x1b[2J\nb': counts(test=50), 'x' * 500: counts(test=40)})
    assert all('\x1b' not in line and '\n' not in line and len(line) < 250 for line in lines)


def test_nothing_to_say():
    assert unknown_report.lines({'a': counts()}) == ['no field has unknown or missing values']
    assert unknown_report.lines({}) == []
    empty = {split: dict.fromkeys(('rows', 'values', 'unknown', 'missing'), 0) for split in ('train', 'valid', 'test')}
    assert unknown_report.lines({'a': empty}) == ['no field has unknown or missing values']
    assert unknown_report.lines({'a': counts(no_train=100, no_valid=100, no_test=100)})[-1] == (
        "WARNING: field 'a' has no value in any row"
    )


def test_fields_without_any_known_value_are_said(tmp_path):
    data = table(
        tmp_path,
        [
            '{name: device, min_count: 99}',
            '{name: size, kind: numeric}',
            '{name: none, column: tags, transform: quantiles, buckets: 3}',
        ],
        [(part, 'x', '', row, row % 2) for part in 'abc' for row in range(4)],
    )
    assert [note.split("'")[1] for note in data.preparation['notes']] == ['device', 'none']


def test_the_command_says_it_each_time(tmp_path, command):
    rows = [(part, f'{part}{row}' if part == 'c' else 'x', 'r', 7, row % 2) for part in 'aabc' for row in range(4)]
    table(tmp_path, ['{name: device}', '{name: size, kind: numeric, transform: standard}'], rows)
    for arguments in ([], ['--overwrite']):
        done = command('scripts/prepare_data.py', '--dataset=csv', '--schema=mine.yaml', '--data_dir=out', *arguments)
        assert done.returncode == 0, done.stderr
        assert "WARNING: field 'device': 100.0 % of its test values are unknown" in done.stdout
        assert "WARNING: field 'size' tells a model nothing" in done.stdout


@pytest.mark.parametrize(
    'min_count, said',
    [
        (1, "column 'a' has no value in the rows that are counted$"),
        (3, "no value of column 'a' occurs 3 times in the rows that are counted, so all are unknown$"),
    ],
)
def test_a_field_without_values_is_said_in_plain_words(tmp_path, min_count, said):
    values = [''] * 100 if min_count == 1 else [str(number) for number in range(100)]
    (tmp_path / 'mine.csv').write_text(
        'y,a\n' + ''.join(f'{number % 2},{value}\n' for number, value in enumerate(values))
    )
    (tmp_path / 'mine.yaml').write_text(
        f'{{files: [mine.csv], label: y, fields: [{{name: a, min_count: {min_count}}}]}}'
    )
    data = registry.prepare_own(tmp_path / 'mine.yaml', None, tmp_path / 'prepared', registry.Options())
    assert any(re.search(f"^field 'a' tells a model nothing: {said}", note) for note in data.preparation['notes'])
