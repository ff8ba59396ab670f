"""How well planted groups are found, and the page about it."""

import itertools
import json

import numpy as np
import pytest

from autoint_jax.reproduction import faithfulness


def test_detection_is_the_share_of_ordered_pairs():
    strengths = {('a', 'b'): 3.0, ('a', 'c'): 1.0, ('b', 'c'): 2.0, ('b', 'd'): 1.0}
    assert faithfulness.detection(strengths, {('a', 'b'), ('b', 'c')}) == (1.0, True)
    assert faithfulness.detection(strengths, {('a', 'b'), ('a', 'c')}) == ((2 + 0 + 0.5) / 4, False)


def test_a_tie_is_not_first():
    assert faithfulness.detection({('a',): 1.0, ('b',): 1.0}, {('a',)}) == (0.5, False)


def test_triples_are_means_of_their_pairs():
    names = 'abcd'
    pairs = {pair: float(number**2) for number, pair in enumerate(itertools.combinations(names, 2))}
    found = faithfulness.of_triples(pairs)
    assert list(found) == list(itertools.combinations(names, 3))
    assert found['a', 'c', 'd'] == pytest.approx((pairs['a', 'c'] + pairs['a', 'd'] + pairs['c', 'd']) / 3)


def run(seed, auc, first):
    figures = {'auc': auc, 'first': first}
    return {
        'strength': 1.0,
        'density': 'sparse',
        'model': 'autoint, paper',
        'seed': seed,
        'test_auc': 0.7 + seed / 100,
        'best_auc': 0.8,
        'found': {order: dict.fromkeys(('intervention', 'attention'), figures) for order in ('2', '3')},
    }


def test_the_summary_and_its_page(tmp_path):
    rows = faithfulness.summary([run(seed, 1.0 - seed / 10, seed == 0) for seed in range(3)])
    assert [(row['order'], row['kind']) for row in rows] == [
        *((2, kind) for kind in ('intervention', 'attention')),
        *((3, kind) for kind in ('intervention', 'attention')),
    ]
    row = rows[0]
    assert row['auc'] == pytest.approx(0.9) and (row['first'], row['seeds']) == (1, 3)
    assert 0.8 <= row['low'] < 0.9 < row['high'] <= 1 and row['test_auc'] == pytest.approx(0.71)
    (tmp_path / 'faithfulness.json').write_text(json.dumps({'criterion': 'All', 'verdict': 'FAIL', 'rows': rows}))
    lines = faithfulness.faithfulness_lines(tmp_path)
    cell = f'0.900 ({row["low"]:.3f}, {row["high"]:.3f}), 1'
    assert (
        lines[0] == 'All: FAIL.' and f'| 1 | sparse | `autoint, paper` | {cell} | {cell} | 0.7100 | 0.8000 |' in lines
    )
    assert '- `attention`: pairs: AUC 0.900 to 0.900, all first in 1 of 3 runs; triples' in '\n'.join(lines)


def test_intervals_are_those_of_the_mean():
    values = np.random.default_rng(0).normal(size=400).tolist()
    low, high = faithfulness.interval(values)
    assert high - low == pytest.approx(2 * 1.96 * np.std(values) / 20, rel=0.1)
    assert low < np.mean(values) < high
