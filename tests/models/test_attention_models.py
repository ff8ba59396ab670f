"""DESTINE and FT-Transformer against loops written from the equations."""

import math

import jax
import model_cases
import numpy as np
import pytest
from model_cases import (
    ROWS,
    SCHEMA,
    batch,
    forward,
    options,
    reference_dense,
    reference_embeddings,
    reference_first_order,
    reference_mlp,
)

from autoint_jax.errors import UsageError
from autoint_jax.models.layers.batch_norm import STATISTICS
from autoint_jax.models.layers.dropout import Training
from autoint_jax.models.registry import build

pytestmark = pytest.mark.usefixtures('quick_compilation')


def softmax(scores) -> list[float]:
    exponentials = [math.exp(score - max(scores)) for score in scores]
    return [x / sum(exponentials) for x in exponentials]


def embeddings_of(tables, params, ids, values):
    return reference_embeddings(tables['embedding'], params['embedding']['numeric']['vectors'], ids, values)


def destine_layer(x, layer, config):
    """One row's fields `x` through a layer of Xu et al.: their new values, and the weights [n, f, g]."""
    kernel, bias = (np.float64(layer['projections'][name]) for name in ('kernel', 'bias'))
    combined, attention = [[] for _ in x], []
    for head in range(kernel.shape[2]):
        query, key, value = ([vector @ kernel[:, part, head] + bias[part, head] for vector in x] for part in range(3))
        if config.projection_activation == 'relu':
            query, key, value = ([np.maximum(vector, 0) for vector in part] for part in (query, key, value))
        mean_query, mean_key = sum(query) / len(x), sum(key) / len(x)
        scale = math.sqrt(kernel.shape[3]) if config.score_scale == 'head_dim' else 1.0
        unary = softmax([vector @ np.float64(layer['unary'])[:, head] for vector in x])
        attention.append([])
        for f in range(len(x)):
            pairwise = softmax([(query[f] - mean_query) @ (key[g] - mean_key) / scale for g in range(len(x))])
            weights = [one + other for one, other in zip(pairwise, unary, strict=True)]
            out = sum(weight * value[g] for g, weight in enumerate(weights))
            if config.residual:
                out = out + x[f] @ kernel[:, 3, head] + bias[3, head]
            combined[f].append(out)
            attention[-1].append(weights)
    return [np.concatenate(heads) for heads in combined], attention


def destine_reference(config, tables, variables, rows):
    params, logits, attention = variables['params'], [], []
    for ids, values in zip(rows.ids, rows.numeric, strict=True):
        embedded = x = embeddings_of(tables, params, ids, values)
        captured = []
        for number in range(config.num_layers):
            x, weights = destine_layer(x, params[f'attention_{number}'], config)
            captured.append(weights)
        logit = reference_mlp(np.concatenate(x), params['head'])
        if config.deep_hidden:
            logit += reference_mlp(np.concatenate(embedded), params['deep'], variables.get(STATISTICS, {}).get('deep'))
        if config.wide:
            logit += reference_first_order(tables['linear'], params['linear_embedding']['numeric'], ids, values)
        logits.append(logit)
        attention.append(captured)
    return np.array(logits), np.array(attention)


DESTINE = {
    'small': options('destine'),
    'no residual, scaled': options('destine', residual=False, score_scale='head_dim'),
    'ReLU': options('destine', projection_activation='relu', num_heads=3),
    'wide and deep': options('destine', wide=True, deep_hidden=(11, 5), deep_batch_norm=True),
    'no layers': options('destine', num_layers=0),
}


@pytest.mark.parametrize('config', DESTINE.values(), ids=DESTINE)
def test_destine_equals_the_equations(config):
    model, tables, variables = model_cases.made(config)
    logits, captured = forward(model, tables, variables, batch(), mutable=['intermediates'])
    expected, attention = destine_reference(config, tables, variables, batch())
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(forward(model, tables, variables, batch()), expected, rtol=1e-5, atol=1e-5)
    if config.num_layers:
        np.testing.assert_allclose(captured['intermediates']['attention'][0], attention, rtol=1e-5, atol=1e-5)


def layer_norm(x, layer):
    return (x - x.mean()) / math.sqrt(x.var() + 1e-5) * np.float64(layer['scale']) + np.float64(layer['bias'])


def attended(tokens, layer):
    """Multi-head attention of Vaswani et al. over one row's tokens."""
    kernel, bias = np.float64(layer['kernel']), np.float64(layer['bias'])  # [d, 3, n, a], [3, n, a]
    combined = [[] for _ in tokens]
    for head in range(kernel.shape[2]):
        query, key, value = (
            [token @ kernel[:, part, head] + bias[part, head] for token in tokens] for part in range(3)
        )
        for t in range(len(tokens)):
            weights = softmax([query[t] @ key[u] / math.sqrt(kernel.shape[3]) for u in range(len(tokens))])
            combined[t].append(sum(weight * value[u] for u, weight in enumerate(weights)))
    return [reference_dense(np.concatenate(heads), layer['output']) for heads in combined]


def fed_forward(token, layer, hidden):
    halves = reference_dense(token, layer['hidden'])
    return reference_dense(halves[:hidden] * np.maximum(halves[hidden:], 0), layer['output'])


def ft_transformer_reference(config, tables, params, rows):
    """All tokens through all blocks, in the last one too."""
    logits, hidden = [], int(config.feedforward_ratio * config.embedding_dim)
    for ids, values in zip(rows.ids, rows.numeric, strict=True):
        tokenizer = params['token_embedding']
        embedded = embeddings_of(tables, params, ids, values)
        tokens = [np.float64(tokenizer['cls'])] + [
            vector + np.float64(bias) for vector, bias in zip(embedded, tokenizer['bias'], strict=True)
        ]
        for number in range(config.num_layers):
            assert (f'attention_norm_{number}' in params) == (number > 0)
            normed = [layer_norm(token, params[f'attention_norm_{number}']) for token in tokens] if number else tokens
            tokens = [
                token + out for token, out in zip(tokens, attended(normed, params[f'attention_{number}']), strict=True)
            ]
            norm, feedforward = params[f'feedforward_norm_{number}'], params[f'feedforward_{number}']
            tokens = [token + fed_forward(layer_norm(token, norm), feedforward, hidden) for token in tokens]
        logits.append(reference_dense(np.maximum(layer_norm(tokens[0], params['head_norm']), 0), params['head'])[0])
    return np.array(logits)


FT_TRANSFORMER = {
    'small': options('ft_transformer'),
    'one layer, three heads': options('ft_transformer', num_layers=1, num_heads=3),
    'three layers, one head, wide': options('ft_transformer', num_layers=3, num_heads=1, feedforward_ratio=2.4),
}


@pytest.mark.parametrize('config', FT_TRANSFORMER.values(), ids=FT_TRANSFORMER)
def test_ft_transformer_equals_the_equations(config):
    model, tables, variables = model_cases.made(config)
    logits = forward(model, tables, variables, batch())
    assert logits.shape == (ROWS,)
    expected = ft_transformer_reference(config, tables, variables['params'], batch())
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    'changed, text',
    [
        ({'num_heads': 4}, "option 'model.num_heads' is 4, but must divide model.embedding_dim, 6"),
        ({'num_layers': 0}, "option 'model.num_layers' is 0, but must be at least 1"),
        (
            {'feedforward_ratio': 0.1},
            "option 'model.feedforward_ratio' is 0.1, but must leave the feed-forward network a width",
        ),
    ],
    ids=str,
)
def test_ft_transformer_refuses_options_that_leave_no_model(changed, text):
    with pytest.raises(UsageError, match=text):
        build(options('ft_transformer', **changed), SCHEMA)


SPOTS = [
    ('destine', 'attention_dropout'),
    ('destine', 'embedding_dropout'),
    ('ft_transformer', 'attention_dropout'),
    pytest.param('ft_transformer', 'feedforward_dropout', marks=pytest.mark.slow),
    pytest.param('ft_transformer', 'residual_dropout', marks=pytest.mark.slow),
]


@pytest.mark.parametrize('name, rate', SPOTS, ids=str)
def test_each_dropout_acts_and_row_by_row(name, rate):
    model, tables, variables = model_cases.made(options(name, **{rate: 0.4}))
    plain = forward(model, tables, variables, batch())
    keys = jax.random.split(jax.random.key(0), ROWS)
    trained = forward(model, tables, variables, batch(), Training(keys, np.ones(ROWS, np.float32), None))
    assert (np.abs(trained - plain) > 1e-6).mean() > 0.8
    part = jax.tree.map(lambda x: x[4:9], batch())
    of_part = forward(model, tables, variables, part, Training(keys[4:9], np.ones(5, np.float32), None))
    np.testing.assert_allclose(of_part, trained[4:9], rtol=1e-5, atol=1e-6)
