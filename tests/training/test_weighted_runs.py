"""Runs on rows with weights and soft labels: every way of training and of going on gives the same figures."""

import json

import numpy as np
import polars as pl
import pytest
from run_cases import TINY, Told, outcome
from sweep_cases import BASE, opened, task

from autoint_jax.config.configuration import replace
from autoint_jax.data.datasets.dataset import Options
from autoint_jax.data.datasets.registry import prepare_own
from autoint_jax.data.preparation.progress import SilentPreparation
from autoint_jax.errors import UsageError
from autoint_jax.evaluation.weighted import weighted_auc, weighted_logloss
from autoint_jax.scoring.predictor import Predictor
from autoint_jax.sweeps.worker_task import check_data
from autoint_jax.training.copies.fitting import fit_copies
from autoint_jax.training.loop import fit
from autoint_jax.training.step import placement, scoring
from autoint_jax.training.step.columns import resident_columns
from autoint_jax.training.trained import open_run, open_scorer

pytestmark = pytest.mark.usefixtures('quick_compilation')
CONFIG = replace(
    TINY,
    {
        'data.dataset': 'csv',
        'data.recipe': 'mine',
        'training.batch_size': 16,
        'execution.slice_rows': 16,
        'training.epochs': 4,
        'training.monitor': 'weighted_logloss',
        'optimizer.tables': 'deferred_adam',
    },
)
DECLARATION = """
files: t.csv
label: {column: p, soft: true, above: 0.4}
weight: w
split: {column: {name: part, train: [a], valid: [b], test: [c]}}
fields: [{name: city}, {name: x, kind: numeric}]
"""


def prepared(folder, *, one_class=''):
    """Writes a table, prepares it, and returns the data. Positive rows of the part `one_class` weigh 0."""
    rng, lines = np.random.default_rng(0), ['p,w,part,city,x']
    for number in range(120):
        city, part = rng.integers(0, 5), 'aabac'[number % 5]
        soft = np.clip(0.15 * city + 0.2 * rng.random(), 0, 1)
        weight = 0 if part == one_class and soft > 0.4 else rng.exponential()
        lines.append(f'{soft:.3f},{weight:.3f},{part},c{city},{rng.random():.3f}')
    (folder / 't.csv').write_text('\n'.join(lines) + '\n')
    (folder / 'mine.yaml').write_text(DECLARATION)
    return prepare_own(folder / 'mine.yaml', None, folder / 'out', Options())


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp('weighted'))


@pytest.fixture(scope='module')
def alone(data, tmp_path_factory):
    """The folder of a run that was left alone, and what it said."""
    folder, told = tmp_path_factory.mktemp('alone'), Told()
    fit(CONFIG, data, folder, told)
    return folder, told


def test_the_log_and_the_record_say_what_counts(data, alone):
    folder, told = alone
    said = next(sentence for sentence in told.said if sentence.startswith('the training loss is not the mean log loss'))
    assert 'by its weight in the data' in said and 'labels are soft' in said
    test = json.loads((folder / 'result.json').read_text())['test']
    assert set(test) == {'auc', 'logloss', 'weighted_auc', 'weighted_logloss'}
    run, columns = open_run(folder, str(data.folder.parents[1]), None), data.split('test')
    scorer = scoring.make_scorer(run.setup, placement.data_mesh())
    logits = scorer(run.state.variables, run.state.tables, resident_columns(columns, placement.data_mesh()))
    ones = np.ones(len(columns))
    for name, weights in (('logloss', ones), ('weighted_logloss', columns.row_weights)):
        assert test[name] == pytest.approx(weighted_logloss(logits, columns.soft_labels, weights), rel=1e-6)
    for name, weights in (('auc', ones), ('weighted_auc', columns.row_weights)):
        assert test[name] == pytest.approx(weighted_auc(logits, columns.labels, weights), rel=1e-6)


def test_a_monitor_or_objective_that_is_not_defined_is_refused_before_anything_is_written(tmp_path):
    data, config = prepared(tmp_path, one_class='b'), replace(CONFIG, {'training.monitor': 'weighted_auc'})
    undefined = r'is not defined on the validation split \(no weights of both classes\): choose another metric, or'
    with pytest.raises(UsageError, match=f'^training.monitor=weighted_auc {undefined}'):
        fit(config, data, tmp_path / 'run', Told())
    with pytest.raises(UsageError, match=f'^training.monitor=weighted_auc {undefined}'):
        fit_copies([config, replace(config, {'seed': 1})], data, [tmp_path / 'run', tmp_path / 'other'], Told())
    assert not (tmp_path / 'run').exists() and not (tmp_path / 'other').exists()
    text = "objective = 'valid_weighted_auc'\n" + BASE + "data.dataset = 'csv'\ndata.recipe = 'mine'\n"
    folder = opened(tmp_path, text + "training.metrics = ['weighted_auc']\n[grid]\nseed = [0, 1]\n")
    with pytest.raises(UsageError, match=f"^objective = 'valid_weighted_auc' {undefined}"):
        check_data(task(folder, data.folder.parents[1]))


def test_a_sweep_by_weights_that_the_data_lacks_is_refused(tmp_path, data_dir):
    text = "objective = 'valid_weighted_auc'\n" + BASE + "training.metrics = ['weighted_auc']\n[grid]\nseed = [0, 1]\n"
    with pytest.raises(
        UsageError, match="'weighted_auc' needs weights of rows, and this data has none: choose another"
    ):
        check_data(task(opened(tmp_path, text), data_dir))


@pytest.mark.slow
def test_new_rows_are_judged_by_their_soft_labels(data, alone):
    run = open_scorer(alone[0], str(data.folder.parents[1]), None)
    predictor = Predictor(run, ('p',), 0.0)
    path = data.folder.parents[2] / 't.csv'
    scored = pl.concat(predictor.scores([path], SilentPreparation()))
    soft = scored['p'].cast(pl.Float64).to_numpy()
    assert scored['label'].to_list() == (soft > 0.4).astype(int).tolist()
    expected = weighted_logloss(scored['logit'].to_numpy(), soft, np.ones(len(soft)))
    assert predictor.figures.figures()['logloss'] == pytest.approx(expected, rel=1e-6)


@pytest.mark.slow
def test_streamed_interrupted_and_in_copies_runs_are_the_same(data, alone, tmp_path):
    folder, _ = alone
    whole = outcome(folder, data, CONFIG)
    fit(replace(CONFIG, {'execution.streaming': True}), data, tmp_path / 'streamed', Told())
    for moment in (1, 3):
        with pytest.raises(KeyboardInterrupt):
            fit(CONFIG, data, tmp_path / 'resumed', Told(stop_after=moment))
    fit(CONFIG, data, tmp_path / 'resumed', Told())
    fit_copies([CONFIG, replace(CONFIG, {'seed': 1})], data, [tmp_path / 'copy', tmp_path / 'other'], Told())
    assert outcome(tmp_path / 'streamed', data, CONFIG) == whole
    assert outcome(tmp_path / 'resumed', data, CONFIG) == whole
    last = [
        json.loads((one / 'metrics.jsonl').read_text().splitlines()[-1])
        for one in (folder, tmp_path / 'copy', tmp_path / 'other')
    ]
    assert last[1] == pytest.approx(last[0], rel=1e-6) and last[2] != pytest.approx(last[0], rel=1e-3)
