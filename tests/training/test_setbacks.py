"""Runs with training rules, whose learning rates are lowered on plateaus: alone, interrupted, and as copies."""

import json

import numpy as np
import pytest
from run_cases import TINY, Told, outcome

from autoint_jax.config.configuration import Config, replace
from autoint_jax.config.copies import copies
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.errors import UsageError
from autoint_jax.evaluation.evaluation import Evaluation
from autoint_jax.training import setbacks
from autoint_jax.training.copies.fitting import fit_copies
from autoint_jax.training.loop import fit

pytestmark = pytest.mark.usefixtures('quick_compilation')

RULES = replace(
    TINY,
    {
        'training.epochs': 20,
        'training.monitor': 'auc_minus_logloss',
        'training.stop_patience': 3,
        'optimizer.tables': 'deferred_adam',
        'optimizer.learning_rate': 0.3,
        'optimizer.tables_learning_rate': 0.2,
        'optimizer.schedule': 'linear',
        'optimizer.warmup_steps': 3,
        'optimizer.schedule_steps': 30,
        'optimizer.final_fraction': 0.5,
        'optimizer.plateau_factor': 0.1,
        'optimizer.clip_norm': 0.05,
        'optimizer.row_clip': 0.5,
        'optimizer.weight_decay': 0.1,
        'optimizer.l2_rows': 0.01,
        'optimizer.l2_params': 0.01,
        'training.positive_weight': 2.0,
        'training.negatives_kept': 0.8,
    },
)


@pytest.fixture(scope='module')
def data(data_dir):
    return open_prepared(data_dir, 'movielens_1m', 'autoint_all_rows')


@pytest.fixture(scope='module')
def alone(data, tmp_path_factory):
    folder, told = tmp_path_factory.mktemp('alone'), Told()
    fit(RULES, data, folder, told)
    return folder, told


def evaluations(folder):
    return [json.loads(line) for line in (folder / 'metrics.jsonl').read_text().splitlines()]


def test_the_log_says_where_the_rate_was_lowered_and_patience_ends_the_run(alone):
    folder, told = alone
    figures = [one['valid_auc_minus_logloss'] for one in evaluations(folder)]
    worse = [step for step in range(1, len(figures)) if figures[step] <= max(figures[:step])]
    said = [sentence for sentence in told.said if 'optimizer.plateau_factor' in sentence]
    assert len(said) == len(worse) >= 2
    assert said[0] == (
        f'1 evaluation without a better AUC - logloss: from step {4 * worse[0] + 4} on the learning rate before its '
        'schedule is 0.03 (tables: 0.02) (optimizer.plateau_factor)'
    )
    assert any(sentence.startswith('the learning rate 0.3 rises from 0 in 3 steps') for sentence in told.said)
    best = figures.index(max(figures))
    assert len(figures) == best + 4 < 20  # three evaluations after the best one
    assert json.loads((folder / 'result.json').read_text())['best_step'] == 4 * best + 4


def test_a_run_goes_on_with_the_lowered_rate(data, alone, tmp_path):
    folder, told = alone
    for moment in (2, 3, None):
        again = Told(stop_after=moment)
        if moment is None:
            fit(RULES, data, tmp_path, again)
        else:
            with pytest.raises(KeyboardInterrupt):
                fit(RULES, data, tmp_path, again)
    assert outcome(tmp_path, data, RULES) == outcome(folder, data, RULES)


def test_each_copy_lowers_its_own_rate(data, alone, tmp_path):
    configs = copies(replace(RULES, {'replicas.learning_rate': (0.3, 0.001)}))
    folders, told = [tmp_path / 'one', tmp_path / 'other'], Told()
    fit_copies(configs, data, folders, told)
    one, other = ([line['valid_logloss'] for line in evaluations(folder)] for folder in folders)
    own = [line['valid_logloss'] for line in evaluations(alone[0])]
    assert one == own != other
    for copy in ('seed=0 learning_rate=0.3', 'seed=0 learning_rate=0.001'):
        assert any(said.startswith(f'{copy}  1 evaluation without a better') for said in told.said)


def test_lowered_rates_follow_from_the_evaluations():
    def after(*loglosses):
        return [Evaluation(step, 1.0, 0.5, {'logloss': loss}) for step, loss in enumerate(loglosses, start=1)]

    config = replace(
        Config(),
        {
            'optimizer.learning_rate': 0.5,
            'optimizer.plateau_factor': 0.1,
            'optimizer.plateau_patience': 2,
            'optimizer.plateau_least': 0.05,
        },
    )
    for losses, left in [((), 1), ((3, 4), 1), ((3, 4, 4), 0.1), ((3, 4, 4, 4), 0.1), ((3, 4, 4, 4, 4), 0.05)]:
        found = setbacks.lowered_rates(config, after(*losses))
        assert found == {'learning_rate': np.float32(0.5 * left), 'tables_learning_rate': np.float32(0.5 * left)}
    assert 'from step 3 on the learning rate is 0.05' in setbacks.sentence(config, after(3, 4, 4))
    assert setbacks.sentence(config, after(3, 4, 4, 4)) == '' == setbacks.sentence(config, after())
    assert setbacks.lowered_rates(Config(), after(3, 4, 4)) == {}


@pytest.mark.parametrize('patience, waited, never', [(2, 1, False), (2, 2, True), (1, 3, True), (0, 3, False)])
def test_a_plateau_that_early_stopping_comes_before_is_named(patience, waited, never):
    rules = {'training.stop_patience': patience, 'optimizer.plateau_factor': 0.5, 'optimizer.plateau_patience': waited}
    said = setbacks.too_late(replace(Config(), rules))
    assert said.startswith(f'training.stop_patience={patience} ends the run before a plateau') == never == bool(said)
    assert setbacks.too_late(replace(Config(), {'training.stop_patience': 1})) == ''


@pytest.mark.parametrize(
    'options, named',
    [
        ({'plateau_factor': 1.0}, 'optimizer.plateau_factor.*below 1'),
        ({'plateau_factor': 0.1, 'plateau_patience': 0}, 'optimizer.plateau_patience.*at least 1'),
        ({'plateau_patience': 2}, 'optimizer.plateau_patience.*1 without optimizer.plateau_factor'),
        ({'plateau_least': 0.1}, 'optimizer.plateau_least.*0 without optimizer.plateau_factor'),
        (
            {'plateau_factor': 0.1, 'plateau_least': 1.0},
            r"'optimizer.plateau_least' is 1.0, but must be below 1 with optimizer.plateau_factor \(0.1\)",
        ),
    ],
)
def test_plateaus_that_mean_nothing_are_refused(options, named):
    with pytest.raises(UsageError, match=named):
        replace(Config(), {f'optimizer.{name}': value for name, value in options.items()})


@pytest.mark.slow
def test_copies_that_differ_in_rules_are_what_they_are_alone(data, tmp_path):
    """Off in one copy and on in another."""
    base = replace(TINY, {'training.epochs': 2, 'optimizer.tables': 'deferred_adam'})
    lists = {
        'replicas.clip_norm': (0.0, 0.05),
        'replicas.weight_decay': (0.0, 0.1),
        'replicas.tables_learning_rate': (0.0, 0.03),
    }
    configs = copies(replace(base, lists))
    folders = [tmp_path / str(number) for number in range(len(configs))]
    results = fit_copies(configs, data, folders, Told())
    assert len({result.test['logloss'] for result in results}) == len(configs) == 8
    for number in (0, 3, 6):
        alone = tmp_path / f'alone{number}'
        fit(configs[number], data, alone, Told())
        assert (alone / 'metrics.jsonl').read_text() == (folders[number] / 'metrics.jsonl').read_text()
