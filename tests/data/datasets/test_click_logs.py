"""Recipes of Criteo, Avazu and KDD12 against the naive reference, on generated files of their exact shapes."""

import datetime
import gzip
import math
import pathlib

import numpy as np
import pytest
from naive_tables import coded, folds, frequent, log_square, read, streamed

from autoint_jax.data.datasets.avazu import AVAZU
from autoint_jax.data.datasets.criteo import CRITEO
from autoint_jax.data.datasets.kdd12 import KDD12
from autoint_jax.data.generated import shapes
from autoint_jax.data.generated.avazu import HEADER
from autoint_jax.data.preparation.progress import SilentPreparation
from autoint_jax.data.raw.derived import kdd12_profile
from autoint_jax.data.store.columns import SPLITS
from autoint_jax.errors import UsageError

ROWS = {'criteo': 6007, 'avazu': 6011, 'kdd12': 6029}
LOGS = {'criteo': CRITEO, 'avazu': AVAZU, 'kdd12': KDD12}


@pytest.fixture(scope='module')
def raw(tmp_path_factory):
    folders = {name: tmp_path_factory.mktemp('raw') / name for name in ROWS}
    for name, folder in folders.items():
        shapes.SHAPES[name](folder, ROWS[name], 5)
    with open(folders['kdd12'] / 'userid_profile.txt', 'a') as file:
        file.write('1\t0\t6\n')  # the second line of the most frequent user
    return folders


def prepared(name, recipe, raw, folder, **options):
    return LOGS[name].prepare(
        recipe,
        raw[name],
        folder / name / recipe,
        dataset=name,
        max_bad_share=0.001,
        progress=SilentPreparation(),
        **options,
    )


def assert_equal(data, names, ids, numeric, labels, split):
    """Compares data with expected columns; `ids` and `numeric` are lists of columns, in order."""
    assert data.schema.names == names
    ids, numeric = np.array(ids, np.int32).T, np.array(numeric, np.float32).T.reshape(len(labels), len(numeric))
    for number, name in enumerate(SPLITS):
        rows = np.flatnonzero(np.array(split) == number)
        columns = data.split(name)
        np.testing.assert_array_equal(columns.labels, np.array(labels, np.float32)[rows])
        np.testing.assert_array_equal(columns.ids, ids[rows])
        np.testing.assert_array_equal(columns.numeric, numeric[rows])


def check_vocabularies(data, known, special):
    for name, values in known.items():
        assert list(data.vocabularies()[name].values) == special + values, name


@pytest.mark.parametrize('recipe', ['autoint_all_rows', 'autoint'])
def test_criteo_by_the_authors(raw, tmp_path, recipe):
    data = prepared('criteo', recipe, raw, tmp_path)
    columns = list(zip(*read(raw['criteo'] / 'train.txt', '\t'), strict=True))
    labels = [int(value) for value in columns[0]]
    split = folds(labels)
    known = {f'C{n}': frequent(columns[13 + n], split, 11, all_rows=recipe == 'autoint_all_rows') for n in range(1, 27)}
    assert sum(map(len, known.values())) > 900
    check_vocabularies(data, known, ['<unknown>'])
    ids = [coded(columns[13 + n], known[f'C{n}'], first=2, unknown=1, missing=0) for n in range(1, 27)]
    numeric = [[log_square(value) for value in columns[n]] for n in range(1, 14)]
    assert_equal(data, [*(f'I{n}' for n in range(1, 14)), *known], ids, numeric, labels, split)


def bucket(text):
    return str(int(log_square(text))) if text else '0'


def test_criteo_of_bars(raw, tmp_path):
    data = prepared('criteo', 'bars', raw, tmp_path)
    columns = list(zip(*read(raw['criteo'] / 'train.txt', '\t'), strict=True))
    labels = [int(value) for value in columns[0]]
    split = folds(labels)
    ids, known = [], {}
    for n, column in enumerate(columns[1:], start=1):
        name = f'I{n}' if n < 14 else f'C{n - 13}'
        values = [bucket(value) for value in column] if n < 14 else column
        known[name] = frequent(values, split, 10, all_rows=False)
        if n < 14:
            known[name].sort(key=int)
        ids.append(coded(values, known[name], first=1, unknown=0, missing=0))
    check_vocabularies(data, known, [])
    assert_equal(data, list(known), ids, [], labels, split)


@pytest.mark.parametrize('recipe', ['autoint_all_rows', 'autoint'])
def test_avazu_by_the_authors(raw, tmp_path, recipe):
    data = prepared('avazu', recipe, raw, tmp_path)
    names = HEADER.split(',')
    columns = dict(zip(names, zip(*read(raw['avazu'] / 'train.csv', ',', header=True), strict=True), strict=True))
    labels = [int(value) for value in columns.pop('click')]
    split = folds(labels)
    known, ids = {}, []
    for name, values in columns.items():
        known[name] = frequent(values, split, 5, all_rows=recipe == 'autoint_all_rows')
        if not any(c in 'abcdef' for c in ''.join(known[name])):
            known[name].sort(key=int)
        ids.append(coded(values, known[name], first=1, unknown=0, missing=0))
        if recipe == 'autoint_all_rows':
            ids[-1] = streamed(values, ids[-1], 5, 0)
    assert known['id'] == []
    check_vocabularies(data, known, [])
    assert_equal(data, list(columns), ids, [], labels, split)


def test_avazu_of_bars(raw, tmp_path):
    data = prepared('avazu', 'bars', raw, tmp_path)
    names = HEADER.split(',')
    columns = dict(zip(names, zip(*read(raw['avazu'] / 'train.csv', ',', header=True), strict=True), strict=True))
    labels = [int(value) for value in columns.pop('click')]
    split = folds(labels)
    days = [
        datetime.date(2000 + int(hour[:2]), int(hour[2:4]), int(hour[4:6])).strftime('%w') for hour in columns['hour']
    ]
    del columns['id']
    columns |= {
        'hour': [str(int(hour[6:])) for hour in columns['hour']],
        'weekday': days,
        'is_weekend': [str(int(day in '06')) for day in days],
    }
    known = {}
    for name, values in columns.items():
        known[name] = frequent(values, split, 2, all_rows=False)
        if not any(c in 'abcdef' for c in ''.join(known[name])):
            known[name].sort(key=int)
    check_vocabularies(data, known, [])
    assert_equal(
        data,
        list(columns),
        [coded(values, known[name], first=1, unknown=0, missing=0) for name, values in columns.items()],
        [],
        labels,
        split,
    )


@pytest.mark.parametrize('recipe', ['autoint_all_rows', 'autoint', 'bars'])
def test_kdd12(raw, tmp_path, recipe):
    data = prepared('kdd12', recipe, raw, tmp_path)
    names = [
        'Click',
        'Impression',
        'DisplayURL',
        'AdID',
        'AdvertiserID',
        'Depth',
        'Position',
        'QueryID',
        'KeywordID',
        'TitleID',
        'DescriptionID',
        'UserID',
    ]
    columns = dict(zip(names, zip(*read(raw['kdd12'] / 'training.txt', '\t'), strict=True), strict=True))
    labels = [int(value != '0') for value in columns.pop('Click')]
    split = folds(labels)
    profile = {user: rest for user, *rest in read(raw['kdd12'] / 'userid_profile.txt', '\t')}
    for place, name in enumerate(('Gender', 'Age')):
        columns[name] = [profile[user][place] if user in profile else '' for user in columns['UserID']]
    assert '' in columns['Age'] and '0' in columns['UserID']
    ids, numeric, known = [], [], {}
    for name, values in columns.items():
        special, least, unknown = 0, 10, 0
        if name in ('Impression', 'Depth', 'Position'):
            if recipe != 'bars':
                numeric.append([log_square(value) for value in values])
                continue
            values = [bucket(value) for value in values]
        elif name in ('Gender', 'Age') and recipe != 'bars':
            least = 1
        elif name == 'UserID' and recipe != 'bars':
            values, special, unknown = ['' if value == '0' else value for value in values], 1, 1
        known[name] = sorted(frequent(values, split, least, all_rows=recipe == 'autoint_all_rows'), key=int)
        ids.append(coded(values, known[name], first=1 + special, unknown=unknown, missing=0))
        if recipe == 'autoint_all_rows' and least > 1:
            ids[-1] = streamed(values, ids[-1], 10, unknown)
        known[name] = ['<unknown>'] * special + known[name]
    check_vocabularies(data, known, [])
    assert_equal(data, [*names[1:], 'Gender', 'Age'], ids, numeric, labels, split)


@pytest.mark.parametrize(
    'name, recipe',
    [
        ('criteo', 'autoint_all_rows'),
        pytest.param('avazu', 'autoint_all_rows', marks=pytest.mark.slow),
        pytest.param('kdd12', 'bars', marks=pytest.mark.slow),
    ],
)
def test_small_blocks_and_parts_give_the_same_data(raw, tmp_path, monkeypatch, name, recipe):
    whole = prepared(name, recipe, raw, tmp_path / 'whole')
    monkeypatch.setattr('autoint_jax.data.raw.text_files.BLOCK_BYTES', 97_003)
    monkeypatch.setattr('autoint_jax.data.encoding.counting.MOST_VALUES', 397)
    monkeypatch.setattr('autoint_jax.data.encoding.counting.ROWS_AT_ONCE', 499)
    monkeypatch.setattr('autoint_jax.data.preparation.pipeline.ROWS_AT_ONCE', 97)
    assert prepared(name, recipe, raw, tmp_path / 'parts').hash == whole.hash


def test_a_file_packed_by_gzip_gives_the_same_data(raw, tmp_path):
    packed = tmp_path / 'packed'
    packed.mkdir()
    (packed / 'train.gz').write_bytes(gzip.compress((raw['avazu'] / 'train.csv').read_bytes()))
    data = AVAZU.prepare(
        'autoint', packed, tmp_path / 'data', dataset='avazu', max_bad_share=0.001, progress=SilentPreparation()
    )
    plain = prepared('avazu', 'autoint', raw, tmp_path)
    assert data.manifest['splits'] == plain.manifest['splits'] and data.schema == plain.schema
    assert data.manifest['sources_sha256'] == {'train': plain.manifest['sources_sha256']['train.csv']}


def test_missing_values_of_the_authors_contribute_nothing(raw, tmp_path):
    from autoint_jax.models.layers.embedding import combined_values

    data = prepared('criteo', 'autoint', raw, tmp_path)
    assert {field.kind for field in data.schema.id_fields} == {'multivalued'}
    ids = data.split('train').ids[:, 21:22]  # C22 is missing in most rows
    embedded = np.asarray(combined_values(np.ones((len(ids), 1, 2), np.float32), ids, 'mean'))
    assert 0.7 < (embedded == 0).all(1).mean() < 0.8


def test_log_square_is_that_of_the_math_module():
    from autoint_jax.data.encoding.transforms import log_square as ours

    numbers = np.concatenate([np.arange(-5, 300_000), np.unique(np.geomspace(3e5, 9e15, 50_000).astype(np.int64))])
    assert ours(numbers.astype(float)).tolist() == [
        float(int(math.log(x) ** 2)) if x > 2 else float(x) for x in numbers.tolist()
    ]


def test_files_that_are_not_there(tmp_path):
    from autoint_jax.errors import UsageError

    with pytest.raises(UsageError, match='train.txt does not exist'):
        CRITEO.file_of(pathlib.Path(tmp_path))
    for name in ('train_a.txt', 'train_b.txt'):
        (tmp_path / name).touch()
    with pytest.raises(UsageError, match='2 files'):
        CRITEO.file_of(tmp_path)


def test_hours_that_are_no_dates_are_bad_rows(tmp_path):
    shapes.avazu(tmp_path / 'avazu', 3000, 1)
    path = tmp_path / 'avazu' / 'train.csv'
    path = path if path.exists() else tmp_path / 'avazu' / 'train'
    lines = path.read_text().splitlines()
    hours = {3: '14133100', 1000: '14102124', 2000: '2014102100', 2500: '-1', 2990: '0'}
    for line, hour in hours.items():
        cells = lines[line].split(',')
        lines[line] = ','.join([*cells[:2], hour, *cells[3:]])
    path.write_text('\n'.join(lines) + '\n')
    data = AVAZU.prepare(
        'bars', path.parent, tmp_path / 'out', dataset='avazu', max_bad_share=0.01, progress=SilentPreparation()
    )
    assert [(row['line'], row['reason']) for row in data.manifest['first_bad_rows']] == [
        (line + 1, f"column 'hour' holds {int(hour)}, which is not a date and hour, YYMMDDHH")
        for line, hour in hours.items()
    ]
    assert sum(split['rows'] for split in data.manifest['splits'].values()) == 2995


def test_profiles_of_users_that_are_none_are_named(tmp_path):
    shapes.kdd12(tmp_path / 'kdd12', 3000, 1)
    path = tmp_path / 'kdd12' / 'userid_profile.txt'
    whole = path.read_text()
    path.write_text(whole + '\t1\t2\n-4\t1\t1\n7\t1\t4294967296\n')
    bad = kdd12_profile(tmp_path / 'kdd12').bad
    lines = whole.count('\n')
    assert [row.line for row in bad] == [lines + 1, lines + 2, lines + 3]
    assert all('it is not a profile' in row.reason for row in bad)
    data = KDD12.prepare(
        'bars', path.parent, tmp_path / 'out', dataset='kdd12', max_bad_share=0.01, progress=SilentPreparation()
    )
    assert data.manifest['bad_rows'] == 3 and {row['file'] for row in data.manifest['first_bad_rows']} == {
        'userid_profile.txt'
    }
    assert [(file['file'], file['bad']) for file in data.preparation['files']] == [
        ('training.txt', 0),
        ('userid_profile.txt', 3),
    ]
    path.write_text('1\tx\ty\n')
    with pytest.raises(
        UsageError, match="holds no profile: its line 1 is bad, column 'Gender' holds 'x', not a whole number"
    ):
        kdd12_profile(tmp_path / 'kdd12')
