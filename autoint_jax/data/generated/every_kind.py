"""A table of made-up visits that has every kind of field and every transform, with its declaration."""

import pathlib

import numpy as np
import polars as pl

from autoint_jax import stored
from autoint_jax.data.generated.values import planted_labels, zipf

NAME = 'every_kind'
PART = 'part'  # the column that says the split of a row: {split: its values}
PARTS = {'train': ('a', 'b'), 'valid': ('c',), 'test': ('d',)}
DECLARATION = """
files: [every_kind.csv]
missing: ["?"]
label: {column: bought, positive: ["yes"], negative: ["no"]}
split: {column: {name: part, train: [a, b], valid: [c], test: [d]}}
fields:
- {name: age, kind: numeric, transform: standard}
- {name: hours, kind: numeric, transform: min_max}
- {name: gain, kind: numeric, transform: log_square}
- {name: age_bucket, column: age, transform: quantiles, buckets: 5}
- {name: gain_bucket, column: gain, transform: log_square_bucket}
- {name: share, kind: numeric}
- {name: city, min_count: 3, cap: 500}
- {name: street, column: city, missing: nothing, min_count: 2}
- {name: town, column: city, missing: value}
- {name: hashed, column: city, transform: hash, buckets: 101}
- {name: user, min_count: 2}
- {name: tags, kind: multivalued, separator: ",", max_values: 3, min_count: 2}
- {name: likes, kind: multivalued, separator: ",", shares: tags}
"""


def every_kind(folder: pathlib.Path, rows: int, seed: int) -> pathlib.Path:
    """Writes FOLDER/every_kind.csv and its declaration, FOLDER/every_kind.yaml, and returns the path of the latter.

    A tenth of most values is missing, values have long tails, and some have quotes, commas and leading zeros.
    """
    rng = np.random.default_rng((1970, seed))
    city, user, tag = zipf(rng, 3000, rows), zipf(rng, 20_000, rows), zipf(rng, 40, rows)
    bought = planted_labels(rng, [(city, user), (user, tag)], rate=0.3, strength=1.0)
    columns = {
        'age': _some_missing(rng, [str(number) for number in rng.integers(17, 91, rows)]),
        'hours': _some_missing(rng, [f'{number:.2f}' for number in rng.random(rows) * 60]),
        'share': _some_missing(rng, [f'{number:.3f}' for number in rng.random(rows)]),
        'gain': _some_missing(rng, [str(int(number)) for number in np.exp(rng.random(rows) * 12) - 1]),
        'city': _some_missing(rng, [f'0{number}' if number % 3 else f'"{number}", N' for number in city.tolist()]),
        'user': [f'u{number}' for number in user.tolist()],
        'tags': _lists(rng, rows),
        'likes': _lists(rng, rows),
        PART: rng.choice(list('aaabcd'), rows).tolist(),
        'bought': np.where(bought, 'yes', 'no').tolist(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    with stored.replacing(folder / f'{NAME}.csv') as scratch:
        pl.DataFrame(columns).write_csv(scratch)
    path = folder / f'{NAME}.yaml'
    stored.write_text(path, DECLARATION)
    return path


def _some_missing(rng: np.random.Generator, values: list[str]) -> list[str]:
    """Replaces a tenth of the values by words for a missing value."""
    words = rng.choice(['', '?', ' '], len(values))
    return np.where(rng.random(len(values)) < 0.1, words, np.array(values)).tolist()


def _lists(rng: np.random.Generator, rows: int) -> list[str]:
    """Returns random lists of at most three different tags."""
    tags, counts = zipf(rng, 40, 3 * rows).reshape(rows, 3), rng.integers(0, 4, rows)
    return [
        ','.join(dict.fromkeys(f'tag {number}' for number in row[:count]))
        for row, count in zip(tags.tolist(), counts.tolist(), strict=True)
    ]
