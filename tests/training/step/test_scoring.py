"""Scoring of whole splits: rows in order, figures as NumPy has them, whatever the number of devices."""

import jax
import numpy as np
import pytest

from autoint_jax.config.configuration import Config, replace
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.evaluation import calibration, ranking
from autoint_jax.evaluation.measures import measures
from autoint_jax.training.step import layout, placement, scoring
from autoint_jax.training.step.columns import SharedRows, resident_columns
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


def in_blocks(data_dir, table):
    """Logits of all rows of the train split and of its first ones, by `BlockScorer`, with tables in so many parts."""
    config = replace(Config(), {**OPTIONS, 'training.batch_size': 61, 'mesh.table': table})
    data = open_prepared(data_dir, config.data.dataset, config.data.recipe)
    setup, mesh = make_setup(config, data.schema), placement.run_mesh(config.mesh)
    state, scorer = layout.initial_state_on(setup, mesh), scoring.BlockScorer(setup, mesh)
    parts = [data.split('train').part(slice(count)) for count in (None, 1, 700)]
    scored = [np.concatenate(list(scorer(state.variables, state.tables, part))).tolist() for part in parts]
    block = SharedRows(parts[0], mesh)
    columns = block.on_devices(block.read(np.zeros(scorer.rows, int)))
    computed = int(np.count_nonzero(scorer._score(state.variables, state.tables, columns, np.int32(1))))
    return scored, computed, scorer.rows


def is_of_first_slices(found):
    """Whether few rows have the bits of many, and a block with one row is computed in part."""
    (every, one, some), computed, rows = found
    assert one == every[:1] and some == every[:700] and len(set(every)) > 1000
    assert computed <= rows // 8
    return every


def test_only_the_slices_of_a_block_with_rows_are_computed(data_dir):
    is_of_first_slices(in_blocks(data_dir, 1))


@pytest.mark.slow
def test_devices_that_split_tables_compute_the_same_slices(data_dir, on_host_devices):
    found = on_host_devices(4, 'test_scoring', f't.in_blocks(pathlib.Path({str(data_dir)!r}), 2)')
    assert is_of_first_slices(found) == pytest.approx(is_of_first_slices(in_blocks(data_dir, 1)), abs=1e-6)
