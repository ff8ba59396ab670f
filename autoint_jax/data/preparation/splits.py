"""Which split each row belongs to: the authors' stratified ten folds, and other random, by-column and by-time splits."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from autoint_jax.data.store.columns import SPLITS
from autoint_jax.errors import UsageError

TRAIN, VALID, TEST = range(3)  # numbers of SPLITS


def stratified_folds(labels: np.ndarray, *, folds: int, seed: int) -> np.ndarray:
    """Fold of each row, int8 [n]: `StratifiedKFold(folds, shuffle=True, random_state=seed)` of scikit-learn 0.19.1.

    That version shuffles the rows of every class by a generator of its own, each started from the same seed, and cuts
    them into folds whose sizes differ by one at most, the larger ones first. (Since 0.20.3 the classes share one
    generator, so newer versions give other folds.)
    """
    fold_of = np.zeros(len(labels), np.int8)
    for label in np.unique(labels):
        of_class = labels == label
        rows = np.count_nonzero(of_class)
        order = np.arange(max(rows, folds), dtype=np.int32 if rows < 2**31 else np.int64)
        np.random.RandomState(seed).shuffle(order)
        sizes = np.full(folds, len(order) // folds)
        sizes[: len(order) % folds] += 1
        fold_in_order = np.repeat(np.arange(folds, dtype=np.int8), sizes)
        fold_of_class = np.empty(len(order), np.int8)
        fold_of_class[order] = fold_in_order
        fold_of[of_class] = fold_of_class[:rows]  # a class of fewer rows than folds leaves folds without it
    return fold_of


def authors_split(labels: np.ndarray) -> np.ndarray:
    """Number of the split of each row, int8 [n]: fold 1 of ten is test, fold 2 valid, the rest train; seed 2018."""
    fold_of = stratified_folds(labels, folds=10, seed=2018)
    return np.where(fold_of == 0, np.int8(TEST), np.where(fold_of == 1, np.int8(VALID), np.int8(TRAIN)))


def random_split(labels: np.ndarray, *, valid: float, test: float, seed: int) -> np.ndarray:
    """Shares `valid` and `test` of each class, drawn at random; the rest is train. int8 [n]."""
    split = np.full(len(labels), TRAIN, np.int8)
    rng = np.random.default_rng(seed)
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        ends = [round(test * len(rows)), round((test + valid) * len(rows))]
        split[rows[: ends[0]]] = TEST
        split[rows[ends[0] : ends[1]]] = VALID
    return split


def time_split(times: np.ndarray, *, valid: float, test: float) -> np.ndarray:
    """The latest share `test` is test, the share `valid` before it valid; rows of one time stay together. int8 [n]."""
    first_valid, first_test = np.sort(times)[
        [min(int((1 - valid - test) * len(times)), len(times) - 1), min(int((1 - test) * len(times)), len(times) - 1)]
    ]
    return np.where(times >= first_test, TEST, np.where(times >= first_valid, VALID, TRAIN)).astype(np.int8)


def column_split(values: pl.Series, of_split: Mapping[str, Sequence[str]]) -> np.ndarray:
    """Rows by the value of a column, int8 [n].

    Args:
      values: texts [n]; null is ''.
      of_split: split -> its values, each of one split only.

    Raises UsageError on a value that no split has, and on one of a split that no row has.
    """
    values, wanted = values.fill_null(''), [value for own in of_split.values() for value in own]
    counts = dict(values.filter(values.is_in(wanted)).value_counts().iter_rows())
    other = values.filter(~values.is_in(wanted))
    if len(other):
        first = f'{other[0][:40]!r}' if other[0] else 'no value'
        raise UsageError(
            f'the split column {values.name!r} holds {first}, which is a value of no split, in '
            f'{other.eq(other[0]).sum():,} rows: list it under one of {_told(of_split)}'
        )
    absent = [value for value in wanted if value not in counts]
    if absent:
        raise UsageError(
            f'the split column {values.name!r} holds {absent[0][:40]!r} in no row, though a split lists it; the '
            f'splits have {_told(of_split)}'
        )
    numbers = [SPLITS.index(name) for name, own in of_split.items() for _ in own]
    return values.replace_strict(wanted, numbers, return_dtype=pl.Int8).to_numpy()


def _told(of_split: Mapping[str, Sequence[str]]) -> str:
    return ', '.join(f'{name} {[value[:40] for value in own[:8]]}' for name, own in of_split.items())
