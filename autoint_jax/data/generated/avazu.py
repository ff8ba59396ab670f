"""A generated click log in the shape of Avazu."""

import pathlib

import numpy as np

from autoint_jax.data.generated.cells import digits, hexadecimal, lines
from autoint_jax.data.generated.raw_files import blocks, written
from autoint_jax.data.generated.values import planted_labels, scrambled, zipf

HEADER = (
    'id,click,hour,C1,banner_pos,site_id,site_domain,site_category,app_id,app_domain,app_category,device_id,'
    'device_ip,device_model,device_type,device_conn_type,C14,C15,C16,C17,C18,C19,C20,C21'
)
# {column: number of distinct values in the 40.4 million rows of Avazu}.
HEXADECIMAL = {
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
# {column: (smallest value, number of values)}.
INTEGERS = {
    'C14': (375, 2626),
    'C15': (120, 8),
    'C16': (20, 9),
    'C17': (112, 435),
    'C18': (0, 4),
    'C19': (33, 68),
    'C20': (-1, 172),
    'C21': (1, 60),
}


def avazu(folder: pathlib.Path, rows: int, seed: int) -> list[pathlib.Path]:
    """Writes `train.csv`: a header and 24 columns, separated by commas."""
    return [
        written(
            folder / 'train.csv',
            blocks(rows, seed, lambda rng, count, start: _lines(rng, count, start, rows)),
            header=HEADER + '\n',
        )
    ]


def _lines(rng: np.random.Generator, rows: int, start: int, total: int) -> bytes:
    """The lines of a block of rows."""
    hashed = {name: zipf(rng, size, rows) for name, size in HEXADECIMAL.items()}
    hashed['device_id'] *= rng.random(rows) < 0.17  # most rows carry the same device id
    integers = {name: zipf(rng, count, rows) for name, (_, count) in INTEGERS.items()}
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
    # Distinct numbers without visible order.
    numbers = (start + np.arange(rows)).astype(np.uint64) * np.uint64(11400714819323198485)
    columns = [
        digits(numbers),
        digits(labels.astype(np.int64)),
        digits(hours),
        digits(1001 + zipf(rng, 7, rows)),
        digits(zipf(rng, 7, rows)),
    ]
    columns += [hexadecimal(scrambled(ranks, number)) for number, ranks in enumerate(hashed.values())]
    columns += [digits(zipf(rng, 5, rows)), digits(zipf(rng, 4, rows))]
    columns += [digits(integers[name] + first) for name, (first, _) in INTEGERS.items()]
    return lines(columns, ',')
