"""Generated files in the shape of Frappe_x1 of BARS: users, apps and contexts, with a given split."""

import pathlib

import numpy as np

from autoint_jax.data.generated.cells import digits, lines
from autoint_jax.data.generated.raw_files import blocks, written
from autoint_jax.data.generated.values import planted_labels, zipf

# {column: number of distinct values of Frappe_x1}, 5,382 together.
SIZES = {
    'user': 957,
    'item': 4082,
    'daytime': 7,
    'weekday': 7,
    'isweekend': 2,
    'homework': 3,
    'cost': 2,
    'weather': 9,
    'country': 80,
    'city': 233,
}
PAIRS = (('user', 'item'), ('item', 'daytime'), ('user', 'cost'), ('item', 'country'), ('city', 'weekday'))


def frappe_x1(folder: pathlib.Path, rows: int, seed: int) -> list[pathlib.Path]:
    """Writes `train.csv`, `valid.csv` and `test.csv`; two tenths of the rows are for validation, one is for the test.

    Of 288,609 rows these are 57,722 and 28,860, as in Frappe_x1.
    """
    valid, test = round(0.2 * rows), int(0.1 * rows)
    counts, header = {'train': rows - valid - test, 'valid': valid, 'test': test}, ','.join(['label', *SIZES]) + '\n'
    return [
        written(folder / f'{split}.csv', blocks(count, 3 * seed + number, _lines), header)
        for number, (split, count) in enumerate(counts.items())
    ]


def _lines(rng: np.random.Generator, rows: int, start: int) -> bytes:
    """Returns the lines of a block of rows. Ids count on from field to field, as in the files of libfm."""
    ranks = {name: zipf(rng, size, rows) for name, size in SIZES.items()}
    labels = planted_labels(rng, [(ranks[one], ranks[other]) for one, other in PAIRS], rate=0.33, strength=1.2)
    first = np.cumsum([0, *SIZES.values()])
    columns = [labels.astype(np.int64), *(ranks[name] + start for name, start in zip(SIZES, first, strict=False))]
    return lines([digits(values) for values in columns], ',')
