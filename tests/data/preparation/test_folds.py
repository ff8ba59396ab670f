import numpy as np
import polars as pl
import pytest

from autoint_jax.data.preparation.splits import authors_split, column_split, random_split, stratified_folds, time_split
from autoint_jax.errors import UsageError


def restated(labels, folds, seed):
    """Returns what StratifiedKFold._make_test_folds of scikit-learn 0.19.1 returns, made with lists.

    That is a KFold of each class, all with one seed.
    """
    fold_of = [None] * len(labels)
    for label in sorted(set(labels)):
        rows = [row for row, own in enumerate(labels) if own == label]
        order = np.arange(max(len(rows), folds))
        np.random.RandomState(seed).shuffle(order)
        start = 0
        for fold in range(folds):
            size = len(order) // folds + (fold < len(order) % folds)
            for place in order[start : start + size]:
                if place < len(rows):
                    fold_of[rows[place]] = fold
            start += size
    return fold_of


@pytest.mark.parametrize('rows', [7, 103, 2011])
def test_folds_equal_a_plain_restatement(rows):
    labels = (np.random.default_rng(rows).random(rows) < 0.3).astype(int)
    assert stratified_folds(labels, folds=10, seed=2018).tolist() == restated(labels.tolist(), 10, 2018)


def test_folds_of_a_class_equal_todays_kfold():
    from sklearn.model_selection import KFold  # takes a second, which other workers need not wait for

    labels = (np.random.default_rng(1).random(1009) < 0.25).astype(np.uint8)
    folds = stratified_folds(labels, folds=10, seed=2018)
    for label in (0, 1):
        rows = np.flatnonzero(labels == label)
        for number, (_, test) in enumerate(KFold(10, shuffle=True, random_state=2018).split(rows)):
            assert np.flatnonzero(folds[rows] == number).tolist() == test.tolist()


def test_the_first_fold_is_test_the_second_valid():
    labels = (np.random.default_rng(2).random(503) < 0.4).astype(np.uint8)
    folds = np.array(restated(labels.tolist(), 10, 2018))
    split = authors_split(labels)
    assert (split[folds == 0] == 2).all() and (split[folds == 1] == 1).all() and (split[folds > 1] == 0).all()


def test_a_random_split_is_stratified_and_seeded():
    labels = (np.arange(1000) % 5 == 0).astype(int)
    split = random_split(labels, valid=0.1, test=0.2, seed=3)
    assert [((split == part) & (labels == 1)).sum() for part in (0, 1, 2)] == [140, 20, 40]
    assert [(split == part).sum() for part in (0, 1, 2)] == [700, 100, 200]
    assert (split == random_split(labels, valid=0.1, test=0.2, seed=3)).all()
    assert (split != random_split(labels, valid=0.1, test=0.2, seed=4)).any()


def test_a_split_by_time_puts_the_latest_rows_last_and_keeps_times_together():
    times = np.random.default_rng(5).integers(0, 37, 1009)
    split = time_split(times, valid=0.1, test=0.1)
    assert times[split == 0].max() < times[split == 1].min() and times[split == 1].max() < times[split == 2].min()
    assert 0.1 <= (split == 2).mean() < 0.14 and 0.06 < (split == 1).mean() < 0.14


def test_a_split_by_column_refuses_values_of_no_split():
    of_split = {'train': ['a', 'b'], 'valid': ['c'], 'test': ['d']}
    assert column_split(pl.Series(['d', 'a', 'c', 'b']), of_split).tolist() == [2, 0, 1, 0]
    with pytest.raises(UsageError, match="'e'"):
        column_split(pl.Series(['a', 'b', 'c', 'd', 'e']), of_split)
    with pytest.raises(UsageError, match="holds 'c' in no row, but a split lists it"):
        column_split(pl.Series('part', ['a', 'b', 'd']), of_split)
    with pytest.raises(UsageError, match="'part' holds no value, which is a value of no split, in 2 rows"):
        column_split(pl.Series('part', ['a', None, 'b', None, 'c', 'd']), of_split)
    assert column_split(pl.Series('part', [None, 'c', 'd']), {**of_split, 'train': ['']}).tolist() == [0, 1, 2]
