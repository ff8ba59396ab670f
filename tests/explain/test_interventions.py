"""Interactions by intervention and Shapley interaction values equal their definitions, computed by loops."""

import itertools
import math
import types

import numpy as np
import pytest

from autoint_jax.data.store.columns import Columns
from autoint_jax.explain import counterfactuals, interventions, shapley, strengths
from autoint_jax.explain.effects import Resampled
from autoint_jax.schema import CATEGORICAL, MULTIVALUED, NUMERIC, FieldSpec, Schema

SCHEMA = Schema(
    (
        FieldSpec('a', CATEGORICAL, 5),
        FieldSpec('x', NUMERIC),
        FieldSpec('tags', MULTIVALUED, 7, max_values=2),
        FieldSpec('b', CATEGORICAL, 3),
        FieldSpec('y', NUMERIC),
    )
)
F, ROWS = 5, 7
# The columns of each field: (slots, numeric columns).
PLACES = [([0], []), ([], [0]), ([1, 2], []), ([3], []), ([], [1])]


def columns(seed):
    rng = np.random.default_rng(seed)
    ids = np.stack([rng.integers(0, most, ROWS) for most in (5, 7, 7, 3)], 1).astype(np.int32)
    numeric = rng.choice([np.nan, 0.5, 1.5, 2.5], (ROWS, 2)).astype(np.float32)
    return Columns(ids, numeric, np.zeros(ROWS, np.float32))


def score(rows):
    """A function with interactions of every order."""
    numeric = np.nan_to_num(rows.numeric, nan=-1.0)
    total = rows.ids @ np.array([0.7, 0.3, -0.4, 1.1]) + numeric @ np.array([0.9, -0.6])
    return (np.sin(total) + rows.ids[:, 0] * numeric[:, 1]).astype(np.float32)


def value(explained, row, kept):
    """f(kept): the score of a row with the values of its background row in all other fields."""
    ids, numeric = explained.background.ids[row].copy(), explained.background.numeric[row].copy()
    for field in kept:
        slots, numbers = PLACES[field]
        ids[slots], numeric[numbers] = explained.rows.ids[row][slots], explained.rows.numeric[row][numbers]
    return float(score(Columns(ids[None], numeric[None], np.zeros(1)))[0])


def difference(explained, row, group, context):
    """The mixed difference d(group, context), by its definition."""
    return sum(
        (-1) ** (len(group) - size) * value(explained, row, {*part, *context})
        for size in range(len(group) + 1)
        for part in itertools.combinations(group, size)
    )


@pytest.fixture
def explained():
    return counterfactuals.Explained(SCHEMA, columns(1), columns(2))


def test_differing_fields(explained):
    same = explained.differing
    for row, field in itertools.product(range(ROWS), range(F)):
        slots, numbers = PLACES[field]
        one, other = explained.rows, explained.background
        alike = np.array_equal(one.ids[row][slots], other.ids[row][slots]) and np.array_equal(
            one.numeric[row][numbers], other.numeric[row][numbers], equal_nan=True
        )
        assert same[row, field] != alike
    assert 0 < same.sum() < same.size


@pytest.mark.parametrize('order', [1, 2, 3])
def test_interventions_equal_the_definition(explained, order, monkeypatch):
    monkeypatch.setattr(counterfactuals, 'MOST_ROWS', 60)  # so that rows come in several pieces
    groups, scored = interventions.groups_of(range(F), order), []

    def counted(rows):
        scored.append(len(rows))
        return score(rows)

    pieces = list(interventions.differences(counted, explained, groups))
    assert len(pieces) > 1 and max(scored) <= 60
    strength, effect = (np.concatenate([getattr(piece, name) for piece in pieces]) for name in ('strength', 'effect'))
    for row, (number, group) in itertools.product(range(ROWS), enumerate(groups)):
        others = set(range(F)) - set(group)
        both = [difference(explained, row, group, context) for context in (others, set())]
        assert strength[row, number] == pytest.approx((both[0] ** 2 + both[1] ** 2) / 2, abs=1e-5)
        assert effect[row, number] == pytest.approx(sum(both) / 2, abs=1e-5)
    most = 2 * sum(math.comb(F, size) for size in range(order + 1)) * ROWS
    assert sum(scored) < most  # rows that are equal are not scored again


def test_the_product_of_two_signs():
    """x_1 x_2 at (1, 1) with background (-1, -1): 1 + 1 + 1 + 1 in both contexts, squared (Eq. 5 of the paper)."""
    schema = Schema((FieldSpec('p', NUMERIC), FieldSpec('q', NUMERIC), FieldSpec('r', NUMERIC)))
    one = Columns(np.zeros((1, 0), np.int32), np.ones((1, 3), np.float32), np.zeros(1))
    explained = counterfactuals.Explained(schema, one, Columns(one.ids, -one.numeric, one.labels))

    def product(rows):
        return rows.numeric[:, 0] * rows.numeric[:, 1] + 3 * rows.numeric[:, 2]

    (found,) = interventions.differences(product, explained, [(0, 1), (0, 2), (1, 2)])
    np.testing.assert_array_equal(found.strength, [[16, 0, 0]])
    np.testing.assert_array_equal(found.effect, [[4, 0, 0]])
    (singles,) = interventions.differences(product, explained, [(0,), (1,), (2,)])
    np.testing.assert_array_equal(singles.effect, [[0, 0, 6]])  # the sign of x_1 depends on its context


@pytest.mark.parametrize('order', [1, 2])
def test_shapley_values_equal_the_definition(explained, order):
    groups = interventions.groups_of(range(F), order)
    (found,) = shapley.values(score, explained, groups, 0, 0)
    for row, (number, group) in itertools.product(range(ROWS), enumerate(groups)):
        others = set(range(F)) - set(group)
        wanted = sum(
            math.factorial(size)
            * math.factorial(F - order - size)
            / math.factorial(F - order + 1)
            * difference(explained, row, group, context)
            for size in range(F - order + 1)
            for context in itertools.combinations(sorted(others), size)
        )
        assert found.effect[row, number] == pytest.approx(wanted, abs=1e-5)
    if order == 1:  # they add up to the difference of the two scores
        np.testing.assert_allclose(found.effect.sum(1), score(explained.rows) - score(explained.background), atol=1e-5)


@pytest.mark.parametrize('order', [1, 2])
def test_sampled_values_are_those_in_the_mean(explained, order):
    groups = interventions.groups_of(range(F), order)
    (exact,) = shapley.values(score, explained, groups, 0, 0)
    (sampled,) = shapley.values(score, explained, groups, 4000, 3)
    np.testing.assert_allclose(sampled.effect, exact.effect, atol=0.25)
    assert np.abs(sampled.effect - exact.effect).mean() < 0.05
    few = [next(shapley.values(score, explained, groups, 2, seed)) for seed in range(400)]
    np.testing.assert_allclose(np.mean([one.strength for one in few], 0).mean(), exact.strength.mean(), rtol=0.1)


@pytest.mark.parametrize('kind, order', [('intervention', 1), ('intervention', 2), ('intervention', 3), ('shapley', 2)])
def test_rows_share_their_scores_two_by_two(kind, order, monkeypatch):
    """Each row is the background of its partner; the last of an odd number has the row before it."""
    scored = []

    def counted(rows):
        scored.append(len(rows))
        return score(rows)

    monkeypatch.setattr(strengths, 'score_of', lambda run, scorer: counted)
    run = types.SimpleNamespace(setup=types.SimpleNamespace(schema=SCHEMA))
    groups, rows = interventions.groups_of(range(F), order), columns(1)
    found = list(strengths.by_row(run, None, rows, None, strengths.Asked(kind=kind), groups))
    shared = sum(scored)
    explained = counterfactuals.Explained(SCHEMA, rows, counterfactuals.taken(rows, np.array([1, 0, 3, 2, 5, 4, 5])))
    if kind == 'shapley':
        (wanted,) = shapley.values(counted, explained, groups, 0, 0)
    else:
        (wanted,) = interventions.differences(counted, explained, groups)
    assert [piece.together for piece in found] == [2, 1] and shared < 0.7 * (sum(scored) - shared)
    np.testing.assert_allclose(np.concatenate([piece.strengths for piece in found]), wanted.strength, atol=1e-5)
    np.testing.assert_allclose(np.concatenate([piece.effects for piece in found]), wanted.effect, atol=1e-5)


def test_background_rows_are_other_rows(explained):
    rows = explained.rows
    for one in counterfactuals.with_background(SCHEMA, rows, None, 20, 0):
        same = (one.background.ids == rows.ids).all(1)
        assert not same.any()
    (from_one,) = counterfactuals.with_background(SCHEMA, rows, rows.part(slice(2, 3)), 1, 0)
    assert (from_one.background.ids == rows.ids[2]).all()


def test_intervals_of_means():
    """The interval of the mean of n values has the width that their deviation gives, and sums need no rows."""
    rng = np.random.default_rng(0)
    drawn = rng.normal([1.0, 5.0], [1.0, 0.1], (4000, 2))
    summed = Resampled(2, 0)
    for part in np.split(drawn, 8):
        summed.add(part, -part)
    found = summed.result([('a',), ('b',)])
    np.testing.assert_allclose(found.strength, drawn.mean(0))
    np.testing.assert_allclose(found.effect, -drawn.mean(0))
    np.testing.assert_allclose(found.high - found.low, 2 * 1.96 * drawn.std(0) / np.sqrt(4000), rtol=0.15)
    twice = Resampled(2, 0)
    for part in np.split(drawn, 8):
        twice.add(*np.repeat([part, -part], 2, 1), 2)
    again = twice.result([('a',), ('b',)])  # rows that share their scores tell no more than one of them
    np.testing.assert_allclose([again.low, again.high, again.effect], [found.low, found.high, found.effect])
    assert found.rows == 4000 and found.ranked()['fields'].to_list() == [['b'], ['a']]
