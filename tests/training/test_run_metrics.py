"""Runs measure the metrics that they name, one of which chooses the best state; a new entry of the table is enough."""

import json

import numpy as np
import pytest
from run_cases import TINY, Told, outcome
from sweep_cases import BASE, opened, task
from trained_cases import data  # noqa: F401

from autoint_jax.config.configuration import replace
from autoint_jax.errors import UsageError
from autoint_jax.evaluation import calibration, ranking
from autoint_jax.evaluation.metric import LOGITS, LOWER, Metric, of_logits
from autoint_jax.evaluation.metrics import METRICS
from autoint_jax.sweeps import report, trials
from autoint_jax.sweeps.status import status
from autoint_jax.sweeps.worker import work
from autoint_jax.training.copies.fitting import fit_copies
from autoint_jax.training.loop import fit
from autoint_jax.training.step import placement, scoring
from autoint_jax.training.step.columns import resident_columns
from autoint_jax.training.trained import open_run

pytestmark = pytest.mark.usefixtures('quick_compilation')
MONITORED = replace(
    TINY,
    {
        'training.monitor': 'group_auc',
        'training.group_by': 'Gender',
        'training.metrics': ('calibration',),
        'training.stop_after_increases': 2,
        'optimizer.learning_rate': 0.05,
    },
)


@pytest.fixture(scope='module')
def alone(data, tmp_path_factory):
    """The folder and the result of a run that was left alone."""
    folder = tmp_path_factory.mktemp('alone')
    return folder, fit(MONITORED, data, folder, Told())


def lines(folder):
    return [json.loads(line) for line in (folder / 'metrics.jsonl').read_text().splitlines()]


def test_the_monitor_chooses_the_best_state_and_ends_training(data, data_dir, alone):
    folder, result = alone
    found = lines(folder)
    areas = [line['valid_group_auc'] for line in found]
    best = found[int(np.argmax(areas))]
    assert result.best_step == best['step'] and result.valid['group_auc'] == max(areas)
    assert best['step'] != min(found, key=lambda line: line['valid_logloss'])['step']
    assert list(result.test) == list(result.valid) == ['auc', 'logloss', 'calibration', 'group_auc']
    assert areas[-3] > areas[-2] > areas[-1] and len(found) < MONITORED.training.epochs

    run, columns = open_run(folder, data_dir, None), data.split('test')
    assert int(run.state.step) == best['step'] and run.figures(columns) == result.test
    scorer = scoring.make_scorer(run.setup, placement.data_mesh())
    logits = scorer(run.state.variables, run.state.tables, resident_columns(columns, placement.data_mesh()))
    assert data.schema.names[0] == 'Gender'
    areas = ranking.group_areas(logits, columns.labels, columns.ids[:, 0])
    assert len(areas.areas) == 2 and result.test['group_auc'] == areas.weighted
    assert result.test['calibration'] == pytest.approx(calibration.calibration(logits, columns.labels), rel=1e-6)


@pytest.mark.slow
def test_a_resumed_run_and_a_copy_obey_the_monitor(data, alone, tmp_path):
    folder, _ = alone
    with pytest.raises(KeyboardInterrupt):
        fit(MONITORED, data, tmp_path / 'resumed', Told(stop_after=3))
    fit(MONITORED, data, tmp_path / 'resumed', Told())
    configs = [MONITORED, replace(MONITORED, {'seed': 1})]
    fit_copies(configs, data, [tmp_path / 'copy', tmp_path / 'other'], Told())
    assert outcome(tmp_path / 'resumed', data, MONITORED) == outcome(folder, data, MONITORED)
    assert lines(tmp_path / 'copy') == lines(folder) != lines(tmp_path / 'other')
    one, other = (json.loads((of / 'result.json').read_text()) for of in (folder, tmp_path / 'copy'))
    assert one['test'] == other['test'] and one['best_step'] == other['best_step']


def test_a_field_that_cannot_group_is_refused_before_anything_is_written(data, tmp_path):
    sentence = "'group_auc' groups rows by .* 'Genre' is not one.*: choose one of Gender, Age"
    with pytest.raises(UsageError, match=sentence):
        fit(replace(MONITORED, {'training.group_by': 'Genre'}), data, tmp_path / 'run', Told())
    assert not (tmp_path / 'run').exists()


def test_an_entry_of_the_table_is_all_that_a_new_metric_needs(data_dir, tmp_path, monkeypatch, capfd):
    """Evaluations, a sweep's objective, its status and its report know a metric that is added here."""

    def brier(logits, labels):
        return float(np.mean((calibration.probabilities(logits) - labels) ** 2))

    monkeypatch.setitem(
        METRICS, 'brier', Metric('brier', 'Brier score', LOWER, LOGITS, of_logits(brier), (0.0, 1.0), 'no row')
    )
    text = "objective = 'valid_brier'\n" + BASE + "training.metrics = ['brier']\n[grid]\nseed = [0, 1]\n"
    folder = opened(tmp_path, text)
    work(task(folder, data_dir), 'worker')
    made = report.report(folder)
    assert made.figures[2::3] == ['valid_brier', 'test_brier']
    best = made.trials[0]
    found = {trial.id: trials.evaluations(folder.of(trial)) for trial in folder.trials()}
    results = {trial.id: trials.result(folder.of(trial)) for trial in folder.trials()}
    assert best['valid_brier'] == min(result.valid['brier'] for result in results.values())
    assert best['test_brier'] == results[best['trial']].test['brier']
    assert all('brier' in evaluation.valid for evaluations in found.values() for evaluation in evaluations)
    run = open_run(folder.of(folder.trials()[0]), data_dir, None)
    columns = run.data.split('test')
    scorer = scoring.make_scorer(run.setup, placement.data_mesh())
    logits = scorer(run.state.variables, run.state.tables, resident_columns(columns, placement.data_mesh()))
    assert results[folder.trials()[0].id].test['brier'] == pytest.approx(brier(logits, columns.labels), rel=1e-6)
    assert status(folder).counts['done'] == 2
    capfd.readouterr()
    report.show(folder, made)
    shown = capfd.readouterr().out
    assert 'by valid_brier' in shown and 'test brier' in shown and f'{best["test_brier"]:.4f}' in shown
    with pytest.raises(UsageError, match="objective = 'valid_brier' takes a metric that evaluations do not have"):
        opened(tmp_path / 'without', "objective = 'valid_brier'\n" + BASE)
