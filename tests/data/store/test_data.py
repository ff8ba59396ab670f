import random
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from autoint_jax.data.datasets import download, movielens, registry
from autoint_jax.data.datasets.movielens_files import read_1m, read_100k
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.data.store.vocabulary import Vocabulary
from autoint_jax.errors import UsageError


def prepared(data_dir):
    return open_prepared(data_dir, 'movielens_1m', 'autoint_all_rows')


def naive_rows(raw_dir):
    """Returns the kept rows of the raw files as plain values, in the order of the files."""
    lines = lambda name: [line.split('::') for line in (raw_dir / name).read_text(encoding='latin-1').splitlines()]  # noqa: E731
    users = {user[0]: user[1:] for user in lines('users.dat')}
    movies = {movie[0]: movie[1:] for movie in lines('movies.dat')}
    return [
        (users[user], movies[movie], int(rating) > 3, int(time))
        for user, movie, rating, time in lines('ratings.dat')
        if rating != '3'
    ]


def test_rows_fields_and_values_equal_a_naive_reading(raw_dir, data_dir):
    data, rows = prepared(data_dir), naive_rows(raw_dir)
    assert data.schema.names == ['Gender', 'Age', 'Occupation', 'Zipcode', 'ReleaseTime', 'RequestTime', 'Genre']
    order = list(range(len(rows)))
    random.seed(2019)
    random.shuffle(order)
    low, high = min(row[3] for row in rows), max(row[3] for row in rows)
    vocabularies = data.vocabularies()
    for split, part in (
        ('train', order[: int(0.8 * len(rows))]),
        ('valid', order[int(0.8 * len(rows)) : int(0.9 * len(rows))]),
        ('test', order[int(0.9 * len(rows)) :]),
    ):
        columns = data.split(split)
        assert len(columns) == len(part)
        for ids, numeric, label, number in zip(columns.ids, columns.numeric, columns.labels, sorted(part), strict=True):
            (gender, age, occupation, zip_code), (title, genres), liked, time = rows[number]
            known = [
                vocabularies[name].values[i - 1]
                for name, i in zip(['Gender', 'Age', 'Occupation', 'Zipcode'], ids[:4], strict=True)
            ]
            assert known == [gender, age, occupation, zip_code]
            year = int(title[-5:-1])
            period = '1919-1929' if year < 1930 else f'{str(year)[:3]}0s' if year < 1970 else str(year)
            assert vocabularies['ReleaseTime'].values[ids[4] - 1] == period
            assert [vocabularies['Genre'].values[i - 1] for i in ids[5:] if i] == genres.split('|')
            assert numeric[0] == np.float32((time - low) / (high - low))
            assert label == liked


def test_with_ids_fits_on_training_rows_only(raw_dir, tmp_path):
    data = registry.prepare('movielens_1m', 'with_ids', raw_dir, tmp_path)
    train = data.split('train')
    for name, slot in (('UserID', 0), ('MovieID', 1), ('Zipcode', 5)):
        assert set(np.unique(train.ids[:, slot])) == set(range(1, len(data.vocabularies()[name].values) + 1))
    assert train.numeric.min() == 0 and train.numeric.max() == 1


def test_unknown_values_become_id_0():
    vocabulary = Vocabulary.fitted(['b', 'a', '', 'b'])
    assert vocabulary.values == ('a', 'b')
    np.testing.assert_array_equal(vocabulary.encode(['b', 'c', '']), [2, 0, 0])
    np.testing.assert_array_equal(vocabulary.encode_lists([['c', 'b', 'a'], []], 2), [[2, 1], [0, 0]])


def test_preparing_twice_gives_the_same_hash(raw_dir, data_dir, tmp_path):
    assert registry.prepare('movielens_1m', 'autoint_all_rows', raw_dir, tmp_path).hash == prepared(data_dir).hash


def test_two_processes_preparing_at_once_leave_whole_data(raw_dir, tmp_path):
    code = (
        'import pathlib, sys; from autoint_jax.data.datasets import registry\n'
        'for _ in range(3): '
        'registry.prepare("movielens_1m", "with_ids", pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))'
    )
    both = [
        subprocess.Popen([sys.executable, '-c', code, str(raw_dir), str(tmp_path)], stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [process.communicate()[1] for process in both] == ['', '']
    data = open_prepared(tmp_path, 'movielens_1m', 'with_ids')
    assert sum(len(data.split(split)) for split in ('train', 'valid', 'test')) == len(naive_rows(raw_dir))
    assert [path.name for path in (tmp_path / 'movielens_1m').iterdir()] == ['with_ids']


@pytest.mark.parametrize(
    'year, period', [(1919, '1919-1929'), (1930, '1930s'), (1969, '1960s'), (1970, '1970'), (None, '')]
)
def test_release_periods(year, period):
    assert movielens.release_period(year) == period


@pytest.mark.parametrize('bad, form', [('1::2::6::978300760', 'Rating'), ('1::2::5', 'Rating'), ('', 'Rating')])
def test_a_malformed_line_is_named(raw_dir, tmp_path, bad, form):
    for name in ('users.dat', 'movies.dat', 'ratings.dat'):
        (tmp_path / name).write_bytes((raw_dir / name).read_bytes())
    with open(tmp_path / 'ratings.dat', 'a') as file:
        file.write(bad + '\n')
    with pytest.raises(UsageError, match=f'ratings.dat line 3012 .*{form}'):
        read_1m(tmp_path)


def test_both_forms_of_movielens_100k_read_alike(tmp_path):
    home, wheel = tmp_path / 'home', tmp_path / 'wheel'
    home.mkdir()
    wheel.mkdir()
    flags = '|'.join(
        '1' if genre in ('Action', 'Drama') else '0'
        for genre in (
            'unknown',
            'Action',
            'Adventure',
            'Animation',
            'Children',
            'Comedy',
            'Crime',
            'Documentary',
            'Drama',
            *range(10),
        )
    )
    (home / 'u.user').write_text('1|24|M|writer|85711\n')
    (home / 'u.item').write_text(f'7|Amélie (1995)|01-Jan-1995||http://x|{flags}\n', encoding='latin-1')
    (home / 'u.data').write_text('1\t7\t5\t881250949\n')
    (wheel / 'ml-100k.user').write_text('header\n1\t24\tM\twriter\t85711\n')
    (wheel / 'ml-100k.item').write_text('header\n7\tAmélie\t1995\tAction Drama\n')
    (wheel / 'ml-100k.inter').write_text('header\n1\t7\t5\t881250949\n')
    one, other = read_100k(home), read_100k(wheel)
    assert one.users == other.users and one.movies == other.movies
    assert one.movies['7'].genres == ('Action', 'Drama') and one.users['1'].age == '18'


def test_download_fails_with_both_ways_named_and_leaves_nothing(tmp_path):
    with pytest.raises(UsageError, match='neither from .* nor from the package .*pass --raw_dir'):
        download.movielens_100k(tmp_path / 'raw', home=(tmp_path / 'none.zip').as_uri(), wheel='recbole==0.0.0.0')
    assert list(tmp_path.iterdir()) == []


def test_a_changed_archive_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / 'ml-100k.zip', 'w') as archive:
        archive.writestr('ml-100k/u.data', '')
    with pytest.raises(UsageError, match='ml-100k.zip has md5 .*expected 0e33842e'):
        download.movielens_100k(tmp_path / 'raw', home=(tmp_path / 'ml-100k.zip').as_uri(), wheel='recbole==0.0.0.0')


def test_a_truncated_column_is_named(raw_dir, tmp_path):
    data = registry.prepare('movielens_1m', 'autoint_all_rows', raw_dir, tmp_path)
    path = data.folder / 'train' / 'ids.npy'
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UsageError, match='ids.npy cannot be read'):
        data.split('train')
