"""Interactions of values equal loops over rows, and rare values do not win by noise."""

import numpy as np
import pytest

from autoint_jax.data.store.columns import Columns
from autoint_jax.data.store.vocabulary import Vocabulary
from autoint_jax.explain.survey import value_groups
from autoint_jax.explain.texts import ValueTexts
from autoint_jax.schema import CATEGORICAL, MULTIVALUED, NUMERIC, FieldSpec, Schema

SCHEMA = Schema(
    (FieldSpec('sex', CATEGORICAL, 3), FieldSpec('tags', MULTIVALUED, 4, max_values=2), FieldSpec('size', NUMERIC))
)
TEXTS = ValueTexts(SCHEMA, {'sex': Vocabulary(('F', 'M')), 'tags': Vocabulary(('old', 'new', 'odd'))})


def rows(count, seed=0):
    rng = np.random.default_rng(seed)
    ids = np.stack([rng.integers(0, 3, count), rng.integers(1, 4, count), rng.choice([0, 3], count)], 1)
    numeric = rng.choice([np.nan, *range(20)], (count, 1))
    return Columns(ids.astype(np.int32), numeric.astype(np.float32), np.zeros(count, np.float32)), rng


def test_values_equal_loops(monkeypatch):
    monkeypatch.setattr(value_groups, 'LEAST_ROWS', 1)
    found_in, rng = rows(97)
    strengths, effects = rng.exponential(1, 97), rng.normal(0, 1, 97)
    found = value_groups.value_groups(SCHEMA, TEXTS, found_in, (0, 1), strengths, effects)
    assert [one.low for one in found] == sorted((one.low for one in found), reverse=True) and len(found) == 9
    for one in found:
        sex, tag = ['(unknown)', 'F', 'M'].index(one.values[0]), ['', 'old', 'new', 'odd'].index(one.values[1])
        own = [row for row in range(97) for slot in (1, 2) if tuple(found_in.ids[row, [0, slot]]) == (sex, tag)]
        assert one.fields == ('sex', 'tags') and one.rows == len(own)
        assert one.strength == pytest.approx(strengths[own].mean()) and one.effect == pytest.approx(effects[own].mean())
        pooled = ((len(own) - 1) * strengths[own].var(ddof=1) + 10 * strengths.var(ddof=1)) / (len(own) + 9)
        half = 1.96 * np.sqrt(pooled / len(own))
        assert (one.low, one.high) == pytest.approx((max(0, one.strength - half), one.strength + half))


def test_numbers_are_parted_by_size():
    found_in, rng = rows(400)
    found = value_groups.value_groups(SCHEMA, TEXTS, found_in, (0, 2), rng.exponential(1, 400), np.zeros(400))
    numbers = found_in.numeric[:, 0]
    edges = np.quantile(numbers[~np.isnan(numbers)], [0.25, 0.5, 0.75])
    texts = [f'{edge:.6g}' for edge in edges]
    wanted = {f'below {texts[0]}', f'{texts[0]} to {texts[1]}', f'{texts[1]} to {texts[2]}', f'from {texts[2]}'}
    assert {one.values[1] for one in found if one.rows > 25} == wanted
    below = sum(one.rows for one in found if one.values[1].startswith('below'))
    assert below == (numbers < edges[0]).sum()


def test_a_planted_value_is_first_and_rare_values_are_not():
    """Twenty thousand values of one row each, some of them very strong by chance, and one of many rows."""
    rng = np.random.default_rng(1)
    schema = Schema((FieldSpec('user', CATEGORICAL, 30_000), FieldSpec('sex', CATEGORICAL, 3)))
    texts = ValueTexts(schema, {'user': Vocabulary(tuple(map(str, range(29_999)))), 'sex': Vocabulary(('F', 'M'))})
    ids = np.stack([rng.integers(100, 20_000, 10_000), rng.integers(1, 3, 10_000)], 1).astype(np.int32)
    ids[:60] = (7, 2)
    strengths = rng.exponential(1, 10_000) ** 2
    strengths[:60] += 3
    found = value_groups.value_groups(
        schema, texts, Columns(ids, np.zeros((10_000, 0)), np.zeros(10_000)), (0, 1), strengths, strengths
    )
    assert found[0].values == ('6', 'M') and found[0].rows == 60 and found[0].low > 1
    assert all(one.rows >= 20 for one in found)
