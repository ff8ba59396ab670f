"""The criteria by which the shape of a curve is judged: depth, embedding sizes and heads."""

from autoint_jax.reproduction.paper import curve_criteria
from autoint_jax.reproduction.paper.published import Figures


def verdicts(criteria):
    return [criterion.verdict for criterion in criteria]


def means(aucs):
    return {value: Figures(auc, 1.2 - auc) for value, auc in aucs.items()}


def test_depth_is_a_jump_a_gain_and_a_plateau():
    as_published = {0: 0.77, 1: 0.84, 2: 0.842, 3: 0.845, 4: 0.8465}

    def judged(**changed):
        return verdicts(
            curve_criteria.depth('kdd12', means(as_published | {int(key[1:]): auc for key, auc in changed.items()}))
        )

    assert judged() == ['PASS'] * 3
    assert judged(_0=0.8340) == ['FAIL', 'PASS', 'PASS']  # 0.0060 with the first layer, 0.0065 later
    assert judged(_0=0.8330) == ['PASS'] * 3
    assert judged(_1=0.76) == ['FAIL', 'PASS', 'PASS']
    assert judged(_3=0.8399, _4=0.8399) == ['PASS', 'FAIL', 'PASS']
    assert judged(_4=0.8471) == judged(_4=0.8429) == judged(_5=0.842) == ['PASS', 'PASS', 'FAIL']
    worse = means(as_published)
    worse[4] = Figures(worse[3].auc, worse[3].logloss + 0.0021)
    assert verdicts(curve_criteria.depth('avazu', worse)) == ['PASS', 'PASS', 'FAIL']  # logloss alone
    assert verdicts(curve_criteria.depth('criteo', means({1: 0.8, 3: 0.81}))) == ['not judged', 'PASS', 'not judged']
    assert verdicts(curve_criteria.depth('frappe_x1', means(as_published))) == ['not judged']


def test_sizes_are_judged_by_data_set():
    falling = means({8: 0.84, 16: 0.845, 24: 0.844, 32: 0.842})
    rising = means({32: 0.843, 8: 0.84, 16: 0.841, 24: 0.841})
    for dataset, ours, expected in (
        ('movielens_1m', falling, ['PASS', 'PASS']),
        ('movielens_1m', rising, ['FAIL', 'FAIL']),
        ('movielens_1m', falling | {32: Figures(0.846, 0.38)}, ['FAIL', 'PASS']),
        ('movielens_1m', falling | {24: Figures(0.844, 0.354)}, ['PASS', 'FAIL']),
        ('kdd12', falling, ['FAIL']),
        ('kdd12', rising, ['PASS']),
        ('criteo', falling, ['not judged']),
    ):
        assert verdicts(curve_criteria.embedding_size(dataset, ours)) == expected, (dataset, ours)
    tie = means({16: 0.845, 24: 0.845})
    assert verdicts(curve_criteria.embedding_size('movielens_1m', tie)) == ['FAIL', 'FAIL']
    (lacking,) = curve_criteria.embedding_size('kdd12', tie)
    assert lacking.passed is None and 'without 8, 32' in lacking.text


def test_heads_and_verdicts_together():
    for aucs, expected in (
        ({1: 0.843, 2: 0.844, 4: 0.8449}, ['PASS', 'PASS']),
        ({1: 0.844, 2: 0.844, 4: 0.83}, ['FAIL', 'PASS']),
        ({1: 0.843, 2: 0.844, 4: 0.8452}, ['PASS', 'FAIL']),
        ({2: 0.844, 4: 0.844, 8: 0.846}, ['not judged', 'FAIL']),
    ):
        assert verdicts(curve_criteria.heads('movielens_1m', means(aucs))) == expected, aucs
    assert [
        curve_criteria.overall([curve_criteria.Criterion('', passed) for passed in found]).verdict
        for found in ([True, True], [True, None], [None, False], [True, False])
    ] == ['PASS', 'not judged', 'FAIL', 'FAIL']
