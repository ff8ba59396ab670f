"""Wukong and RankMixer against loops written from the equations."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
from model_cases import (
    ROWS,
    SCHEMA,
    batch,
    criteo_parameters,
    forward,
    made,
    options,
    reference_dense,
    reference_embeddings,
    reference_mlp,
    reference_norm,
)

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.errors import UsageError
from autoint_jax.models.layers.dropout import Training, row_keys
from autoint_jax.models.rankmixer import mixed
from autoint_jax.models.registry import build

pytestmark = pytest.mark.usefixtures('quick_compilation')


def over_tokens(x, layer):
    """Linear combinations of tokens: token j is sum_i W_ij x_i + b_j."""
    kernel = np.float64(layer['kernel'])
    biases = np.float64(layer['bias']) if 'bias' in layer else np.zeros(kernel.shape[1])
    return [sum(kernel[i, j] * x[i] for i in range(len(x))) + biases[j] for j in range(kernel.shape[1])]


def reference_wukong(config, x, variables):
    params = variables['params']
    for number in range(config.num_layers):
        layer = params[f'layer_{number}']
        columns = over_tokens(x, layer['compression']) if config.product_rank else x  # of X^T Y
        h = reference_norm(np.array([token @ column for token in x for column in columns]), layer['products_norm'])
        for hidden in range(len(config.product_hidden)):
            h = np.maximum(reference_dense(h, layer[f'hidden_{hidden}']), 0)
        products = reference_dense(h, layer['products'])
        d = config.embedding_dim
        tokens = [products[place * d : (place + 1) * d] for place in range(config.product_tokens)]
        tokens += over_tokens(x, layer['linear'])
        assert ('residual' in layer) == (len(tokens) != len(x))
        residual = over_tokens(x, layer['residual']) if 'residual' in layer else x
        x = [reference_norm(one + other, layer['norm']) for one, other in zip(tokens, residual, strict=True)]
    return reference_mlp(np.concatenate(x), params['deep'], variables.get('batch_stats', {}).get('deep'))


def of_each_token(x, layer):
    return [token @ np.float64(layer['kernel'])[t] + np.float64(layer['bias'])[t] for t, token in enumerate(x)]


def gelu(x):
    return np.array([value / 2 * (1 + math.erf(value / math.sqrt(2))) for value in x])


def reference_rankmixer(config, embedded, variables):
    params, t = variables['params'], config.num_tokens
    flat = np.concatenate(embedded)
    part = -(-len(flat) // t)
    flat = np.concatenate([flat, np.zeros(part * t - len(flat))])
    x = of_each_token([flat[place * part : (place + 1) * part] for place in range(t)], params['tokens'])
    for number in range(config.num_layers):
        size = config.token_width // t
        parts = [slice(place * size, (place + 1) * size) for place in range(t)]
        mixing = [np.concatenate([x[other][part] for other in range(t)]) for part in parts]
        x = [reference_norm(one + other, params[f'mixing_norm_{number}']) for one, other in zip(mixing, x, strict=True)]
        fed = of_each_token([gelu(h) for h in of_each_token(x, params[f'hidden_{number}'])], params[f'output_{number}'])
        x = [reference_norm(one + other, params[f'norm_{number}']) for one, other in zip(fed, x, strict=True)]
    return reference_dense(sum(x) / t, params['head'])[0]


REFERENCES = {'wukong': reference_wukong, 'rankmixer': reference_rankmixer}
CONFIGS = {
    'Wukong': options('wukong'),
    'Wukong, as many tokens as fields, batch norm': options('wukong', product_tokens=3, deep_batch_norm=True),
    'Wukong, all products, no hidden layers': options('wukong', product_rank=0, product_hidden=(), deep_hidden=()),
    'RankMixer': options('rankmixer'),
    'RankMixer, two tokens, wide': options('rankmixer', num_tokens=2, feedforward_ratio=4.0),
    'RankMixer, no layers': options('rankmixer', num_layers=0),
}


@pytest.mark.parametrize('config', CONFIGS.values(), ids=CONFIGS)
def test_forward_equals_the_equations(config):
    model, tables, variables = made(config)
    logits = forward(model, tables, variables, batch())
    assert logits.shape == (ROWS,)
    vectors = variables['params']['embedding']['numeric']['vectors']
    expected = [
        REFERENCES[config.name](config, reference_embeddings(tables['embedding'], vectors, ids, values), variables)
        for ids, values in zip(batch().ids, batch().numeric, strict=True)
    ]
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-5)


def wukong_layer(tokens, rank=8, made=(16, 16), hidden=128, d=16):
    """n k + 2 n k + MLP(n k -> h -> n_F d) + n n_L + 2 d, + (n + 1)(n_F + n_L) on a change of n."""
    products, linear = made
    network = (tokens * rank + 1) * hidden + (hidden + 1) * products * d
    changed = (tokens + 1) * sum(made) if tokens != sum(made) else 0
    return 3 * tokens * rank + network + tokens * linear + 2 * d + changed


def rankmixer_layer(tokens, width, hidden):
    return tokens * (2 * width * hidden + hidden + width) + 4 * width


COUNTS = {
    'Wukong': (
        ModelConfig(name='wukong', deep_hidden=(400, 400)),
        wukong_layer(39) + 2 * wukong_layer(32) + (512 + 1) * 400 + 401 * 400 + 401,
    ),
    'Wukong, as counted by hand': (ModelConfig(name='wukong', deep_hidden=(400, 400)), 576_425),
    'RankMixer': (
        ModelConfig(name='rankmixer', num_layers=2, num_tokens=16, feedforward_ratio=4.0),
        16 * (39 + 1) * 64 + 2 * rankmixer_layer(16, 64, 256) + 65,
    ),
}


@pytest.mark.parametrize('config, count', COUNTS.values(), ids=COUNTS)
def test_parameter_counts(config, count):
    assert criteo_parameters(config) == count


def test_mixing_exchanges_parts_of_tokens_and_is_its_own_inverse():
    x = jnp.arange(2 * 3 * 6.0).reshape(2, 3, 6)
    assert mixed(x)[0, 1].tolist() == [2, 3, 8, 9, 14, 15]
    np.testing.assert_array_equal(mixed(mixed(x)), x)


DROPOUTS = {
    'Wukong, embeddings': options('wukong', embedding_dropout=0.5),
    'Wukong, deep network': options('wukong', deep_dropout=0.5),
    'RankMixer, embeddings': options('rankmixer', embedding_dropout=0.5),
    'RankMixer, feed-forward': options('rankmixer', feedforward_dropout=0.5),
}


@pytest.mark.parametrize('config', DROPOUTS.values(), ids=DROPOUTS)
def test_each_dropout_acts_in_training(config):
    model, tables, variables = made(config)
    training = Training(row_keys(3, jnp.asarray(5), jnp.arange(ROWS)), np.ones(ROWS, np.float32), None)
    dropped = forward(model, tables, variables, batch(), training)
    plain = forward(model, tables, variables, batch())
    assert (np.abs(dropped - plain) > 1e-6).mean() > 0.8


@pytest.mark.parametrize(
    'config, text',
    [
        (options('wukong', num_layers=0), "option 'model.num_layers' is 0, but model 'wukong' needs at least 1 layer"),
        (options('rankmixer', num_tokens=5), "option 'model.num_tokens' is 5, but must divide model.token_width, 12"),
        (options('rankmixer', feedforward_ratio=0.01), "option 'model.feedforward_ratio' is 0.01, but must leave"),
    ],
    ids=lambda value: value.name if isinstance(value, ModelConfig) else '',
)
def test_options_that_leave_no_model_are_refused(config, text):
    with pytest.raises(UsageError, match=text):
        build(config, SCHEMA)
