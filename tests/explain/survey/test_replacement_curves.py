"""Deletion and insertion curves and losses of AUC equal loops, and tell a right order from a wrong one."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from autoint_jax.data.store.columns import Columns
from autoint_jax.explain.counterfactuals import with_background
from autoint_jax.explain.survey.permutation import permuted
from autoint_jax.explain.survey.replacement_curves import RANDOM, curves
from autoint_jax.schema import CATEGORICAL, NUMERIC, FieldSpec, Schema

SCHEMA = Schema(
    (FieldSpec('a', CATEGORICAL, 5), FieldSpec('x', NUMERIC), FieldSpec('b', CATEGORICAL, 5), FieldSpec('y', NUMERIC))
)
ROWS = 60


def columns(rows=ROWS, seed=1):
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, 5, (rows, 2)).astype(np.int32)
    return Columns(ids, rng.normal(size=(rows, 2)).astype(np.float32), (rng.random(rows) < 0.4).astype(np.float32))


def score(rows):
    """Field a matters much, x some, b little, and y not at all; a and x interact."""
    return (3 * rows.ids[:, 0] + (1 + rows.ids[:, 0]) * rows.numeric[:, 0] + 0.1 * rows.ids[:, 1]).astype(np.float32)


def swapped(rows, background, row, fields):
    """A row with the values of its background row in some fields."""
    ids, numeric = rows.ids[row].copy(), rows.numeric[row].copy()
    for field in fields:
        kind, place = ((ids, 0), (numeric, 0), (ids, 1), (numeric, 1))[field]
        kind[place] = (background.ids if kind is ids else background.numeric)[row, place]
    return score(Columns(ids[None], numeric[None], np.zeros(1)))[0]


def test_curves_equal_loops():
    rows, rng = columns(), np.random.default_rng(2)
    importance = {'some': rng.random((ROWS, 4)), RANDOM: rng.random((ROWS, 4))}
    found = curves(score, SCHEMA, rows, importance, 5)
    (explained,) = with_background(SCHEMA, rows, None, 1, 5)
    own, areas = score(rows), {}
    for kind, values in importance.items():
        deletion, insertion = np.zeros((ROWS, 5)), np.zeros((ROWS, 5))
        for row in range(ROWS):
            order = sorted(range(4), key=lambda field: -values[row, field])
            for count in range(5):
                without = swapped(rows, explained.background, row, order[:count])
                begun = swapped(rows, explained.background, row, order[count:])
                deletion[row, count], insertion[row, count] = abs(own[row] - without), abs(own[row] - begun)
        np.testing.assert_allclose(found[kind].deletion.y, deletion.mean(0), atol=1e-5)
        np.testing.assert_allclose(found[kind].insertion.y, insertion.mean(0), atol=1e-5)
        np.testing.assert_array_equal(found[kind].deletion.x, np.arange(5))
        areas[kind] = (deletion - insertion).mean(1)
    np.testing.assert_allclose(found['some'].gain, areas['some'] - areas[RANDOM], atol=1e-5)
    assert (found[RANDOM].gain == 0).all()


def test_a_right_order_gains_and_a_wrong_one_loses():
    rows, rng = columns(400), np.random.default_rng(2)
    right = np.tile([3.0, 2.0, 1.0, 0.0], (400, 1))
    found = curves(score, SCHEMA, rows, {'right': right, 'wrong': -right, RANDOM: rng.random((400, 4))}, 0)
    assert found['right'].gain.mean() > 0.5 and found['wrong'].gain.mean() < -0.5
    assert found['right'].deletion.y[1] > 5 * found['wrong'].deletion.y[1]


def test_losses_equal_loops():
    rows = columns(500, 3)
    rows = Columns(rows.ids, rows.numeric, (score(rows) + np.random.default_rng(4).normal(size=500) > 6).astype(float))
    groups = [(0, 1), (0, 2), (1, 3), (2, 3)]
    found = permuted(score, SCHEMA, rows, groups, 9)
    order = np.random.default_rng((2001, 9)).permutation(500)
    background = Columns(rows.ids[order], rows.numeric[order], rows.labels)

    def loss(fields):
        changed = [swapped(rows, background, row, fields) for row in range(500)]
        return roc_auc_score(rows.labels, score(rows)) - roc_auc_score(rows.labels, changed)

    for one, group in zip(found, groups, strict=True):
        assert one.fields == tuple(SCHEMA.names[field] for field in group)
        assert one.loss == pytest.approx(loss(group)) and one.alone == pytest.approx(sum(loss((own,)) for own in group))
        assert one.low <= one.loss <= one.high
    assert found[0].loss > found[1].loss > found[2].loss > found[3].loss and abs(found[3].loss) < 0.01
