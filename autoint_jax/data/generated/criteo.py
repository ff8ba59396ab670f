"""A generated click log in the shape of Criteo."""

import pathlib

import numpy as np

from autoint_jax.data.generated.cells import blanked, digits, hexadecimal, lines
from autoint_jax.data.generated.raw_files import blocks, written
from autoint_jax.data.generated.values import planted_labels, scrambled, zipf

# Number of distinct values of C1 to C26 in the 45.8 million rows of Criteo.
SIZES = (
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
# {number of a category: share of the rows in which it is missing}.
MISSING = {
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
# Share of the rows in which I1 to I13 are missing.
INTEGER_MISSING = (0.45, 0.0, 0.21, 0.22, 0.03, 0.22, 0.04, 0.0005, 0.04, 0.45, 0.04, 0.77, 0.22)


def criteo(folder: pathlib.Path, rows: int, seed: int) -> list[pathlib.Path]:
    """Writes `train.txt`: a label, 13 integers and 26 hexadecimal categories, by tabs; a missing value is empty."""
    return [written(folder / 'train.txt', blocks(rows, seed, _lines))]


def _lines(rng: np.random.Generator, rows: int, start: int) -> bytes:
    """The lines of a block of rows."""
    ranks = [zipf(rng, size, rows) for size in SIZES]
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
    for share, values in zip(INTEGER_MISSING, integers, strict=True):
        columns.append(blanked(digits(values), rng.random(rows) < share))
    for number, values in enumerate(ranks, start=1):
        cells = hexadecimal(scrambled(values, number))
        if number in MISSING:
            cells = blanked(cells, rng.random(rows) < MISSING[number])
        columns.append(cells)
    return lines(columns, '\t')
