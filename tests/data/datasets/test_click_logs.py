"""Recipes of Criteo, Avazu and KDD12 against the naive reference, on generated files of their exact shapes."""

import datetime
import math

import numpy as np
import pytest
from click_log_cases import prepared, raw  # noqa: F401
from naive_tables import coded, folds, frequent, log_square, read, streamed

from autoint_jax.data.generated.avazu import HEADER
from autoint_jax.data.store.columns import SPLITS


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
