"""Rules that assign rows to splits: the authors' ten stratified folds, at random, by a column, or by time."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from autoint_jax.data.store.columns import SPLITS
from autoint_jax.errors import UsageError
from autoint_jax.units import counted

TRAIN, VALID, TEST = range(3)  # numbers of SPLITS


def stratified_folds(labels: np.ndarray, *, folds: int, seed: int) -> np.ndarray:
    """Returns the fold of each row, int8 [n], by the rule of scikit-learn 0.19.1.

    It is `StratifiedKFold(folds, shuffle=True, random_state=seed)` there. That version shuffles the rows of each class
    by a generator of its own, all with the same seed, and cuts them into folds whose sizes differ by at most one, the
    larger ones first. Since 0.20.3 the classes share one generator, so newer versions give other folds.
    """
    fold_of = np.zeros(len(labels), np.int8)
    for label in np.unique(labels):
        of_class = labels == label
        rows = np.count_nonzero(of_class)
        order = np.arange(max(int(rows), folds), dtype=np.int32 if rows < 2**31 else np.int64)
        np.random.RandomState(seed).shuffle(order)
        sizes = np.full(folds, len(order) // folds)
        sizes[: len(order) % folds] += 1
        fold_in_order = np.repeat(np.arange(folds, dtype=np.int8), sizes)
        fold_of_class = np.empty(len(order), np.int8)
        fold_of_class[order] = fold_in_order
        fold_of[of_class] = fold_of_class[:rows]  # if a class has fewer rows than folds, some folds have none of it
    return fold_of


def authors_split(labels: np.ndarray) -> np.ndarray:
    """Assigns rows as the authors did: of ten stratified folds (seed 2018) the first is test, the second valid.

    Returns:
      Number of the split of each row, int8 [n].
    """
    fold_of = stratified_folds(labels, folds=10, seed=2018)
    return np.where(fold_of == 0, np.int8(TEST), np.where(fold_of == 1, np.int8(VALID), np.int8(TRAIN)))


def random_split(labels: np.ndarray, *, valid: float, test: float, seed: int) -> np.ndarray:
    """Assigns rows at random: the shares `valid` and `test` of each class, and the rest to train.

    Returns:
      Number of the split of each row, int8 [n].
    """
    split = np.full(len(labels), TRAIN, np.int8)
    rng = np.random.default_rng(seed)
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        ends = [round(test * len(rows)), round((test + valid) * len(rows))]
        split[rows[: ends[0]]] = TEST
        split[rows[ends[0] : ends[1]]] = VALID
    return split


def time_split(times: np.ndarray, *, valid: float, test: float) -> np.ndarray:
    """Assigns rows by time: the latest, the share `test`, to test, the share `valid` before them to valid.

    Rows with the same time stay together.

    Returns:
      Number of the split of each row, int8 [n].
    """
    first_valid, first_test = np.sort(times)[
        [min(int((1 - valid - test) * len(times)), len(times) - 1), min(int((1 - test) * len(times)), len(times) - 1)]
    ]
    return np.where(times >= first_test, TEST, np.where(times >= first_valid, VALID, TRAIN)).astype(np.int8)


def column_split(values: pl.Series, of_split: Mapping[str, Sequence[str]]) -> np.ndarray:
    """Assigns rows by the value of a column.

    Args:
      values: texts [n]; null counts as ''.
      of_split: {split: its values}; no value may belong to two splits.

    Returns:
      Number of the split of each row, int8 [n].

    Raises:
      UsageError: a row has a value that belongs to no split, or no row has a value that a split lists.
    """
    values, wanted = values.fill_null(''), [value for own in of_split.values() for value in own]
    counts = dict(values.filter(values.is_in(wanted)).value_counts().iter_rows())
    other = values.filter(~values.is_in(wanted))
    if len(other):
        first = f'{other[0][:40]!r}' if other[0] else 'no value'
        raise UsageError(
            f'the split column {values.name!r} holds {first}, which is a value of no split, in '
            f'{counted(other.eq(other[0]).sum(), "row")}: list it under one of {_told(of_split)}'
        )
    absent = [value for value in wanted if value not in counts]
    if absent:
        raise UsageError(
            f'the split column {values.name!r} holds {absent[0][:40]!r} in no row, but a split lists it; the '
            f'splits have {_told(of_split)}'
        )
    numbers = [SPLITS.index(name) for name, own in of_split.items() for _ in own]
    return values.replace_strict(wanted, numbers, return_dtype=pl.Int8).to_numpy()


def _told(of_split: Mapping[str, Sequence[str]]) -> str:
    """The splits and their first values, in words."""
    return ', '.join(f'{name} {[value[:40] for value in own[:8]]}' for name, own in of_split.items())
