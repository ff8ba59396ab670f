"""Generated raw files in the exact shapes of Criteo, Avazu, KDD Cup 2012 track 2 and MovieLens-1M, of any size.

The numbers of distinct values are those of the published files, so a generated file of n rows has about the long tail
that n rows of the original have. A file is a function of its shape, size and seed.
"""

import pathlib
from collections.abc import Callable, Iterator

import numpy as np

from autoint_jax.data.generated.cells import blanked, digits, hexadecimal, lines, words
from autoint_jax.data.generated.values import BLOCK_ROWS, planted_labels, scrambled, zipf

# Distinct values of C1..C26 in the 45.8 million rows of Criteo, and the share of rows where they are missing.
CRITEO_SIZES = (
    1460,
    583,
    10131227,
    2202608,
    305,
    24,
    12517,
    633,
    3,
    93145,
    5683,
    8351593,
    3194,
    27,
    14992,
    5461306,
    10,
    5652,
    2173,
    4,
    7046547,
    18,
    15,
    286181,
    105,
    142572,
)
CRITEO_MISSING = {
    3: 0.03,
    4: 0.03,
    6: 0.12,
    12: 0.03,
    16: 0.03,
    19: 0.44,
    20: 0.44,
    21: 0.03,
    22: 0.76,
    24: 0.03,
    25: 0.44,
    26: 0.44,
}
CRITEO_INTEGER_MISSING = (0.45, 0.0, 0.21, 0.22, 0.03, 0.22, 0.04, 0.0005, 0.04, 0.45, 0.04, 0.77, 0.22)

AVAZU_HEADER = (
    'id,click,hour,C1,banner_pos,site_id,site_domain,site_category,app_id,app_domain,app_category,device_id,'
    'device_ip,device_model,device_type,device_conn_type,C14,C15,C16,C17,C18,C19,C20,C21'
)
AVAZU_HEXADECIMAL = {
    'site_id': 4737,
    'site_domain': 7745,
    'site_category': 26,
    'app_id': 8552,
    'app_domain': 559,
    'app_category': 36,
    'device_id': 2686408,
    'device_ip': 6729486,
    'device_model': 8251,
}
AVAZU_INTEGERS = {
    'C14': (375, 2626),
    'C15': (120, 8),
    'C16': (20, 9),
    'C17': (112, 435),
    'C18': (0, 4),
    'C19': (33, 68),
    'C20': (-1, 172),
    'C21': (1, 60),
}  # first value, number of values

KDD12_SIZES = {
    'DisplayURL': 26273,
    'AdID': 641707,
    'AdvertiserID': 14847,
    'QueryID': 24122076,
    'KeywordID': 1188089,
    'TitleID': 3735796,
    'DescriptionID': 2934102,
    'UserID': 22023547,
}


def criteo(folder: pathlib.Path, rows: int, seed: int) -> list[pathlib.Path]:
    """`train.txt`: label, 13 integers, 26 hexadecimal categories, by tabs, empty where missing, no header."""
    return [_written(folder / 'train.txt', _blocks(rows, seed, _criteo_lines))]


def _criteo_lines(rng: np.random.Generator, rows: int, start: int) -> bytes:
    ranks = [zipf(rng, size, rows) for size in CRITEO_SIZES]
    integers = [
        np.expm1(rng.exponential(1.2 + 0.25 * (number % 5), rows)).astype(np.int64).clip(max=9_999_999)
        for number in range(13)
    ]
    labels = planted_labels(
        rng,
        [
            (ranks[16], ranks[13]),
            (ranks[22], ranks[4]),
            (ranks[8], ranks[7]),
            (ranks[12], ranks[22]),
            (integers[3] > 3, ranks[16]),
        ],
        rate=0.22,
        strength=0.7,
    )
    integers[1] -= (rng.random(rows) < 0.1) * 4  # I2 has small negative numbers
    columns = [digits(labels.astype(np.int64))]
    for share, values in zip(CRITEO_INTEGER_MISSING, integers, strict=True):
        columns.append(blanked(digits(values), rng.random(rows) < share))
    for number, values in enumerate(ranks, start=1):
        cells = hexadecimal(scrambled(values, number))
        if number in CRITEO_MISSING:
            cells = blanked(cells, rng.random(rows) < CRITEO_MISSING[number])
        columns.append(cells)
    return lines(columns, '\t')


def avazu(folder: pathlib.Path, rows: int, seed: int) -> list[pathlib.Path]:
    """`train`: a header and 24 columns by commas."""
    return [
        _written(
            folder / 'train.csv',
            _blocks(rows, seed, lambda rng, count, start: _avazu_lines(rng, count, start, rows)),
            header=AVAZU_HEADER + '\n',
        )
    ]


def _avazu_lines(rng: np.random.Generator, rows: int, start: int, total: int) -> bytes:
    hashed = {name: zipf(rng, size, rows) for name, size in AVAZU_HEXADECIMAL.items()}
    hashed['device_id'] *= rng.random(rows) < 0.17  # most rows carry the same device id
    integers = {name: zipf(rng, count, rows) for name, (_, count) in AVAZU_INTEGERS.items()}
    hour_number = (start + np.arange(rows)) * 240 // total  # ten days from 2014-10-21, in order
    hours = 14102100 + hour_number // 24 * 100 + hour_number % 24
    labels = planted_labels(
        rng,
        [
            (hashed['site_category'], hashed['app_category']),
            (integers['C18'], integers['C21']),
            (integers['C17'], hour_number % 24),
            (hashed['app_domain'], integers['C19']),
        ],
        rate=0.15,
        strength=0.7,
    )
    numbers = (start + np.arange(rows)).astype(np.uint64) * np.uint64(
        11400714819323198485
    )  # distinct, no visible order
    columns = [
        digits(numbers),
        digits(labels.astype(np.int64)),
        digits(hours),
        digits(1001 + zipf(rng, 7, rows)),
        digits(zipf(rng, 7, rows)),
    ]
    columns += [hexadecimal(scrambled(ranks, number)) for number, ranks in enumerate(hashed.values())]
    columns += [digits(zipf(rng, 5, rows)), digits(zipf(rng, 4, rows))]
    columns += [digits(integers[name] + first) for name, (first, _) in AVAZU_INTEGERS.items()]
    return lines(columns, ',')


def kdd12(folder: pathlib.Path, rows: int, seed: int) -> list[pathlib.Path]:
    """`training.txt` (12 columns by tabs) and `userid_profile.txt` (UserID, Gender, Age) of most of its users."""
    training = _written(folder / 'training.txt', _blocks(rows, seed, _kdd12_lines))
    users = min(KDD12_SIZES['UserID'], max(rows // 2, 1))

    def profiles(rng: np.random.Generator, count: int, start: int) -> bytes:
        numbers = 1 + start + np.arange(count)
        return lines([digits(numbers), digits(_gender(numbers)), digits(1 + numbers % 6)], '\t')

    return [training, _written(folder / 'userid_profile.txt', _blocks(users, seed + 1, profiles))]


def _gender(users: np.ndarray) -> np.ndarray:
    return np.array([1, 2, 1, 2, 0])[users % 5]


def _kdd12_lines(rng: np.random.Generator, rows: int, start: int) -> bytes:
    ranks = {name: zipf(rng, size, rows) for name, size in KDD12_SIZES.items()}
    users = np.where(rng.random(rows) < 0.2, 0, 1 + ranks['UserID'])  # 0: not known
    depth = 1 + zipf(rng, 3, rows)
    position = 1 + (rng.random(rows) * depth).astype(np.int64)
    labels = planted_labels(
        rng,
        [
            (ranks['AdvertiserID'], _gender(users)),
            (ranks['DisplayURL'], position),
            (ranks['AdvertiserID'], users % 6),
            (ranks['KeywordID'], depth),
        ],
        rate=0.05,
        strength=0.7,
    )
    clicks = labels * (1 + zipf(rng, 4, rows))
    impressions = np.maximum(clicks, 1 + zipf(rng, 200, rows) // 3)
    url = scrambled(ranks['DisplayURL'], 1).astype(np.uint64) * np.uint64(4294967311)
    columns = [
        clicks,
        impressions,
        url,
        1000000 + ranks['AdID'],
        82 + ranks['AdvertiserID'],
        depth,
        position,
        ranks['QueryID'],
        ranks['KeywordID'],
        ranks['TitleID'],
        ranks['DescriptionID'],
        users,
    ]
    return lines([digits(values) for values in columns], '\t')


def movielens_1m(folder: pathlib.Path, rows: int, seed: int) -> list[pathlib.Path]:
    """`users.dat`, `movies.dat`, `ratings.dat`, by `::`; ratings depend on gender and first genre together."""
    genres = ('Action', 'Comedy', 'Drama', 'Horror', 'Romance', 'War', 'Western')
    rng = np.random.default_rng((seed, 1))
    users, movies = max(rows // 166, 10), max(rows // 258, 10)
    male = rng.random(users) < 0.7
    ages = words(('1', '18', '25', '35', '45', '50', '56'), rng.integers(0, 7, users))
    paths = [
        _written(
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
        _written(
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

    paths.append(_written(folder / 'ratings.dat', _blocks(rows, seed, ratings)))
    return paths


SHAPES: dict[str, Callable[[pathlib.Path, int, int], list[pathlib.Path]]] = {
    'criteo': criteo,
    'avazu': avazu,
    'kdd12': kdd12,
    'movielens_1m': movielens_1m,
}
# What each of them writes.
FILES = {
    'criteo': ('train.txt',),
    'avazu': ('train.csv',),
    'kdd12': ('training.txt', 'userid_profile.txt'),
    'movielens_1m': ('users.dat', 'movies.dat', 'ratings.dat'),
}


def _blocks(rows: int, seed: int, make: Callable[[np.random.Generator, int, int], bytes]) -> Iterator[bytes]:
    for number, start in enumerate(range(0, rows, BLOCK_ROWS)):
        yield make(np.random.default_rng((seed, number)), min(BLOCK_ROWS, rows - start), start)


def _written(path: pathlib.Path, blocks: Iterator[bytes], header: str = '') -> pathlib.Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + '.unfinished')
    with open(unfinished, 'wb') as file:
        file.write(header.encode())
        for block in blocks:
            file.write(block)
    unfinished.replace(path)
    return path
