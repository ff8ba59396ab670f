"""CIN and xDeepFM against loops written from the equations."""

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
    reference_embeddings,
    reference_first_order,
    reference_mlp,
)

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.errors import UsageError
from autoint_jax.models.contract import DEEP, REST
from autoint_jax.models.layers.dropout import Training, row_keys

pytestmark = pytest.mark.usefixtures('quick_compilation')


def reference_cin(embedded, part, widths, split):
    """w^T p by X^k_hd = sum_ij W_hij X^{k-1}_id X^0_jd, every map computed, then summed over d."""
    first = previous = np.array(embedded)  # [f, d]
    pooled, weights = [], []
    for layer, width in enumerate(widths):
        kernel = np.float64(part[f'layer_{layer}'])
        maps = np.zeros((width, first.shape[1]))
        for h in range(width):
            for i in range(len(previous)):
                for j in range(len(first)):
                    maps[h] += kernel[h, i, j] * previous[i] * first[j]
        if layer == len(widths) - 1:
            to_output = maps
        elif split:
            half = width // 2 + width % 2
            previous, to_output = maps[:half], maps[half:]
        else:
            previous = to_output = maps
        pooled += [map_.sum() for map_ in to_output]
        weights += list(np.float64(part[f'output_{layer}']))
    return sum(w * p for w, p in zip(weights, pooled, strict=True))


def reference(config, tables, variables, rows):
    params, logits = variables['params'], []
    for ids, values in zip(rows.ids, rows.numeric, strict=True):
        embedded = reference_embeddings(tables['embedding'], params['embedding']['numeric']['vectors'], ids, values)
        logit = reference_cin(embedded, params['cin'], config.cin_widths, config.cin_split)
        if config.name == 'cin':
            logit += float(params['bias'])
        else:
            logit += reference_first_order(tables['linear'], params['linear_embedding']['numeric'], ids, values)
            logit += reference_mlp(
                np.concatenate(embedded), params['deep'], variables.get('batch_stats', {}).get('deep')
            )
        logits.append(logit)
    return np.array(logits)


CONFIGS = {
    'CIN': options('cin'),
    'CIN, not split': options('cin', cin_split=False),
    'CIN, odd widths': options('cin', cin_widths=(5, 7, 3)),
    'CIN, width 1': options('cin', cin_widths=(1, 2, 1)),
    'CIN, one layer': options('cin', cin_widths=(7,)),
    'CIN, one layer, not split': options('cin', cin_widths=(7,), cin_split=False),
    'xDeepFM': options('xdeepfm'),
    'xDeepFM, not split': options('xdeepfm', cin_split=False),
    'xDeepFM, batch norm': options('xdeepfm', deep_batch_norm=True),
}


@pytest.mark.parametrize('config', CONFIGS.values(), ids=CONFIGS)
def test_forward_equals_the_equations(config):
    model, tables, variables = made(config)
    logits = forward(model, tables, variables, batch())
    assert logits.shape == (ROWS,)
    np.testing.assert_allclose(logits, reference(config, tables, variables, batch()), rtol=1e-5, atol=1e-5)


COUNTS = {
    'CIN (AutoInt paper, Table 3: 1.9e6)': (ModelConfig(name='cin'), 1_864_200 + 401),
    'CIN, not split': (ModelConfig(name='cin', cin_split=False), 200 * 39 * (39 + 200 + 200) + 601),
    'xDeepFM': (ModelConfig(name='xdeepfm', deep_hidden=(400, 400)), 1_864_200 + 400 + 625 * 400 + 401 * 400 + 401),
}


@pytest.mark.parametrize('config, count', COUNTS.values(), ids=COUNTS)
def test_parameter_counts(config, count):
    assert criteo_parameters(config) == count


@pytest.mark.parametrize(
    'name, dropout', [('cin', 'embedding_dropout'), ('xdeepfm', 'embedding_dropout'), ('xdeepfm', 'deep_dropout')]
)
def test_dropout_acts_in_training(name, dropout):
    model, tables, variables = made(options(name, **{dropout: 0.5}))
    training = Training(row_keys(3, jnp.asarray(5), jnp.arange(ROWS)), np.ones(ROWS, np.float32), None)
    assert not np.allclose(
        forward(model, tables, variables, batch(), training), forward(model, tables, variables, batch())
    )


def test_the_logits_of_xdeepfm_are_those_of_its_deep_network_plus_the_rest():
    made_model = made(options('xdeepfm'))
    deep, rest = (forward(*made_model, batch(), part=part) for part in (DEEP, REST))
    np.testing.assert_allclose(deep + rest, forward(*made_model, batch()), rtol=1e-6, atol=1e-6)
    assert np.abs(deep).min() > 0 and np.abs(rest).min() > 0


@pytest.mark.parametrize('name', ['cin', 'xdeepfm'])
def test_no_feature_maps_are_refused(name):
    with pytest.raises(UsageError, match='model.cin_widths'):
        made(options(name, cin_widths=()))
