"""Bodies of answers: JSON that says every score exactly."""

import json

import numpy as np
import pytest

from autoint_jax.serving.requests import answer
from autoint_jax.serving.scorer import Scores


def test_an_answer_says_every_number_of_float32_exactly():
    bits = np.random.default_rng(3).integers(0, 2**32, 20_000, dtype=np.uint32)
    values = np.concatenate([bits.view(np.float32), np.float32([0, 1, 100, 123456789, 1e-45, 3e38])])
    values = values[np.isfinite(values)]
    said = json.loads(answer(Scores(values, values[::-1], ['a"b'])))
    assert set(said) == {'probabilities', 'logits', 'ignored'} and said['ignored'] == ['a"b']
    np.testing.assert_array_equal(np.float32(said['logits']).view(np.uint32), values.view(np.uint32))
    np.testing.assert_array_equal(np.float32(said['probabilities']), values[::-1])
    assert json.loads(answer(Scores(values[:0], values[:0], []))) == {'probabilities': [], 'logits': []}


@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_a_score_that_is_not_finite_is_a_defect(value):
    with pytest.raises(ValueError, match='not finite'):
        answer(Scores(np.float32([1, value]), np.float32([1, 1]), []))
