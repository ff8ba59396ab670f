"""DESTINE and FT-Transformer against loops written from the equations; the presets of experiments/configs."""

import dataclasses
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

from autoint_jax.config.configuration import load
from autoint_jax.config.folder import CONFIGS
from autoint_jax.data.datasets.bars_tables import COLUMNS
from autoint_jax.errors import UsageError
from autoint_jax.models.layers.batch_norm import STATISTICS
from autoint_jax.models.layers.dropout import Training
from autoint_jax.models.registry import build
from autoint_jax.schema import CATEGORICAL, MULTIVALUED, NUMERIC, Batch, FieldSpec, Schema
from autoint_jax.training.step.state import initial_state, make_setup

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


@pytest.mark.parametrize('path', sorted(CONFIGS.glob('*.toml')), ids=lambda path: path.stem)
def test_every_configuration_loads_and_its_model_is_built(path):
    config = load(path)
    schema = Schema(
        (
            FieldSpec('a', CATEGORICAL, 5),
            FieldSpec('x', NUMERIC, boundaries=(0.0, 1.0, 2.0)),
            FieldSpec('tags', MULTIVALUED, 7, max_values=3),
        )
    )
    model, specs = build(config.model, schema)
    rows = Batch(
        np.zeros((2, 4), np.int32), np.zeros((2, 1), np.float32), np.zeros(2, np.float32), np.ones(2, np.float32)
    )

    def logits():
        looked_up = {name: np.zeros((2, len(spec.columns), spec.width), np.float32) for name, spec in specs.items()}
        return model.init_with_output(jax.random.key(0), looked_up, rows, training=None)[0]

    assert jax.eval_shape(logits).shape == (2,)


# Name of the data set, width of all heads, layers, heads, LayerNorm, scaled, wide, deep network, L2: paper.md 3.2.
BARS = {
    'criteo_x4_autoint_bars': (64, 5, 1, False, False, False, (), 1e-5),
    'criteo_x4_autoint_plus_bars': (64, 5, 1, False, False, True, (1000,) * 5, 1e-5),
    'criteo_x1_autoint_bars': (256, 3, 4, True, True, True, (), 1e-5),
    'criteo_x1_autoint_plus_bars': (256, 3, 2, True, False, True, (400,) * 3, 1e-5),
    'avazu_x4_autoint_bars': (128, 7, 1, False, False, True, (), 1e-6),
    'avazu_x1_autoint_bars': (128, 4, 1, True, True, False, (), 1e-2),
    'avazu_x1_autoint_plus_bars': (256, 5, 2, True, True, False, (400,) * 3, 1e-2),
    'frappe_x1_autoint_bars': (128, 6, 4, False, False, False, (), 0.05),
    'frappe_x1_autoint_plus_bars': (128, 5, 4, True, True, False, (400,) * 3, 0.1),
}


@pytest.mark.parametrize('name, row', BARS.items(), ids=BARS)
def test_presets_of_bars_say_what_its_logs_say(name, row):
    config = load(CONFIGS / f'{name}.toml')
    model = dataclasses.replace(
        config.model,
        layer_norm='off' if config.model.layer_norm == 'model' else config.model.layer_norm,
        score_scale='one' if config.model.score_scale == 'model' else config.model.score_scale,
    )
    assert (
        model.num_heads * model.head_dim,
        model.num_layers,
        model.num_heads,
        model.layer_norm != 'off',
        model.score_scale == 'head_dim',
        model.wide,
        model.deep_hidden,
        config.optimizer.l2_tables,
    ) == row
    assert (model.variant, model.embedding_stddev) == ('paper', 1e-4)
    assert model.layer_norm in ('off', 'before_activation')
    no_residual = name.startswith('avazu_x4')
    assert (model.residual, model.residual_projection) == ((False, 'always') if no_residual else (True, 'where_needed'))
    x1 = '_x1_' in name
    assert (config.training.batch_size, model.embedding_dim) == ((4096, 10) if x1 else (10000, 16))
    rules = config.optimizer.clip_norm, config.optimizer.plateau_factor, config.optimizer.plateau_least
    assert (
        rules == (10.0, 0.1, 1e-3) and config.optimizer.plateau_patience == 1 and model.kernel_init == 'xavier_normal'
    )
    assert (config.training.monitor, config.training.stop_patience) == ('auc' if x1 else 'auc_minus_logloss', 2)
    assert (model.deep_batch_norm, model.deep_dropout) == ((True, 0.1) if x1 and model.deep_hidden else (False, 0.0))


# Parameters that the logs of BARS count, tables included, and embeddings of its categorical fields. That one number of
# embeddings fits both models of a table says that all are right. Hidden layers of BARS have biases before their batch
# normalisation, which has no use for them: 1,200 parameters that the networks here do without.
COUNTED = {
    'criteo_x1_autoint_bars': (23_364_453, 2_086_303),
    'criteo_x1_autoint_plus_bars': (23_844_454 - 1_200, 2_086_303),
    'avazu_x1_autoint_bars': (13_142_407, 1_298_599),
    'avazu_x1_autoint_plus_bars': (14_202_856 - 1_200, 1_298_599),
    'frappe_x1_autoint_bars': (306_051, 5_389),
    'frappe_x1_autoint_plus_bars': (622_180 - 1_200, 5_389),
}


@pytest.mark.parametrize('name, counts', COUNTED.items(), ids=COUNTED)
def test_presets_have_the_parameters_that_bars_counts(name, counts):
    config = load(CONFIGS / f'{name}.toml')
    numeric, categorical = COLUMNS[config.data.dataset]
    sizes = [counts[1] - 2 * (len(categorical) - 1), *[2] * (len(categorical) - 1)]
    fields = [FieldSpec(field, NUMERIC) for field in numeric]
    fields += [FieldSpec(field, CATEGORICAL, size) for field, size in zip(categorical, sizes, strict=True)]
    state = jax.eval_shape(lambda: initial_state(make_setup(config, Schema(tuple(fields)))))
    assert sum(leaf.size for leaf in jax.tree.leaves((state.params, state.tables))) == counts[0]
