"""Scoring of whole splits: rows in order, figures as NumPy has them, whatever the number of devices."""

import jax
import pytest

from autoint_jax.config.configuration import Config, replace
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.evaluation import calibration, ranking
from autoint_jax.evaluation.measures import measures
from autoint_jax.training.step import placement, scoring
from autoint_jax.training.step.columns import resident_columns
from autoint_jax.training.step.state import initial_state, make_setup

pytestmark = pytest.mark.usefixtures('quick_compilation')

OPTIONS = {
    'data.dataset': 'movielens_1m',
    'data.recipe': 'autoint_all_rows',
    'model.variant': 'authors',
    'model.head_dim': 5,
    'model.num_layers': 1,
}


def scored(data_dir, batch_size, names=(), group_by=''):
    """Logits on the host, figures, columns, scores; of the train split with untrained parameters."""
    config = replace(Config(), {**OPTIONS, 'training.batch_size': batch_size})
    data = open_prepared(data_dir, config.data.dataset, config.data.recipe)
    setup, mesh, columns = make_setup(config, data.schema), placement.data_mesh(), data.split('train')
    state, resident = placement.replicate(initial_state(setup), mesh), resident_columns(columns, mesh)
    measured = measures(names, group_by, data.schema)
    scores = scoring.make_evaluator(setup, mesh, keep_logits=measured.keep_logits)(
        state.variables, state.tables, resident
    )
    logits = scoring.make_scorer(setup, mesh)(state.variables, state.tables, resident)
    return logits, measured.figures(scores, columns), columns, scores


@pytest.mark.parametrize('batch_size', [61, 100_000])
def test_figures_from_the_devices_are_those_of_the_logits(data_dir, batch_size):
    logits, figures, columns, scores = scored(data_dir, batch_size)
    labels = columns.labels
    assert len(logits) % 61 and 0.05 < labels.mean() < 0.95
    assert figures['auc'] == pytest.approx(ranking.auc(logits, labels), abs=1e-12)
    assert figures['logloss'] == pytest.approx(calibration.logloss(logits, labels), rel=2e-7)
    assert sum(array.size for array in jax.tree.leaves(scores)) == 5  # one block: all that goes to the host


def test_eight_devices_give_the_figures_of_one(data_dir, on_host_devices):
    figures = on_host_devices(8, 'test_scoring', f't.scored(pathlib.Path({str(data_dir)!r}), 61)[1]')
    alone = scored(data_dir, 61)[1]
    assert figures == {name: pytest.approx(value, abs=2e-7) for name, value in alone.items()}
