"""What tests of own tables share: a table in two files, its declaration, and its preparation."""

import csv
import random

from autoint_jax.data.datasets.own_table import prepare_own
from autoint_jax.data.preparation.progress import SilentPreparation

TAGS = ('red', 'green', 'blue', 'x y')
DECLARATION = """
files: [part-*.csv]
missing: ["?"]
label: {column: income, positive: [">50K"]}
split: {column: {name: part, train: [a, b], valid: [c], test: [d]}}
fields:
- {name: age, kind: numeric, transform: standard}
- {name: hours, kind: numeric, transform: min_max}
- {name: gain, kind: numeric, transform: log_square}
- {name: age_bucket, column: age, transform: quantiles, buckets: 5}
- {name: city, min_count: 3, cap: 21}
- {name: street, column: city, missing: nothing, min_count: 2}
- {name: town, column: city, missing: value, embedding_dim: 4}
- {name: hashed, column: city, transform: hash, buckets: 11}
- {name: tags, kind: multivalued, separator: ",", max_values: 2, min_count: 2}
- {name: likes, kind: multivalued, separator: ",", shares: tags}
"""
NAMES = ['age', 'income', 'hours', 'gain', 'city', 'tags', 'likes', 'part']


def rows_of(number, seed=1):
    """Yields random rows of NAMES; some values are missing."""
    rng = random.Random(seed)
    blank = lambda value, share=0.1: rng.choice(['', '?', ' ']) if rng.random() < share else value  # noqa: E731
    for _ in range(number):
        yield [
            blank(str(rng.randint(17, 90))),
            rng.choice(['<=50K', '>50K']),
            blank(f'{rng.random() * 60:.2f}'),
            blank(str(rng.choice([0, 0, rng.randint(1, 99999)]))),
            blank(f'{rng.choice("abcdefgh")}{int(rng.expovariate(0.4))}'),
            ','.join(rng.sample(TAGS, rng.randint(0, 3))),
            ','.join(rng.choices((*TAGS, 'grey'), k=rng.randint(0, 2))),
            rng.choice('aaabcd'),
        ]


def own_table(tmp_path):
    """Returns a folder with a table in two files and its declaration, mine.yaml."""
    rows = list(rows_of(1009))
    for number, part in enumerate((rows[:400], rows[400:])):
        with open(tmp_path / f'part-{number}.csv', 'w', newline='') as file:
            csv.writer(file).writerows([NAMES, *part])
    (tmp_path / 'mine.yaml').write_text(DECLARATION)
    return tmp_path


def prepare(schema, max_bad_share=0.001):
    """Prepares the table of a declaration and returns the data."""
    return prepare_own(
        schema,
        None,
        schema.parent / 'out' / schema.stem,
        dataset='csv',
        recipe=schema.stem,
        max_bad_share=max_bad_share,
        progress=SilentPreparation(),
    )
