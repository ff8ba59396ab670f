"""Shapley interaction values equal those of shapiq (pip install -e '.[shapiq]'), a maintained package."""

import numpy as np
import pytest

from autoint_jax.data.store.columns import Columns
from autoint_jax.explain import counterfactuals, interventions, shapley
from autoint_jax.schema import CATEGORICAL, NUMERIC, FieldSpec, Schema

F, ROWS = 8, 3
SCHEMA = Schema(
    (
        *(FieldSpec(f'id{number}', CATEGORICAL, 11) for number in range(5)),
        *(FieldSpec(f'number{number}', NUMERIC) for number in range(3)),
    )
)
shapiq = pytest.importorskip('shapiq', reason="shapiq is missing: pip install -e '.[shapiq]'")


def score(columns):
    """A function with interactions of every order."""
    ids, numeric = columns.ids.astype(np.float64), columns.numeric.astype(np.float64)
    total = ids @ np.array([0.3, -0.2, 0.5, 0.1, -0.4]) + numeric @ np.array([0.7, -0.9, 0.4])
    return (np.sin(total) + 0.1 * ids[:, 0] * ids[:, 3] * numeric[:, 1]).astype(np.float32)


def test_interaction_values_equal_those_of_shapiq():
    rng = np.random.default_rng(0)
    ids = np.stack([rng.permutation(11)[: 2 * ROWS] for _ in range(5)], 1).astype(np.int32)  # no two rows are alike
    whole = Columns(ids, rng.normal(size=(2 * ROWS, 3)).astype(np.float32), np.zeros(2 * ROWS, np.float32))
    explained = counterfactuals.Explained(SCHEMA, whole.part(slice(0, ROWS)), whole.part(slice(ROWS, 2 * ROWS)))
    assert explained.differing.all()
    for order in (1, 2, 3):
        groups = interventions.groups_of(range(F), order)
        (found,) = shapley.values(score, explained, groups, 0, 0)
        for row in range(ROWS):

            def game(coalitions, row=row):
                numbers = np.full(len(coalitions), row)
                return counterfactuals.scored(score, explained, numbers, coalitions.astype(bool)).astype(np.float64)

            wanted = shapiq.ExactComputer(game, n_players=F)('SII', order=order)
            np.testing.assert_allclose(found.effect[row], [wanted[group] for group in groups], atol=1e-5)
            assert np.abs(found.effect[row]).max() > 0.01
