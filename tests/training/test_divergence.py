"""A run whose numbers are not finite, or absurd, ends as diverged: never as complete, and never with a checkpoint of
them.
"""

import dataclasses
import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from run_cases import TINY, Told
from trained_cases import data  # noqa: F401

from autoint_jax.config.configuration import Config, replace
from autoint_jax.data.store.columns import Columns
from autoint_jax.data.store.writing import write_prepared
from autoint_jax.schema import CATEGORICAL, NUMERIC, ROW_WEIGHTS, FieldSpec, Schema
from autoint_jax.training.checkpoints.checkpoint_reader import CheckpointReader
from autoint_jax.training.copies.fitting import fit_copies
from autoint_jax.training.divergence import (
    BadStep,
    Diverged,
    absurd_logloss,
    divergence,
    divergence_of_step,
    largest_values,
)
from autoint_jax.training.loop import fit
from autoint_jax.training.run import Run
from autoint_jax.training.step import order, placement
from autoint_jax.training.step.state import make_setup

CONFIG = replace(Config(), {'optimizer.learning_rate': 0.01})

pytestmark = pytest.mark.usefixtures('quick_compilation')


def written(folder, *, positives=30, numeric=1.0, weight=None):
    """Prepared data of 97 training rows with one categorical and two numeric fields; 'huge' reaches `numeric` in one
    row. If a weight is given, each row has it.
    """
    fields = FieldSpec('a', CATEGORICAL, 5), FieldSpec('small', NUMERIC), FieldSpec('huge', NUMERIC)
    schema = Schema(fields, row_columns=() if weight is None else (ROW_WEIGHTS,))
    rng = np.random.default_rng(0)

    def columns(rows, positives):
        values = rng.normal(size=(rows, 2)).clip(-3, 3).astype(np.float32)
        values[0, 1], values[1, 0] = numeric, np.nan
        return Columns(
            rng.integers(0, 5, (rows, 1)).astype(np.int32),
            values,
            (np.arange(rows) < positives).astype(np.float32),
            None if weight is None else np.full(rows, weight, np.float32),
        )

    return write_prepared(
        folder / 'csv' / 'made',
        schema=schema,
        vocabularies={},
        description={},
        splits={'train': columns(97, positives), 'valid': columns(31, 7), 'test': columns(31, 7)},
    )


@pytest.mark.parametrize(
    'positives, limit',
    [(30, 100 * -(30 / 97 * math.log(30 / 97) + 67 / 97 * math.log(67 / 97))), (1, 10.0), (0, 10.0), (97, 10.0)],
)
def test_absurd_is_a_hundred_times_the_constant_prediction_and_above_what_an_untrained_model_has(
    tmp_path, positives, limit
):
    assert absurd_logloss(written(tmp_path, positives=positives)) == pytest.approx(limit)


def test_the_data_is_named_first_and_then_the_rate(tmp_path, data):
    def said(data, **figures):
        return str(
            divergence(
                data, CONFIG, **({'step': 7, 'train_logloss': 0.5, 'valid_logloss': 0.6, 'not_finite': []} | figures)
            )
        )

    good, large = written(tmp_path / 'good', numeric=-3.5), written(tmp_path / 'large', numeric=-3e30)
    then = 'so lower optimizer.learning_rate (now 0.01)'
    assert divergence(good, CONFIG, step=7, train_logloss=61.8, valid_logloss=61.8, not_finite=[]) is None
    assert said(good, valid_logloss=61.9).startswith(
        'training diverged before step 7: logloss is 0.5 on train, 61.9 on valid, where 61.'
    )
    assert said(good, train_logloss=61.9).endswith(f'no numeric field exceeds 3.5 in training rows, {then}')
    assert said(data, train_logloss=float('nan')).endswith(f'exceeds 0.999 in training rows, {then}')
    without = dataclasses.replace(data, schema=Schema(data.schema.id_fields))
    assert said(without, train_logloss=float('inf')).endswith(f'no numeric field can be the cause, {then}')
    np.testing.assert_array_equal(largest_values(large), np.float32([largest_values(large)[0], 3e30]))
    sentence = said(large, not_finite=['x', 'y', 'z'])
    assert 'x and 2 other arrays of the state hold values that are not finite' in sentence
    assert "look at the data first, where the numeric field 'huge' reaches 3e+30 in training rows" in sentence
    assert 'before step 7: x holds values that are not finite; ' in said(good, not_finite=['x'])


def test_the_loss_of_weighted_rows_is_as_large_as_their_weights_and_so_never_absurd(tmp_path, data):
    def said(data, config=CONFIG, **losses):
        return str(
            divergence(data, config, step=7, not_finite=[], **({'train_logloss': 0.5, 'valid_logloss': 0.6} | losses))
        )

    light, heavy = written(tmp_path / 'light', weight=300.0), written(tmp_path / 'heavy', weight=1e30)
    positive = replace(CONFIG, {'training.positive_weight': 500.0})
    for case in ((light, CONFIG), (data, positive)):
        assert said(*case, train_logloss=200.0) == 'None'
        assert 'is already absurd' in said(*case, valid_logloss=200.0)
    assert said(light, train_logloss=float('inf')).endswith(
        'in training rows, so lower optimizer.learning_rate (now 0.01)'
    )
    assert 'look at the weights of rows first, which reach 1e+30 in training rows' in said(
        heavy, train_logloss=float('inf')
    )


@pytest.mark.parametrize(
    'options, advised',
    [
        ({'weight_decay': 200.0}, 'so lower optimizer.learning_rate (now 0.01)'),
        ({'weight_decay': 201.0}, 'optimizer.weight_decay (now 201): times the learning rate it is 2.01, and above 2 '),
        ({'weight_decay': 30.0, 'tables_learning_rate': 0.1}, 'optimizer.weight_decay (now 30): times the '),
        (
            {'weight_decay': 30.0, 'tables_learning_rate': 0.1, 'tables_weight_decay': 21.0},
            'optimizer.tables_weight_decay (now 21): times the learning rate it is 2.1, ',
        ),
        (
            {'tables_learning_rate': 0.1},
            'so lower optimizer.learning_rate (now 0.01) or optimizer.tables_learning_rate (now 0.1)',
        ),
    ],
)
def test_a_weight_decay_that_diverges_by_itself_is_named(tmp_path, options, advised):
    config = replace(CONFIG, {f'optimizer.{name}': value for name, value in options.items()})
    bad = BadStep(7, 'nan', [3], 0)
    data = written(tmp_path)
    at_a_step = divergence_of_step(data, config, bad, tmp_path / 'bad_step.json')
    losses = {'train_logloss': math.nan, 'valid_logloss': math.nan}
    at_an_evaluation = divergence(data, config, step=7, not_finite=[], **losses)
    for said in (str(at_a_step), str(at_an_evaluation)):
        assert advised in said and ('learning_rate (now' in said) == ('so lower' in advised), said


def places(state):
    """A state with one wrong value in each of its kinds of arrays."""
    for bad in (np.nan, np.inf):
        yield state._replace(params=jax.tree.map(lambda leaf: leaf.at[(0,) * leaf.ndim].set(bad), state.params))
        # No row reads the last id.
        yield state._replace(tables={name: table.at[-1, 0].set(bad) for name, table in state.tables.items()})
        yield state._replace(slots=jax.tree.map(lambda leaf: leaf.at[-1].set(bad) if leaf.ndim else leaf, state.slots))
        yield state._replace(
            optimizer=jax.tree.map(
                lambda leaf: leaf.at[(0,) * leaf.ndim].set(bad) if leaf.dtype == jnp.float32 else leaf, state.optimizer
            )
        )
        yield state._replace(statistics={'mean': jnp.array([bad])})


def test_a_value_that_no_loss_shows_is_found_before_it_is_saved(data, tmp_path):
    setup, mesh = make_setup(TINY, data.schema), placement.data_mesh()
    run = Run(setup, data, tmp_path)
    state = run.latest(mesh, lambda sentence: None)
    figures = {'logloss': 0.6, 'auc': 0.6}
    run.took(np.full(4, 0.6, np.float32))
    run.evaluated(state, figures)
    run.took(np.full(4, 0.6, np.float32))
    for number, wrong in enumerate(places(state)):
        with pytest.raises(Diverged, match='training diverged before step 8: .* not finite'):
            run.evaluated(wrong if number % 2 else jax.device_get(wrong), figures)
        with pytest.raises(Diverged, match='training diverged before step 8: .* not finite'):
            run.save_between(wrong)
    run.close()
    assert CheckpointReader(tmp_path / 'checkpoints').steps() == [4]
    assert json.loads((tmp_path / 'run.json').read_text())['starts'][-1]['diverged'].startswith(
        'training diverged before step 8'
    )


def said_by(train):
    with pytest.raises(Diverged) as caught:
        train()
    return str(caught.value)


def test_a_run_with_an_absurd_loss_is_diverged_and_stays_so(data, tmp_path):
    config = replace(TINY, {'optimizer.learning_rate': 1e4})
    told, folder = Told(), tmp_path / 'run'
    sentence = said_by(lambda: fit(config, data, folder, told))
    assert 'is already absurd' in sentence and sentence.endswith('so lower optimizer.learning_rate (now 10000)')
    again = said_by(lambda: fit(config, data, folder, Told()))
    assert again == sentence and not (folder / 'result.json').exists()
    assert [start['diverged'] for start in json.loads((folder / 'run.json').read_text())['starts']] == [sentence] * 2


def test_a_huge_value_in_the_data_is_named_alone_and_in_copies(tmp_path):
    data = written(tmp_path, numeric=1e30)
    config = replace(
        TINY,
        {
            'data.dataset': 'csv',
            'data.recipe': 'made',
            'training.batch_size': 32,
            'execution.slice_rows': 32,
            'training.epochs': 2,
        },
    )
    sentence = said_by(lambda: fit(config, data, tmp_path / 'alone', Told()))
    assert "look at the data first, where the numeric field 'huge' reaches 1e+30 in training rows" in sentence
    assert sentence.endswith('then lower optimizer.learning_rate (now 0.1)')
    bad = json.loads((tmp_path / 'alone' / 'bad_step.json').read_text())
    first = order.epoch_order(0, 0, rows=97, batch_size=32, padded_batch=32)
    assert bad['rows'] == first[bad['step'] - 1].tolist() and 0 in first[: bad['step']] and bad['checkpoint'] == 0
    shown = ', '.join(map(str, bad['rows'][:8]))
    assert (
        f'in step {bad["step"]}: its loss is {bad["loss"]} (rows of the training split: {shown} and 24 more' in sentence
    )
    results = fit_copies([config, replace(config, {'seed': 1})], data, [tmp_path / 'one', tmp_path / 'two'], Told())
    assert all(isinstance(result, Diverged) for result in results)
    assert str(results[0]) == sentence.replace('/alone/', '/one/')
    for folder in ('alone', 'one', 'two'):
        assert 'diverged' in json.loads((tmp_path / folder / 'run.json').read_text())['starts'][-1]
        assert not (tmp_path / folder / 'result.json').exists()
