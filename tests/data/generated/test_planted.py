"""Planted interactions: which models find a label that depends on one pair or one triple of fields, and which cannot.

Every id of the planted fields has a sign, as many of each; the label is the product of the signs, flipped in one row of
twenty. No field, and for the triple no pair, says anything of the label on its own. Every model trains sparsely
(deferred Adam).
"""

import dataclasses

import numpy as np
import pytest

from autoint_jax.config.configuration import Config, replace
from autoint_jax.config.model_config import ModelConfig
from autoint_jax.data.store.columns import Columns
from autoint_jax.evaluation.ranking import auc_of_totals
from autoint_jax.evaluation.sums import totals
from autoint_jax.models.registry import MODELS
from autoint_jax.schema import CATEGORICAL, FieldSpec, Schema
from autoint_jax.training.step import placement, scoring, slices, steps
from autoint_jax.training.step.columns import resident_columns
from autoint_jax.training.step.layout import make_flush
from autoint_jax.training.step.order import epoch_order
from autoint_jax.training.step.state import initial_state, make_setup

pytestmark = pytest.mark.usefixtures('quick_compilation')
FIELDS, IDS, ROWS, BATCH, FLIPPED = 5, 6, 4096, 256, 0.05
SCHEMA = Schema(tuple(FieldSpec(f'c{number}', CATEGORICAL, IDS) for number in range(FIELDS)))

PAIR = {
    'fm': {},
    'afm': {},
    'nfm': {'deep_hidden': (16,)},
    'hofm': {},
    'deep_crossing': {'unit_widths': (32, 32)},
    'dnn': {'deep_hidden': (32, 32)},
    'wide_deep': {'deep_hidden': (32, 32)},
    'deepfm': {'deep_hidden': (32,)},
    'crossnet': {'num_layers': 1},
    'deep_cross': {'num_layers': 1, 'deep_hidden': (32,)},
    'dcn_v2': {'num_layers': 1},
    'cin': {'cin_widths': (16,)},
    'xdeepfm': {'cin_widths': (16,), 'deep_hidden': (32,)},
    'masknet': {'num_layers': 2, 'mask_width': 16, 'deep_hidden': (32,)},
    'finalmlp': {'deep_hidden': (32, 16)},
    'fcn': {'num_layers': 1},
    'finalnet': {'deep_hidden': (32,)},
    'wukong': {'num_layers': 1, 'product_hidden': (32,)},
    'rankmixer': {'num_layers': 2, 'num_tokens': 4, 'token_width': 32},
    'autoint': {'num_layers': 1, 'head_dim': 8},
    'destine': {'num_layers': 1, 'head_dim': 8},
    'ft_transformer': {'num_layers': 1},
    'field_attention': {'num_layers': 1, 'head_dim': 8},
    'heteroatt': {'num_layers': 1, 'head_dim': 8},
    'hiformer': {'num_layers': 1, 'head_dim': 8, 'joint_rank': 16, 'joint_value_rank': 16},
}
TRIPLE = {
    'hofm': {},
    'cin': {'cin_widths': (16, 16)},
    'crossnet': {'num_layers': 2},
    'autoint': {'num_layers': 2, 'head_dim': 8},
}


def planted(order: int, seed: int) -> Columns:
    """Returns rows whose label depends on the first `order` fields together."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, IDS, (ROWS, FIELDS)).astype(np.int32)
    positive = np.prod(np.where(ids[:, :order] % 2, 1, -1), 1) > 0
    return Columns(ids, np.zeros((ROWS, 0), np.float32), (positive ^ (rng.random(ROWS) < FLIPPED)).astype(np.float32))


def auc_of(name: str, options: dict, order: int, epochs: int = 16) -> float:
    """Returns the AUC on fresh rows after training."""
    model = (
        dataclasses.replace(ModelConfig(name=name), embedding_stddev=0.3, embedding_dim=8, **options)
        if name != 'lr'
        else (ModelConfig(name='lr'))
    )
    config = dataclasses.replace(
        replace(
            Config(),
            {'optimizer.tables': 'deferred_adam', 'optimizer.learning_rate': 1e-2, 'training.batch_size': BATCH},
        ),
        model=model,
    )
    setup, mesh = make_setup(config, SCHEMA), placement.data_mesh()
    cut = slices.cut(BATCH, setup, mesh)
    per_epoch = ROWS // BATCH
    chunk = steps.make_chunk(setup, mesh, cut, max_steps=per_epoch)
    state, columns = placement.replicate(initial_state(setup), mesh), resident_columns(planted(order, 1), mesh)
    for epoch in range(epochs):
        rows = placement.replicate(
            epoch_order(0, epoch, rows=ROWS, batch_size=BATCH, padded_batch=cut.padded_batch), mesh
        )
        state, _ = chunk(state, columns, rows, 0, per_epoch)
    state = make_flush(setup, mesh)(state)
    evaluate = scoring.make_evaluator(setup, mesh, keep_logits=False)
    return auc_of_totals(
        totals(evaluate(state.variables, state.tables, resident_columns(planted(order, 2), mesh)).sums)
    )


# The longest to compile and train, and those with another of their family beside them.
SLOW = (
    'ft_transformer',
    'masknet',
    'destine',
    'finalmlp',
    'fcn',
    'field_attention',
    'heteroatt',
    'hiformer',
    'finalnet',
    'wukong',
    'rankmixer',
    'deep_crossing',
    'wide_deep',
    'crossnet',
    'deep_cross',
    'deepfm',
)


def test_all_models_but_lr_are_asked_for_the_pair():
    assert ['lr', *PAIR] == list(MODELS)


def test_lr_stays_at_chance():
    assert abs(auc_of('lr', {}, order=2) - 0.5) < 0.03


@pytest.mark.parametrize(
    'name', [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in PAIR]
)
def test_every_pairwise_model_finds_a_planted_pair(name):
    assert auc_of(name, PAIR[name], order=2) > 0.9


@pytest.mark.parametrize('name', TRIPLE)
def test_models_of_third_order_find_a_planted_triple(name):
    assert auc_of(name, TRIPLE[name], order=3) > 0.9


def test_fm_does_not_find_a_planted_triple():
    assert abs(auc_of('fm', {}, order=3) - 0.5) < 0.05
