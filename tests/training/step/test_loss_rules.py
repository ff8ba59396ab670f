"""Weights of rows, soft labels and the correction for sampled negatives, where the best logit is known."""

import math

import jax.numpy as jnp
import numpy as np
import pytest

from autoint_jax.config.configuration import Config, replace
from autoint_jax.config.training_config import TrainingConfig
from autoint_jax.data.store.columns import Columns
from autoint_jax.errors import UsageError
from autoint_jax.schema import CATEGORICAL, FieldSpec, Schema
from autoint_jax.training.step import loss, placement, slices, steps
from autoint_jax.training.step.columns import resident_columns
from autoint_jax.training.step.state import initial_state, make_setup

pytestmark = pytest.mark.usefixtures('quick_compilation')

ROWS, POSITIVES, STEPS = 13, 3, 400
LABELS = np.r_[np.ones(POSITIVES), np.zeros(ROWS - POSITIVES)].astype(np.float32)
WEIGHTS = np.linspace(0, 3, ROWS, dtype=np.float32)
SOFT = np.linspace(1, 0, ROWS, dtype=np.float32)


def trained(options, row_weights=None, soft_labels=None):
    """The loss of the first step, the logit of the first state, and that after many steps, for rows that are alike."""
    config = replace(
        Config(), {'model.name': 'lr', 'optimizer.learning_rate': 0.05, 'training.batch_size': ROWS, **options}
    )
    setup, mesh = make_setup(config, Schema((FieldSpec('a', CATEGORICAL, 2),))), placement.data_mesh()
    columns = Columns(np.ones((ROWS, 1), np.int32), np.zeros((ROWS, 0), np.float32), LABELS, row_weights, soft_labels)
    cut = slices.cut(ROWS, setup, mesh)
    order = np.full((STEPS, cut.padded_batch), -1, np.int32)
    order[:, :ROWS] = np.arange(ROWS)
    state = initial_state(setup)

    def logit(state):
        (table,) = state.tables.values()
        return float(state.params['bias']) + float(table[1, 0])

    first = logit(state)
    state, losses = steps.make_chunk(setup, mesh, cut, max_steps=STEPS)(
        state, resident_columns(columns, mesh), jnp.asarray(order), 0, STEPS
    )
    return float(losses[0]), first, logit(state)


@pytest.mark.parametrize('weight, kept', [(1.0, 1.0), (4.0, 1.0), (1.0, 0.05), (3.0, 0.2)])
def test_the_best_logit_has_the_odds_of_weighted_and_of_all_rows(weight, kept):
    found, first, last = trained({'training.positive_weight': weight, 'training.negatives_kept': kept})
    shifted = first - math.log(kept)
    losses = np.where(LABELS > 0, weight * np.log1p(np.exp(-shifted)), np.log1p(np.exp(shifted)))
    assert found == pytest.approx(losses.mean(), rel=1e-5)
    assert last == pytest.approx(math.log(weight * POSITIVES / ((ROWS - POSITIVES) / kept)), abs=0.01)


def test_the_best_logit_has_the_odds_of_weighted_soft_labels_and_the_loss_is_divided_by_rows():
    found, first, last = trained({}, WEIGHTS, SOFT)
    losses = SOFT * np.log1p(np.exp(-first)) + (1 - SOFT) * np.log1p(np.exp(first))
    assert found == pytest.approx((WEIGHTS * losses).sum() / ROWS, rel=1e-5)
    assert last == pytest.approx(math.log((WEIGHTS * SOFT).sum() / (WEIGHTS * (1 - SOFT)).sum()), abs=0.01)


def test_weights_multiply_the_weight_of_positive_rows():
    found, first, _ = trained({'training.positive_weight': 4.0}, WEIGHTS)
    losses = np.where(LABELS > 0, 4 * np.log1p(np.exp(-first)), np.log1p(np.exp(first)))
    assert found == pytest.approx((WEIGHTS * losses).mean(), rel=1e-5)


def test_rules_that_count_by_labels_need_labels_0_and_1():
    config = replace(Config(), {'training.positive_weight': 2.0})
    with pytest.raises(UsageError, match=r'training.positive_weight counts .* labels of this data are soft'):
        make_setup(config, Schema((FieldSpec('a', CATEGORICAL, 2),), ('soft_labels',)))


def test_a_loss_that_is_not_the_mean_log_loss_is_said():
    plain, both = Schema(()), Schema((), ('row_weights', 'soft_labels'))
    assert loss.sentence(TrainingConfig(), plain) == ''
    assert 'by its weight in the data' in loss.sentence(TrainingConfig(), both)
    assert 'labels are soft' in loss.sentence(TrainingConfig(), both)
    assert loss.sentence(TrainingConfig(positive_weight=4.0, negatives_kept=0.25), plain) == (
        'the training loss is not the mean log loss: a row of label 1 counts 4 times (training.positive_weight); '
        'predictions are those before 75.000% of the negative rows were left out (training.negatives_kept)'
    )


@pytest.mark.parametrize('option, value', [('positive_weight', 0.0), ('negatives_kept', 0.0), ('negatives_kept', 1.5)])
def test_wrong_weights_are_refused(option, value):
    with pytest.raises(UsageError, match=f'training.{option}'):
        replace(Config(), {f'training.{option}': value})
