"""The sentences follow from the figures, at both sides of every limit."""

import numpy as np
import pytest

from autoint_jax.evaluation.quality import Curve
from autoint_jax.explain.effects import Effects
from autoint_jax.explain.findings import AttentionFindings, AttentionGroup, Permuted
from autoint_jax.explain.pairs import rank_matrix
from autoint_jax.explain.survey import verdicts
from autoint_jax.explain.survey.attention_groups import agreement
from autoint_jax.explain.survey.replacement_curves import RANDOM, Replaced

NONE = Curve(np.arange(3.0), np.zeros(3))


def attention(low, high):
    maps = np.full((1, 1, 3, 3), (low + high) / 2)
    maps[0, 0, 0, 1], maps[0, 0, 1, 0] = low, high
    return AttentionFindings(['layer 1'], 1 / 3, [AttentionGroup('all rows', 9, maps)], None)


def test_nearly_uniform_attention_is_named():
    (even,), (uneven,) = verdicts.of_maps(attention(0.3, 0.36)), verdicts.of_maps(attention(0.1, 0.6))
    assert even == (
        'Mean attention between different fields is nearly uniform: its weights lie between 0.300 and 0.360, where '
        '0.333 is uniform.'
    )
    assert uneven.startswith('Mean attention tells fields apart: its weights lie between 0.100 and 0.600')


def test_kinds_are_compared_with_interventions():
    matrix = np.array([[1, 0, 0, 0.12], [0, 1, 0, 0.55], [0, 0, 1, 0.93], [0.12, 0.55, 0.93, 1]])
    found = verdicts.of_correlations(['attention', 'rollout', 'shapley', 'intervention'], matrix)
    assert found == [
        'Attention ranks pairs otherwise than interventions do (rank correlation 0.12): do not read it as the strength '
        'of interactions.',
        'Rollout ranks pairs only in part as interventions do (rank correlation 0.55): check a pair by interventions '
        'before you believe it.',
        'Shapley interaction values rank pairs as interventions do (rank correlation 0.93).',
    ]


def test_orders_of_fields_are_judged_by_their_gain():
    rng, gains = np.random.default_rng(0), {'attention': 0.0, 'rollout': -1.0, 'gradient': 0.3, 'intervention': 1.0}
    noise = rng.normal(0, 0.1, 400)
    found = {kind: Replaced(NONE, NONE, gain + noise - noise.mean()) for kind, gain in gains.items()}
    found[RANDOM] = Replaced(NONE, NONE, np.zeros(400))
    starts = [
        'Attention does not find the fields that matter to a prediction (+0.000',
        'Rollout misleads: fields ranked first matter less (-1.000',
        'Gradient times attention finds the fields that matter to a prediction only in part (+0.300 logits against a ',
        'Interventions find the fields that matter to a prediction (+1.000 logits against a random order, ± 0.010).',
    ]
    for sentence, start in zip(verdicts.of_curves(found), starts, strict=True):
        assert sentence.replace('-0.000', '+0.000').startswith(start)
    assert verdicts.of_curves(found)[2].endswith(': 30% of what interventions find.')
    one = Curve(np.arange(2.0), np.zeros(2))  # of a single field
    assert verdicts.of_curves({'intervention': Replaced(one, one, np.zeros(5))}) == []


def test_the_strongest_pairs_are_compared_by_what_the_auc_loses():
    groups = [('a', 'b'), ('a', 'c'), ('b', 'c')]

    def effects(*low):
        """The pair (a, c) has the largest strength always, by noise."""
        return Effects(groups, np.array(low) + [0, 5, 0], np.array(low), *[np.zeros(3)] * 2, 9)

    pairs = {
        'attention': effects(1, 0, 0),
        'rollout': effects(0, 1, 0),
        'shapley': effects(0, 0, 1),
        'intervention': effects(0, 0, 2),
    }
    losses = [
        Permuted(('b', 'c'), 0.05, 0.04, 0.06, 0.045),
        Permuted(('a', 'b'), 0.01, 0.0, 0.02, 0.0),
        Permuted(('a', 'c'), 0.04, 0.03, 0.05, 0.0),
    ]
    assert verdicts.of_permuted(pairs, losses) == [
        'To permute the pair that interventions hold to be the strongest, b and c, costs 0.0500 (0.0400 to 0.0600) of '
        'AUC; its two fields one by one cost 0.0450 in sum.',
        'To permute the strongest pair by attention, a and b, costs 0.0100 (0.0000 to 0.0200): attention misleads '
        'about what the model needs.',
        'To permute the strongest pair by rollout, a and c, costs 0.0400 (0.0300 to 0.0500).',
        'Shapley interaction values hold the same pair to be the strongest.',
    ]
    assert verdicts.of_permuted(pairs, []) == []


def test_rankings_of_one_seed_are_doubted():
    one, other = verdicts.of_seeds({'attention': 0.2, 'intervention': 0.9, 'rollout': float('nan')}, 5)
    assert one == (
        'Attention of one run ranks pairs otherwise than that of the other runs (5 runs, mean rank correlation 0.20): '
        'a ranking from one run is not to be believed.'
    )
    assert other == (
        'Interventions of one run rank pairs as those of the other runs (5 runs, mean rank correlation 0.90).'
    )
    assert verdicts.of_seeds(None, 1) == []


def test_agreement_is_spearmans_of_different_fields():
    maps = np.random.default_rng(3).random((3, 2, 2, 4, 4))  # runs, layers, heads, f, g
    found = agreement(['r', 's', 't'], list(maps))
    assert found.of == ['layer 1', 'layer 2', 'mean of layers'] and found.correlations.shape == (3, 3, 3)
    apart = ~np.eye(4, dtype=bool)
    for number, own in enumerate([maps[:, 0], maps[:, 1], maps.mean(1)]):
        ranks = [np.argsort(np.argsort(run.mean(0)[apart])) for run in own]
        naive = 1 - 6 * np.sum((ranks[0] - ranks[2]) ** 2) / (12 * (12**2 - 1))
        assert found.correlations[number, 0, 2] == pytest.approx(naive)
    assert np.isnan(rank_matrix(np.array([[1, 1, 1], [1, 2, 3]]))[0, 1])
    np.testing.assert_array_equal(rank_matrix(np.zeros((2, 1))), [[1, np.nan], [np.nan, 1]])
    assert verdicts.of_correlations(['attention', 'intervention'], rank_matrix(np.zeros((2, 1)))) == []
