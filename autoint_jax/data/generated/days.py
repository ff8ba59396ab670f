"""Generated clicks of successive days, with new users and items each day and tastes that drift.

A file depends on its day, its number of rows and the seed only. Users, categories, sites and devices have hidden
tastes. The logit of a click is the sum of two products of tastes (user and category, site and device), of an effect of
the item that goes up and down over days, and of effects of hour and age. Each day some users and items are new.
"""

import pathlib

import numpy as np

from autoint_jax.data.generated.cells import digits, lines
from autoint_jax.data.generated.raw_files import blocks, written
from autoint_jax.data.generated.values import attribute, zipf

COLUMNS = ('click', 'user', 'item', 'category', 'site', 'device', 'hour', 'age')
USERS, NEW_USERS = 2000, 60  # of the first day; more each day
ITEMS, NEW_ITEMS = 400, 20
RECENT_DAYS, RECENT_SHARE = 3, 0.2  # values that are new in these days make up that share of the rows
CATEGORIES, SITES, DEVICES = 24, 150, 5
PERIOD = 14.0  # days in which the effect of an item goes up and down once
RATE = -1.6  # logit of a click without any effect
DECLARATION = """files: [{files}]
label: click
split: {{random: {{valid: 0.05, test: 0.05, seed: 0}}}}
fields:
- {{name: user, min_count: 2}}
- {{name: item, min_count: 2}}
- {{name: category}}
- {{name: site}}
- {{name: device}}
- {{name: hour}}
- {{name: age, kind: numeric, transform: standard}}
"""


def day(folder: pathlib.Path, number: int, rows: int, seed: int) -> pathlib.Path:
    """Writes `dayN.csv`, the clicks of a day, and returns its path; days count from 1."""

    def of_block(rng: np.random.Generator, count: int, start: int) -> bytes:
        return _lines(rng, count, number)

    return written(folder / f'day{number}.csv', blocks(rows, seed * 1000 + number, of_block), ','.join(COLUMNS) + '\n')


def _lines(rng: np.random.Generator, rows: int, number: int) -> bytes:
    """The lines of a block of rows of a day."""
    user, item = _drawn(rng, rows, number, USERS, NEW_USERS), _drawn(rng, rows, number, ITEMS, NEW_ITEMS)
    site, device = zipf(rng, SITES, rows), zipf(rng, DEVICES, rows)
    hour, age = rng.integers(0, 24, rows), 18 + user % 50
    category = item * 7 % CATEGORIES
    phase = 2 * np.pi * (number / PERIOD + (item * 0.618) % 1)
    logit = RATE + 0.6 * attribute(user, 1) * attribute(category, 2) + 0.5 * attribute(user, 6) + 0.5 * np.sin(phase)
    logit += 0.4 * attribute(item, 3) + 0.4 * attribute(site, 4) * attribute(device, 5) + 0.3 * np.sin(hour / 4)
    logit += 0.01 * (age - 40)
    click = rng.random(rows) < 1 / (1 + np.exp(-logit))
    return lines([digits(values) for values in (click.astype(int), user, item, category, site, device, hour, age)], ',')


def _drawn(rng: np.random.Generator, rows: int, number: int, first: int, new: int) -> np.ndarray:
    """Values of a day, int64 [rows]: some of those that are new in the last days, and old ones with a long tail.

    Args:
      rng: random generator.
      rows: number of rows.
      number: of the day.
      first: number of values of the first day.
      new: number of values that are new on each later day.
    """
    old = zipf(rng, first, rows)
    days = min(RECENT_DAYS, number - 1)
    recent = first + new * (number - 1 - days) + rng.integers(0, max(new * days, 1), rows)
    return np.where((rng.random(rows) < RECENT_SHARE) & (days > 0), recent, old)
