"""Reads the raw files of MovieLens and checks every line.

MovieLens-1M: `users.dat`, `movies.dat`, `ratings.dat`, separated by `::`, in Latin-1. MovieLens-100k has two forms:
`u.user`, `u.item`, `u.data`, as grouplens.org publishes it; or `ml-100k.user`, `ml-100k.item`, `ml-100k.inter`,
separated by tabs with a header, as the package RecBole contains it.
"""

import pathlib
import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from autoint_jax.data.datasets.references import Reference
from autoint_jax.data.raw.derived import age_group
from autoint_jax.errors import UsageError


class User(NamedTuple):
    """A user, as text; `age` is the lower end of the age group."""

    gender: str
    age: str
    occupation: str
    zip_code: str


class Movie(NamedTuple):
    """A movie: the year of its release, None if unknown, and its genres."""

    year: int | None
    genres: tuple[str, ...]


class MovieLens(NamedTuple):
    """Ratings in file order, with the users and movies.

    Attributes:
      users: {user id: user}.
      movies: {movie id: movie}.
      user_ids: of the ratings, text [n].
      movie_ids: of the ratings, text [n].
      ratings: int64 [n], 1 to 5.
      timestamps: int64 [n], seconds since 1970.
      files: that were read.
    """

    users: dict[str, User]
    movies: dict[str, Movie]
    user_ids: np.ndarray
    movie_ids: np.ndarray
    ratings: np.ndarray
    timestamps: np.ndarray
    files: tuple[pathlib.Path, ...]


# The order of the genre flags in u.item.
GENRES_100K = (
    'unknown',
    'Action',
    'Adventure',
    'Animation',
    "Children's",
    'Comedy',
    'Crime',
    'Documentary',
    'Drama',
    'Fantasy',
    'Film-Noir',
    'Horror',
    'Musical',
    'Mystery',
    'Romance',
    'Sci-Fi',
    'Thriller',
    'War',
    'Western',
)


def files_1m(folder: pathlib.Path) -> tuple[pathlib.Path, ...]:
    """Returns the files of users, movies and ratings. Raises UsageError if one is missing."""
    return _paths(folder, 'users.dat', 'movies.dat', 'ratings.dat')


def files_100k(folder: pathlib.Path) -> tuple[pathlib.Path, ...]:
    """Returns the files of users, movies and ratings, in either form. Raises UsageError if one is missing."""
    if (folder / 'ml-100k.inter').exists():
        return _paths(folder, 'ml-100k.user', 'ml-100k.item', 'ml-100k.inter')
    return _paths(folder, 'u.user', 'u.item', 'u.data')


def read_1m(folder: pathlib.Path) -> MovieLens:
    """Reads MovieLens-1M. Raises UsageError on a missing file or a malformed line."""
    paths = files_1m(folder)
    users = {
        match[1]: User(match[2], match[3], match[4], match[5])
        for match in _matches(paths[0], r'(\d+)::([MF])::(\d+)::(\d+)::([^:]+)', 'UserID::Gender::Age::Occupation::Zip')
    }
    movies = {
        match[1]: Movie(int(match[2]), tuple(match[3].split('|')))
        for match in _matches(paths[1], r'(\d+)::.*\((\d{4})\)\s*::(\S.*)', 'MovieID::Title (Year)::Genre|Genre')
    }
    ratings = [
        match.groups()
        for match in _matches(paths[2], r'(\d+)::(\d+)::([1-5])::(\d+)', 'UserID::MovieID::Rating::Timestamp')
    ]
    return _joined(users, movies, ratings, paths)


def read_100k(folder: pathlib.Path) -> MovieLens:
    """Reads MovieLens-100k in either form. Raises UsageError on a missing file or a malformed line."""
    paths = files_100k(folder)
    if paths[2].name == 'ml-100k.inter':
        return _read_100k_recbole(paths)
    users = {
        match[1]: User(match[3], age_group(int(match[2])), match[4], match[5])
        for match in _matches(paths[0], r'(\d+)\|(\d+)\|([MF])\|([^|]+)\|([^|]+)', 'id|age|gender|occupation|zip code')
    }
    movies = {}
    item = r'(\d+)\|([^|]*)\|([^|]*)\|[^|]*\|[^|]*((?:\|[01]){19})'
    for match in _matches(paths[1], item, 'id|title|release date|video release date|URL|19 genre flags'):
        year = re.search(r'\((\d{4})\)\s*$', match[2]) or re.search(r'-(\d{4})$', match[3])
        flags = match[4].split('|')[1:]
        movies[match[1]] = Movie(
            int(year[1]) if year else None,
            tuple(genre for genre, flag in zip(GENRES_100K, flags, strict=True) if flag == '1'),
        )
    ratings = [
        match.groups()
        for match in _matches(paths[2], r'(\d+)\t(\d+)\t([1-5])\t(\d+)', 'user, item, rating, timestamp by tabs')
    ]
    return _joined(users, movies, ratings, paths)


def _read_100k_recbole(paths: tuple[pathlib.Path, ...]) -> MovieLens:
    """Reads MovieLens-100k in the form of RecBole."""
    users = {
        match[1]: User(match[3], age_group(int(match[2])), match[4], match[5])
        for match in _matches(
            paths[0],
            r'(\d+)\t(\d+)\t([MF])\t([^\t]+)\t([^\t]+)',
            'user_id, age, gender, occupation, zip_code by tabs',
            header=True,
        )
    }
    movies = {
        match[1]: Movie(int(match[2]) if match[2].isdigit() else None, tuple(match[3].split()))
        for match in _matches(
            paths[1],
            r'(\d+)\t[^\t]*\t([^\t]*)\t([^\t]*)',
            'item_id, movie_title, release_year, class by tabs',
            header=True,
        )
    }
    ratings = [
        match.groups()
        for match in _matches(
            paths[2], r'(\d+)\t(\d+)\t([1-5])\t(\d+)', 'user_id, item_id, rating, timestamp by tabs', header=True
        )
    ]
    return _joined(users, movies, ratings, paths)


def _paths(folder: pathlib.Path, *names: str) -> tuple[pathlib.Path, ...]:
    """The files of those names in a folder. Raises UsageError if one is missing."""
    for name in names:
        if not (folder / name).is_file():
            raise UsageError(f'{folder / name} does not exist: --raw_dir must name the folder with {", ".join(names)}')
    return tuple(folder / name for name in names)


def _matches(path: pathlib.Path, pattern: str, form: str, *, header: bool = False) -> Iterator[re.Match]:
    """Yields the match of `pattern` on each line. Raises UsageError that names the first line without a match."""
    whole = re.compile(pattern)
    with open(path, encoding='latin-1', newline='\n') as file:
        for number, line in enumerate(file, start=1):
            if header and number == 1:
                continue
            line = line.rstrip('\r\n')
            match = whole.fullmatch(line)
            if match is None:
                raise UsageError(f'{path} line {number} is {line[:80]!r}, but must have the form {form}')
            yield match


def _joined(
    users: dict[str, User], movies: dict[str, Movie], ratings: list[tuple[str, ...]], paths: tuple[pathlib.Path, ...]
) -> MovieLens:
    """Joins users, movies and ratings. Raises UsageError if a rating names another user or movie."""
    if not ratings:
        raise UsageError(f'{paths[2]} has no ratings')
    user_ids, movie_ids, values, timestamps = map(np.array, zip(*ratings, strict=True))
    for found, known, path in ((user_ids, users, paths[0]), (movie_ids, movies, paths[1])):
        missing = set(np.unique(found).tolist()) - known.keys()
        if missing:
            raise UsageError(f'{paths[2]} names id {min(missing)}, which {path} does not have')
    return MovieLens(users, movies, user_ids, movie_ids, values.astype(np.int64), timestamps.astype(np.int64), paths)


_HARPER_KONSTAN = """
@article{harper2015movielens,
  author = {Harper, F. Maxwell and Konstan, Joseph A.},
  title = {The {MovieLens} Datasets: History and Context},
  journal = {ACM Transactions on Interactive Intelligent Systems},
  volume = {5},
  number = {4},
  articleno = {19},
  pages = {19:1--19:19},
  month = dec,
  year = {2015},
  doi = {10.1145/2827872}
}
"""
_GROUPLENS_TERMS = (
    'For research, under the conditions of the README that comes with the files: no endorsement by the University of '
    'Minnesota or the GroupLens Research Group may be stated or implied; publications must acknowledge the data set; '
    'it may not be redistributed without separate permission; commercial use needs permission first.'
)
REFERENCE_100K = Reference(
    'MovieLens-100k: 100,000 ratings of 1,682 movies by 943 users, 1997 to 1998. A rating above 3 is positive, '
    'one below is negative, ratings of 3 are left out.',
    _HARPER_KONSTAN,
    'https://grouplens.org/datasets/movielens/100k/',
    _GROUPLENS_TERMS,
    'u.user, u.item and u.data, or ml-100k.user, ml-100k.item and ml-100k.inter',
)
REFERENCE_1M = Reference(
    'MovieLens-1M: 1,000,209 ratings of about 3,900 movies by 6,040 users who joined in 2000. A rating above 3 is '
    'positive, one below is negative, ratings of 3 are left out.',
    _HARPER_KONSTAN,
    'https://grouplens.org/datasets/movielens/1m/',
    _GROUPLENS_TERMS,
    'users.dat, movies.dat and ratings.dat',
)
