"""Generated files in the shapes of Frappe_x1, Criteo_x1 and Avazu_x1 of BARS: columns, given splits, numbers of values.

Rows are shared among `train.csv`, `valid.csv` and `test.csv` as in the published files. The values of all fields
together are as many as in the published training rows. This number follows from the parameters that BARS' logs count;
for Criteo_x1 and Avazu_x1 its parts are not published. There, small fields have as many values as in the raw files of
Criteo and Avazu, and the others share what is left evenly. Categories are ids that count on from field to field, as in
files of libfm.
"""

import pathlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from autoint_jax.data.generated import avazu, criteo
from autoint_jax.data.generated.cells import digits, fractions, lines
from autoint_jax.data.generated.raw_files import blocks, written
from autoint_jax.data.generated.values import planted_labels, zipf

LARGEST_NUMBER = 9_999_999  # of a numeric field of Criteo, before it is brought to 0 to 1


class Shape(NamedTuple):
    """The shape of a table.

    Attributes:
      rows: numbers of rows of training, validation and test, as published.
      numeric: names of the numeric columns, which stand first; their values are from 0 to 1.
      sizes: {name of a categorical column: number of its values}.
      first_id: the id of the first value of the first categorical column.
      pairs: pairs of columns that interact.
      rate, strength: of the labels, as in `planted_labels`.
    """

    rows: tuple[int, int, int]
    numeric: tuple[str, ...]
    sizes: Mapping[str, int]
    first_id: int
    pairs: tuple[tuple[str, str], ...]
    rate: float
    strength: float

    def write(self, folder: pathlib.Path, rows: int, seed: int) -> list[pathlib.Path]:
        """Writes the three files, of so many rows together, and returns their paths."""
        valid, test = (max(1, round(rows * part / sum(self.rows))) for part in self.rows[1:])
        counts = {'train': rows - valid - test, 'valid': valid, 'test': test}
        header = ','.join(['label', *self.numeric, *self.sizes]) + '\n'
        return [
            written(folder / f'{split}.csv', blocks(count, 3 * seed + number, self._lines), header)
            for number, (split, count) in enumerate(counts.items())
        ]

    def _lines(self, rng: np.random.Generator, rows: int, start: int) -> bytes:
        """Returns the lines of a block of rows."""
        ranks = {name: zipf(rng, size, rows) for name, size in self.sizes.items()}
        numbers = {name: rng.exponential(1.2, rows) for name in self.numeric}
        # Of a number it counts whether it is large.
        planted = ranks | {name: values > 1 for name, values in numbers.items()}
        labels = planted_labels(
            rng, [(planted[one], planted[other]) for one, other in self.pairs], rate=self.rate, strength=self.strength
        )
        first = np.cumsum([self.first_id, *self.sizes.values()])
        columns = [digits(labels.astype(np.int64))]
        columns += [fractions(np.minimum(values / np.log1p(LARGEST_NUMBER), 1)) for values in numbers.values()]
        columns += [digits(ranks[name] + start) for name, start in zip(self.sizes, first, strict=False)]
        return lines(columns, ',')


FRAPPE = Shape(
    (202_027, 57_722, 28_860),
    (),
    {
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
    },
    0,
    (('user', 'item'), ('item', 'daytime'), ('user', 'cost'), ('item', 'country'), ('city', 'weekday')),
    rate=0.33,
    strength=1.2,
)
MOST_OF_CRITEO = 303_396  # values of a field, so that all fields together have 2,086,276
CRITEO = Shape(
    (33_003_326, 8_250_124, 4_587_167),
    tuple(f'I{number}' for number in range(1, 14)),
    {f'C{number}': min(size, MOST_OF_CRITEO) for number, size in enumerate(criteo.SIZES, start=1)},
    14,  # after the numeric fields, whose indices are 1 to 13
    (('C17', 'C14'), ('C23', 'C5'), ('C9', 'C8'), ('C13', 'C23'), ('I4', 'C17')),
    rate=0.22,
    strength=0.7,
)
MOST_OF_AVAZU = 632_621  # values of a field, so that all fields together have 1,298,577
# Sizes of C1, banner_pos, site, app and device, C14 to C21, and the hour.
OF_AVAZU = (7, 7, *avazu.HEXADECIMAL.values(), 5, 4, *(size for _, size in avazu.INTEGERS.values()), 24)
AVAZU = Shape(
    (28_300_276, 4_042_897, 8_085_794),
    (),
    {f'feat_{number}': min(size, MOST_OF_AVAZU) for number, size in enumerate(OF_AVAZU, start=1)},
    1,
    (('feat_5', 'feat_8'), ('feat_18', 'feat_21'), ('feat_17', 'feat_22'), ('feat_7', 'feat_19')),
    rate=0.15,
    strength=0.7,
)
# {data set: function (folder, rows, seed) that writes the files and returns their paths}.
BARS_TABLES: dict[str, Callable[[pathlib.Path, int, int], list[pathlib.Path]]] = {
    'frappe_x1': FRAPPE.write,
    'criteo_x1': CRITEO.write,
    'avazu_x1': AVAZU.write,
}
