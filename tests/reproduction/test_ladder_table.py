"""The table of the ladder from AutoInt to Hiformer, and its lines on the page of results."""

import json
import types

import numpy as np
import pytest
from scipy import stats

from autoint_jax.config.configuration import Config
from autoint_jax.errors import UsageError
from autoint_jax.models.registry import build
from autoint_jax.reproduction import ladder
from autoint_jax.schema import CATEGORICAL, FieldSpec, Schema

AREAS = {'autoint': (0.70, 0.72, 0.71), 'projections': (0.71, 0.731, 0.7205), 'output': (0.70, 0.74, 0.72)}
CHOSEN = {rung: {'optimizer.learning_rate': 1e-3} for rung in AREAS}


def records(areas):
    return [
        types.SimpleNamespace(
            test={'auc': area, 'logloss': 1 - area}, parameters=1234, embedding_parameters=5, run=f'run-{area}'
        )
        for area in areas
    ]


def rows():
    return ladder.table({rung: records(areas) for rung, areas in AREAS.items()}, CHOSEN)


def test_gains_are_paired_by_seed():
    first, own, output = rows()
    assert (first['gain'], first['p'], first['finding'], first['gain_over_autoint']) == (None, None, '', None)
    differences = np.subtract(AREAS['projections'], AREAS['autoint'])
    test = stats.ttest_rel(AREAS['projections'], AREAS['autoint'])
    assert own['gain'] == pytest.approx(differences.mean()) and own['p'] == pytest.approx(test.pvalue)
    low, high = test.confidence_interval(0.95)
    assert (own['gain_low'], own['gain_high']) == pytest.approx((low, high)) and own['finding'] == ladder.PAYS
    assert own['p_holm'] == pytest.approx(5 * own['p']) and output['p_holm'] == pytest.approx(min(1, 4 * output['p']))
    assert output['gain'] == pytest.approx(np.subtract(AREAS['output'], AREAS['projections']).mean())
    assert output['gain_over_autoint'] == pytest.approx(np.subtract(AREAS['output'], AREAS['autoint']).mean())
    assert output['finding'] == ladder.UNDECIDED and output['optimizer.learning_rate'] == 1e-3


def test_a_gain_that_the_correction_takes_away_is_undecided_however_many_rungs_are_complete():
    areas = AREAS | {'projections': (0.71, 0.735, 0.722)}
    _, own, _ = ladder.table({rung: records(of) for rung, of in areas.items()}, CHOSEN)
    assert own['gain_low'] > 0 and own['p'] < 0.05 < own['p_holm'] and own['finding'] == ladder.UNDECIDED
    fewer = {rung: records(areas[rung]) for rung in ('autoint', 'projections')}
    assert ladder.table(fewer, CHOSEN)[1]['finding'] == ladder.UNDECIDED
    fewer = {rung: records(AREAS[rung]) for rung in ('autoint', 'projections')}
    assert ladder.table(fewer, CHOSEN)[1]['finding'] == ladder.PAYS
    worse = {'autoint': fewer['projections'], 'projections': fewer['autoint']}
    assert ladder.table(worse, CHOSEN)[1]['finding'] == ladder.COSTS


def test_one_seed_has_no_interval(tmp_path):
    _, own, _ = made = ladder.table({rung: records(areas[:1]) for rung, areas in AREAS.items()}, CHOSEN)
    assert own['gain'] == pytest.approx(0.01) and own['finding'] == ladder.UNDECIDED
    assert [own[name] for name in ('gain_low', 'gain_high', 'gain_over_autoint_low', 'p')] == 4 * [None]
    about = {'dataset': 'planted_sparse', 'data_rows': 40000, 'seeds': 1, 'trials': 4, 'criterion': ladder.CRITERION}
    record = about | {'not_complete': [], 'rows': made}
    (tmp_path / 'ladder_planted_sparse.json').write_text(json.dumps(record, allow_nan=False))
    assert 'nan' not in '\n'.join(ladder.ladder_lines(tmp_path))


def test_the_best_trial_has_the_lowest_validation_logloss():
    losses = [types.SimpleNamespace(valid={'logloss': loss}) for loss in (0.5, 0.4, 0.45)]
    assert ladder.best_trial('output', [UsageError('diverged'), *losses]) == 2
    with pytest.raises(UsageError, match="all 2 trials of rung 'output' failed, the last one so: diverged"):
        ladder.best_trial('output', [UsageError('too large'), UsageError('diverged')])


def test_every_rung_is_a_model():
    schema = Schema((FieldSpec('a', CATEGORICAL, 3), FieldSpec('b', CATEGORICAL, 5)))
    configs = [ladder.config_of(rung, Config(), {'model.joint_rank': 4}) for rung in ladder.RUNGS]
    models = [build(config.model, schema)[0] for config in configs]
    switches = [sum(model.rungs(model.config)) for model in models]
    assert switches == [0, 1, 2, 3, 4, 4] and [model.TASK_TOKEN for model in models] == 5 * [False] + [True]
    assert [config.model.joint_rank for config in configs] == 4 * [0] + [4, 4]


def test_the_page_says_what_the_record_says(tmp_path):
    about = {'dataset': 'planted_sparse', 'data_rows': 40000, 'seeds': 3, 'trials': 4, 'criterion': ladder.CRITERION}
    record = about | {'not_complete': ['joint', 'hiformer'], 'rows': rows()}
    (tmp_path / 'ladder_planted_sparse.json').write_text(json.dumps(record))
    lines = ladder.ladder_lines(tmp_path)
    text = '\n'.join(lines)
    assert (
        '40,000 rows, 3 seeds, 4 trials for each rung.**' in text
        and 'Not complete: queries, keys and values from all fields; task token' in text
    )
    assert '| AutoInt | 0.7100 ± 0.0100 | | | | | 0.2900 | 1,234 |' in text.replace('|  ', '| ')
    assert '| + projections of each field | 0.7205 ± 0.0105 | +0.0105 |' in text and ' pays |' in text
    assert lines[-1].startswith('The AUC of the last row differs from that of AutoInt by +0.0100 (')
