"""Generated ratings in the shape of MovieLens-1M."""

import pathlib

import numpy as np

from autoint_jax.data.generated.cells import digits, lines, words
from autoint_jax.data.generated.raw_files import blocks, written
from autoint_jax.data.generated.values import zipf


def movielens_1m(folder: pathlib.Path, rows: int, seed: int) -> list[pathlib.Path]:
    """Writes `users.dat`, `movies.dat` and `ratings.dat`. Ratings depend on gender and first genre together."""
    genres = ('Action', 'Comedy', 'Drama', 'Horror', 'Romance', 'War', 'Western')
    rng = np.random.default_rng((seed, 1))
    users, movies = max(rows // 166, 10), max(rows // 258, 10)
    male = rng.random(users) < 0.7
    ages = words(('1', '18', '25', '35', '45', '50', '56'), rng.integers(0, 7, users))
    paths = [
        written(
            folder / 'users.dat',
            iter(
                [
                    lines(
                        [
                            digits(1 + np.arange(users)),
                            words(('F', 'M'), male.astype(int)),
                            ages,
                            digits(rng.integers(0, 21, users)),
                            digits(rng.integers(10000, 10000 + max(users // 2, 1), users)),
                        ],
                        '::',
                    )
                ]
            ),
        )
    ]
    first, second = rng.integers(0, 7, movies), rng.integers(0, 7, movies)
    titles = [f'Film {number} ({year})' for number, year in enumerate(rng.integers(1919, 2001, movies), start=1)]
    lists = [
        genres[one] if one == other else f'{genres[one]}|{genres[other]}'
        for one, other in zip(first, second, strict=True)
    ]
    paths.append(
        written(
            folder / 'movies.dat',
            iter(
                [
                    lines(
                        [
                            digits(1 + np.arange(movies)),
                            words(titles, np.arange(movies)),
                            words(lists, np.arange(movies)),
                        ],
                        '::',
                    )
                ]
            ),
        )
    )

    def ratings(rng: np.random.Generator, count: int, start: int) -> bytes:
        user, movie = zipf(rng, users, count), zipf(rng, movies, count)
        liked = rng.random(count) < np.where(male[user] == (first[movie] < 3), 0.85, 0.3)
        rating = np.where(
            liked, rng.choice([4, 5, 3], count, p=[0.5, 0.4, 0.1]), rng.choice([1, 2, 3], count, p=[0.4, 0.3, 0.3])
        )
        time = 956703932 + 89 * (start + np.arange(count))
        return lines([digits(1 + user), digits(1 + movie), digits(rating), digits(time)], '::')

    paths.append(written(folder / 'ratings.dat', blocks(rows, seed, ratings)))
    return paths
