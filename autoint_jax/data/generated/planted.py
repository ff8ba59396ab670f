"""Made-up rows whose interactions are known: the logit of a label is a sum of products over planted groups of fields.

All fields are categorical, independent, and uniform over their values. Every value has a hidden attribute, and over the
values of a field the attributes have mean 0 and mean square 1. A planted group adds its strength times the product of
the attributes of its fields to the logit. So the standard deviation of its part is the strength, and neither a field
nor a part of the group tells anything about it. Besides, every field adds its attribute times a factor by itself, which
is no interaction.
"""

import itertools
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from autoint_jax import stored

PART, LABEL, TEST = 'part', 'clicked', 'c'
PARTS = 'aaaaaaaabc'  # of ten rows eight are for training, one for validation, one for the test


class Planted(NamedTuple):
    """The rows and what is planted in them.

    Attributes:
      groups: numbers of the fields of each planted group.
      values: the value of every field in every row, int64 [n, f].
      logit: the logit of every row, float64 [n].
      label: whether it is clicked, bool [n].
      part: the part of every row, one of PARTS, [n].
    """

    groups: list[tuple[int, ...]]
    values: np.ndarray
    logit: np.ndarray
    label: np.ndarray
    part: np.ndarray

    @property
    def names(self) -> list[str]:
        """Names of the fields."""
        return [f'field{number}' for number in range(self.values.shape[1])]

    def interacting(self, order: int) -> set[tuple[int, ...]]:
        """Returns the groups of `order` fields that interact: the planted ones, and those within larger ones."""
        return {part for group in self.groups for part in itertools.combinations(group, order)}


def planted(
    fields: int, values: int, rows: int, *, pairs: int, triples: int, strength: float, single: float, seed: int
) -> Planted:
    """Draws rows with planted groups.

    Args:
      fields: number of fields, f.
      values: number of values of each.
      rows: number of rows, n.
      pairs, triples: number of planted groups of two and of three fields. No pair lies within a triple.
      strength: standard deviation of what a group adds to the logit.
      single: standard deviation of what a field adds by itself.
      seed: seed of everything.

    All parts have the same sizes for every seed, so that runs on them share compiled programs.
    """
    rng = np.random.default_rng((2017, seed))
    groups = _groups(rng, fields, pairs, triples)
    drawn = rng.integers(0, values, (rows, fields))
    attributes = np.stack([_attributes(rng, values)[drawn[:, field]] for field in range(fields)], 1)  # [n, f]
    logit = attributes @ (single * np.geomspace(0.2, 2.0, fields)[rng.permutation(fields)])
    for group in groups:
        logit += strength * attributes[:, list(group)].prod(1)
    label = rng.random(rows) < 1 / (1 + np.exp(-logit))
    return Planted(groups, drawn, logit, label, rng.permutation(np.resize(list(PARTS), rows)))


def write(found: Planted, folder: pathlib.Path, name: str) -> pathlib.Path:
    """Writes FOLDER/NAME.csv and its declaration FOLDER/NAME.yaml, and returns the path of the latter."""
    folder.mkdir(parents=True, exist_ok=True)
    columns = {LABEL: found.label.astype(int), PART: found.part}
    columns |= {field: found.values[:, number] for number, field in enumerate(found.names)}
    with stored.replacing(folder / f'{name}.csv') as scratch:
        pl.DataFrame(columns).write_csv(scratch)
    lines = [f'files: {name}.csv', f'label: {LABEL}']
    lines += [f'split: {{column: {{name: {PART}, train: [a], valid: [b], test: [c]}}}}']
    lines += [f'fields: [{", ".join(f"{{name: {field}}}" for field in found.names)}]']
    path = folder / f'{name}.yaml'
    stored.write_text(path, '\n'.join(lines) + '\n')
    return path


def _attributes(rng: np.random.Generator, values: int) -> np.ndarray:
    """Draws hidden attributes of the values of a field, float64 [values], with mean 0 and mean square 1."""
    drawn = rng.normal(size=values)
    drawn -= drawn.mean()
    return drawn / np.sqrt(np.square(drawn).mean())


def _groups(rng: np.random.Generator, fields: int, pairs: int, triples: int) -> list[tuple[int, ...]]:
    """Draws planted groups: triples, then pairs that lie within no triple, all different."""

    def drawn(order: int, count: int, known: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
        free = [
            group
            for group in itertools.combinations(range(fields), order)
            if not any(set(group) <= set(larger) for larger in known)
        ]
        return [free[number] for number in rng.choice(len(free), count, replace=False)]

    found = drawn(3, triples, [])
    return found + drawn(2, pairs, found)
