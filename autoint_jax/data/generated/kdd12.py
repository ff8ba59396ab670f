"""A generated click log in the shape of KDD Cup 2012, track 2."""

import pathlib

import numpy as np

from autoint_jax.data.generated.cells import digits, lines
from autoint_jax.data.generated.raw_files import blocks, written
from autoint_jax.data.generated.values import planted_labels, scrambled, zipf

# {column: number of distinct values in the 149.6 million rows of KDD Cup 2012, track 2}.
SIZES = {
    'DisplayURL': 26273,
    'AdID': 641707,
    'AdvertiserID': 14847,
    'QueryID': 24122076,
    'KeywordID': 1188089,
    'TitleID': 3735796,
    'DescriptionID': 2934102,
    'UserID': 22023547,
}


def kdd12(folder: pathlib.Path, rows: int, seed: int) -> list[pathlib.Path]:
    """Writes `training.txt`, 12 columns by tabs, and `userid_profile.txt` with Gender and Age of most users."""
    training = written(folder / 'training.txt', blocks(rows, seed, _lines))
    users = min(SIZES['UserID'], max(rows // 2, 1))

    def profiles(rng: np.random.Generator, count: int, start: int) -> bytes:
        numbers = 1 + start + np.arange(count)
        return lines([digits(numbers), digits(_gender(numbers)), digits(1 + numbers % 6)], '\t')

    return [training, written(folder / 'userid_profile.txt', blocks(users, seed + 1, profiles))]


def _gender(users: np.ndarray) -> np.ndarray:
    """The gender of users [n], int [n]: 1, 2, or 0 if unknown."""
    return np.array([1, 2, 1, 2, 0])[users % 5]


def _lines(rng: np.random.Generator, rows: int, start: int) -> bytes:
    """The lines of a block of rows."""
    ranks = {name: zipf(rng, size, rows) for name, size in SIZES.items()}
    users = np.where(rng.random(rows) < 0.2, 0, 1 + ranks['UserID'])  # 0: the user is not known
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
