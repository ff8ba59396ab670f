"""DNN, Deep Crossing, Wide & Deep and DeepFM against references written from the equations."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from model_cases import (
    ROWS,
    batch,
    criteo_parameters,
    forward,
    made,
    options,
    reference_dense,
    reference_embeddings,
    reference_first_order,
    reference_mlp,
    reference_stacked,
)

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.models.layers.batch_norm import STATISTICS
from autoint_jax.models.layers.dropout import DEEP_SITE, EMBEDDING_SITE, Training, row_keys, scaled_mask

pytestmark = pytest.mark.usefixtures('quick_compilation')


def embeddings(tables, params, ids, values, masks):
    """Field embeddings [5, d], with those values dropped that training drops."""
    vectors = reference_embeddings(tables['embedding'], params['embedding']['numeric']['vectors'], ids, values)
    return np.array(vectors) * masks.get(EMBEDDING_SITE, 1.0)


def stacked(tables, ids, values, masks):
    x = reference_stacked(tables['embedding'], ids, values)
    return np.concatenate([x[:-2] * masks.get(EMBEDDING_SITE, 1.0), x[-2:]])


def deep(config, x, params, statistics, masks):
    """The deep network's logit; with dropout of its one hidden layer where `masks` has it."""
    if DEEP_SITE not in masks:
        return reference_mlp(x, params['deep'], statistics['deep'] if config.deep_batch_norm else None)
    hidden = np.maximum(reference_dense(x, params['deep']['hidden_0']), 0) * masks[DEEP_SITE]
    return reference_dense(hidden, params['deep']['output'])[0]


def first_order(tables, params, ids, values):
    return reference_first_order(tables['linear'], params['linear_embedding']['numeric'], ids, values)


def dnn(config, tables, params, statistics, ids, values, masks):
    return deep(config, np.concatenate(embeddings(tables, params, ids, values, masks)), params, statistics, masks)


def wide_deep(config, tables, params, statistics, ids, values, masks):
    return first_order(tables, params, ids, values) + deep(
        config, stacked(tables, ids, values, masks), params, statistics, masks
    )


def deepfm(config, tables, params, statistics, ids, values, masks):
    e = embeddings(tables, params, ids, values, masks)
    pairs = sum(float(one @ other) for one, other in itertools.combinations(e, 2))
    return first_order(tables, params, ids, values) + pairs + deep(config, np.concatenate(e), params, statistics, masks)


def deep_crossing(config, tables, params, statistics, ids, values, masks):
    x = stacked(tables, ids, values, masks)
    for number, width in enumerate(config.unit_widths):
        unit = params[f'unit_{number}']
        inner = np.maximum(reference_dense(x, unit['inner']), 0)
        assert inner.shape == (width,)
        shortcut = x if len(x) == width else reference_dense(x, unit['shortcut'])
        x = np.maximum(shortcut + reference_dense(inner, unit['outer']), 0)
    return reference_dense(x, params['head']['output'])[0]


REFERENCES = {'dnn': dnn, 'wide_deep': wide_deep, 'deepfm': deepfm, 'deep_crossing': deep_crossing}


def reference(config, tables, variables, rows, masks=None):
    return np.array(
        [
            REFERENCES[config.name](
                config,
                tables,
                variables['params'],
                variables.get(STATISTICS),
                rows.ids[row],
                rows.numeric[row],
                {site: np.float64(mask[row]) for site, mask in (masks or {}).items()},
            )
            for row in range(len(rows.labels))
        ]
    )


CONFIGS = {
    **{name: options(name) for name in REFERENCES},
    **{f'{name}, batch norm': options(name, deep_batch_norm=True) for name in ('dnn', 'wide_deep', 'deepfm')},
    **{f'{name}, one layer': options(name, deep_hidden=(13,)) for name in ('dnn', 'wide_deep', 'deepfm')},
    'deep_crossing, equal widths': options('deep_crossing', unit_widths=(7, 7, 7)),
    'deep_crossing, width of the input': options('deep_crossing', unit_widths=(11, 11)),
    'deep_crossing, no unit': options('deep_crossing', unit_widths=()),
}


@pytest.mark.parametrize('config', CONFIGS.values(), ids=CONFIGS)
def test_forward_equals_the_equations(config):
    model, tables, variables = made(config)
    np.testing.assert_allclose(
        forward(model, tables, variables, batch()), reference(config, tables, variables, batch()), rtol=1e-5, atol=1e-5
    )


# Where training drops values: of what shape, at which site.
DROPOUTS = {
    'dnn': (
        options('dnn', deep_hidden=(13,), embedding_dropout=0.4, deep_dropout=0.4),
        {EMBEDDING_SITE: (5, 3), DEEP_SITE: (13,)},
    ),
    'wide_deep': (
        options('wide_deep', deep_hidden=(13,), embedding_dropout=0.4, deep_dropout=0.4),
        {EMBEDDING_SITE: (9,), DEEP_SITE: (13,)},
    ),
    'deepfm': (
        options('deepfm', deep_hidden=(13,), embedding_dropout=0.4, deep_dropout=0.4),
        {EMBEDDING_SITE: (5, 3), DEEP_SITE: (13,)},
    ),
    'deep_crossing': (options('deep_crossing', embedding_dropout=0.4), {EMBEDDING_SITE: (9,)}),
}


@pytest.mark.parametrize('config, sites', DROPOUTS.values(), ids=DROPOUTS)
def test_dropout_acts_on_embeddings_and_hidden_values(config, sites):
    model, tables, variables = made(config)
    keys = row_keys(3, jnp.asarray(5), jnp.arange(ROWS))
    masks = {site: np.asarray(scaled_mask(keys, site=site, rate=0.4, shape=shape)) for site, shape in sites.items()}
    trained = forward(model, tables, variables, batch(), Training(keys, jnp.ones(ROWS), None))
    np.testing.assert_allclose(trained, reference(config, tables, variables, batch(), masks), rtol=1e-5, atol=1e-5)


# On Criteo's 13 + 26 fields with d = 16: inputs of 624 (all fields as vectors) or 429 (plain numbers) and a 400, 400
# network.
COUNTS = {
    'dnn': (ModelConfig(name='dnn', deep_hidden=(400, 400)), 624 * 400 + 400 + 400 * 400 + 400 + 401),
    'deepfm': (ModelConfig(name='deepfm', deep_hidden=(400, 400)), 624 * 400 + 400 + 400 * 400 + 400 + 401),
    'wide_deep': (ModelConfig(name='wide_deep', deep_hidden=(400, 400)), 429 * 400 + 400 + 400 * 400 + 400 + 401),
    'deep_crossing': (ModelConfig(name='deep_crossing', unit_widths=(100, 100, 100, 100)), 156_801),
}


@pytest.mark.parametrize('config, count', COUNTS.values(), ids=COUNTS)
def test_parameter_counts_on_criteos_fields(config, count):
    """The AutoInt paper's Table 3 has 1.6e5 for Deep Crossing with four layers of 100."""
    assert criteo_parameters(config) == count
