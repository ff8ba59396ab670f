"""Figure 7 by every kind of evidence: ranks, verdicts and lines of the page."""

import itertools
import json

import numpy as np
import pytest

from autoint_jax.reproduction.paper import evidence
from autoint_jax.reproduction.paper.evidence import KINDS, Strengths

NAMES = ['a', 'b', 'c', 'd']
GROUPS = [group for order in (2, 3) for group in itertools.combinations(NAMES, order)]  # 6 pairs, 4 triples
CLAIMED = [('c', 'a'), ('a', 'b', 'd')]


def made(attention, intervention):
    """Strengths of a run: the given ones of pairs, and 4, 3, 2, 1 for triples."""
    triples = [4.0, 3.0, 2.0, 1.0]
    of = {kind: np.array([*attention, *triples]) for kind in KINDS}
    return Strengths(GROUPS, of | {'intervention': np.array([*intervention, *triples])}, [])


def test_groups_pass_if_they_are_strong_in_every_seed():
    runs = [made([6, 5, 4, 3, 2, 1], [1, 2, 3, 4, 5, 6]), made([1, 6, 5, 4, 3, 2], [1, 2, 3, 4, 5, 6])]
    rows = {(tuple(row['fields']), row['kind']): row for row in evidence.judged(runs, CLAIMED)}
    pair = rows[('a', 'c'), 'attention']
    assert (pair['groups'], pair['ranks_of_seeds'], pair['verdict']) == (6, ['2', '1'], 'PASS')
    assert pair['strength'] == 5.5
    assert (rows[('a', 'c'), 'intervention']['ranks_of_seeds'], rows[('a', 'c'), 'intervention']['verdict']) == (
        ['5', '5'],
        'FAIL',
    )
    triple = rows[('a', 'b', 'd'), 'shapley']
    assert (triple['groups'], triple['ranks_of_seeds'], triple['verdict']) == (4, ['2', '2'], 'FAIL')
    assert {row['verdict'] for row in evidence.judged(runs[:1], CLAIMED)} == {'ONE SEED'}


def test_correlations_are_of_pairs_alone():
    runs = [made([6, 5, 4, 3, 2, 1], [1, 2, 3, 4, 5, 6]), made([6, 5, 4, 3, 2, 1], [1, 2, 3, 4, 5, 6])]
    means = evidence.correlations(runs)
    assert means['seeds']['attention'] == pytest.approx(1) == means['interventions']['intervention']
    assert means['interventions']['attention'] == pytest.approx(-1)
    assert np.isnan(evidence.correlations(runs[:1])['seeds']['attention'])


def test_the_page_shows_ranks_and_values(tmp_path):
    runs = [made([6, 5, 4, 3, 2, 1], [1, 2, 3, 4, 5, 6])]
    value = {'fields': ['a', 'c'], 'values': ['M', '18'], 'rows': 31, 'strength': 0.5, 'low': 0.4, 'high': 0.6}
    record = {
        'dataset': 'made',
        'rows_explained': 1000,
        'split': 'test',
        'seeds': 1,
        'criterion': evidence.CRITERION,
        'rows': evidence.judged(runs, CLAIMED),
        'correlations': {'seeds': dict.fromkeys(KINDS), 'interventions': dict.fromkeys(KINDS, 0.5)},
        'values': [{'seed': 0, **value, 'effect': -0.25, 'of_all': 0.1}],
    }
    (tmp_path / f'{evidence.NAME}_made.json').write_text(json.dumps(record))
    lines = evidence.evidence_lines(tmp_path)
    assert any(line.startswith('| a, c (of 6) | 2 ONE SEED |') for line in lines)
    assert '| between seeds | - | - | - | - | - |' in lines
    assert '| a=M, c=18 | 31 | 0.5000 (0.4000 to 0.6000) | 0.1000 | -0.250 |' in lines
    assert evidence.evidence_lines(tmp_path / 'none') == []
