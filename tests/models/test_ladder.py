"""The ladder from AutoInt to Hiformer against loops written from the equations."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from model_cases import (
    CRITEO,
    ROWS,
    SCHEMA,
    batch,
    criteo_parameters,
    forward,
    made,
    options,
    reference_dense,
    reference_embeddings,
    reference_norm,
)

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.errors import UsageError
from autoint_jax.models.layers.dropout import Training, row_keys
from autoint_jax.models.registry import build, model_class

pytestmark = pytest.mark.usefixtures('quick_compilation')


def of_token(x, t, layer):
    return x @ np.float64(layer['kernel'])[t] + (np.float64(layer['bias'])[t] if 'bias' in layer else 0.0)


def gelu(x):
    return np.array([value / 2 * (1 + math.erf(value / math.sqrt(2))) for value in x])


def projected(x, layer, name, rungs, tokens):
    """Queries, keys or values of the first `tokens` tokens."""
    kernels = {key: np.float64(kernel) for key, kernel in layer['projections'].items()}
    if rungs.joint:
        flat = np.concatenate(x)
        flat = flat @ kernels[f'{name}_down'] if f'{name}_down' in kernels else flat
        return np.split(flat @ kernels[name], tokens)
    return [x[t] @ (kernels[name][t] if rungs.projections else kernels[name]) for t in range(tokens)]


def reference_layer(x, layer, config, rungs, scale, asking):
    """New values of the tokens that ask, and the attention weights [n, q, u]."""
    normed = [reference_norm(token, layer['attention_norm']) for token in x] if rungs.output else x
    n = config.num_heads
    query = projected(normed, layer, 'query', rungs, asking)
    key, value = (projected(normed, layer, name, rungs, len(x)) for name in ('key', 'value'))
    outs, weights = [], np.zeros((n, asking, len(x)))
    for t in range(asking):
        heads = []
        for head in range(n):
            part = lambda of_token, head=head: np.split(of_token, n)[head]  # noqa: E731
            exponentials = np.exp([scale * part(query[t]) @ part(key[u]) for u in range(len(x))])
            weights[head, t] = exponentials / exponentials.sum()
            heads.append(sum(weights[head, t, u] * part(value[u]) for u in range(len(x))))
        mixed = np.concatenate(heads)
        if not rungs.output:
            residual = x[t] @ np.float64(layer['residual']['residual']) if config.residual else 0.0
            outs.append(np.maximum(mixed + residual, 0))
            continue
        out = x[t] + of_token(mixed, t, layer['output'])
        if rungs.feedforward:
            hidden = gelu(of_token(reference_norm(out, layer['feedforward_norm']), t, layer['hidden']))
            out = out + of_token(hidden, t, layer['feedforward'])
        outs.append(out)
    return outs, weights


def reference(config, tables, variables, rows):
    params, kind, logits, attention = variables['params'], model_class(config), [], []
    rungs, scaled = kind.rungs(config), config.score_scale == 'head_dim' or kind.TASK_TOKEN
    for ids, values in zip(rows.ids, rows.numeric, strict=True):
        x = reference_embeddings(tables['embedding'], params['embedding']['numeric']['vectors'], ids, values)
        x = [np.float64(params['task_token']), *x] if kind.TASK_TOKEN else x
        of_row = []
        for number in range(config.num_layers):
            asking = 1 if kind.TASK_TOKEN and number == config.num_layers - 1 else len(x)
            scale = config.head_dim**-0.5 if scaled else 1.0
            x, weights = reference_layer(x, params[f'layer_{number}'], config, rungs, scale, asking)
            of_row.append(weights)
        x = [reference_norm(token, params['head_norm']) for token in x] if rungs.output else x
        logits.append(reference_dense(np.concatenate(x), params['head']['output'])[0])
        attention.append(of_row)
    return np.array(logits), attention


OUTPUT = {'field_projections': True, 'field_output': True}
ALL = {**OUTPUT, 'field_feedforward': True, 'joint_projections': True}
RUNGS = {
    'AutoInt': {'field_projections': False},
    'projections': {},
    'no residual, scaled': {'residual': False, 'score_scale': 'head_dim', 'value_dim': 0},
    'output': OUTPUT,
    'feed-forward': {**OUTPUT, 'field_feedforward': True},
    'joint, full': ALL,
    'joint, low rank': {**ALL, 'joint_rank': 4, 'joint_value_rank': 6},
    'joint alone': {'field_projections': False, 'joint_projections': True},
}
CONFIGS = {
    **{name: options('field_attention', **changed) for name, changed in RUNGS.items()},
    'HeteroAtt': options('heteroatt'),
    'HeteroAtt, one layer': options('heteroatt', num_layers=1, value_dim=0, feedforward_ratio=4.0),
    'Hiformer': options('hiformer'),
    'Hiformer, full': options('hiformer', joint_rank=0, joint_value_rank=0),
}


@pytest.mark.parametrize('config', CONFIGS.values(), ids=CONFIGS)
def test_every_rung_equals_the_equations(config):
    model, tables, variables = made(config)
    logits, captured = forward(model, tables, variables, batch(), mutable=['intermediates'])
    expected, attention = reference(config, tables, variables, batch())
    assert logits.shape == (ROWS,)
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-5)
    if model.ATTENTION:
        np.testing.assert_allclose(captured['intermediates']['attention'][0], attention, rtol=1e-5, atol=1e-5)


def test_the_lowest_rung_is_autoint_and_takes_factors_of_its_weights():
    autoint, tables, variables = made(options('autoint'), 'einsum')
    ladder = build(options('field_attention', field_projections=False, value_dim=0), SCHEMA)[0]
    params = dict(variables['params'])
    for number in range(2):
        kernel = params.pop(f'interacting_{number}')['kernel']  # [d, 4, n, a]
        parts = zip(('query', 'key', 'value', 'residual'), jnp.moveaxis(kernel, 1, 0), strict=True)
        kernels = {name: part.reshape(len(part), -1) for name, part in parts}
        residual = {'residual': kernels.pop('residual')}
        params[f'layer_{number}'] = {'projections': kernels, 'residual': residual}
    factors = jax.random.uniform(jax.random.key(2), (ROWS, 2, 2, 5, 5))
    for more in ({}, {'factors': {'attention': factors}}):
        np.testing.assert_allclose(
            forward(ladder, tables, {'params': params, **more}, batch()),
            forward(autoint, tables, variables | more, batch()),
            rtol=1e-5,
            atol=1e-5,
        )


def per_token(d=16, mixed=32, hidden=64):
    """H d_v d + 2 d d_f + d_f + d."""
    return mixed * d + 2 * d * hidden + hidden + d


D16 = {'embedding_dim': 16, 'head_dim': 8, 'value_dim': 16, 'feedforward_ratio': 4.0}
NORMS = 2 * 2 * 16  # of a layer
M = 1 + len(CRITEO.fields)
COUNTS = {
    'HeteroAtt': (
        ModelConfig(name='heteroatt', num_layers=2, **D16),
        # A whole layer as counted by hand; in the last one only the task token asks. Then token, norm and output.
        146_560 + M * 16 * 48 + 16 * 16 + per_token() + 2 * NORMS + 16 + 32 + 17,
    ),
    'Hiformer': (
        ModelConfig(name='hiformer', num_layers=2, joint_rank=64, joint_value_rank=128, **D16),
        515_200
        + 2 * M * 16 * 64
        + 64 * (M + 1) * 16
        + M * 16 * 128
        + 128 * M * 32
        + per_token()
        + 2 * NORMS
        + 16
        + 32
        + 17,
    ),
}


@pytest.mark.parametrize('config, count', COUNTS.values(), ids=COUNTS)
def test_parameter_counts(config, count):
    assert criteo_parameters(config) == count


@pytest.mark.parametrize('rate', ['attention_dropout', 'embedding_dropout', 'feedforward_dropout', 'residual_dropout'])
def test_each_dropout_acts_in_training(rate):
    model, tables, variables = made(options('heteroatt', **{rate: 0.4}))
    training = Training(row_keys(3, jnp.asarray(5), jnp.arange(ROWS)), np.ones(ROWS, np.float32), None)
    dropped = forward(model, tables, variables, batch(), training)
    assert (np.abs(dropped - forward(model, tables, variables, batch())) > 1e-6).mean() > 0.8


@pytest.mark.parametrize(
    'name, changed, text',
    [
        ('field_attention', {'field_feedforward': True}, "'model.field_feedforward' is on, but needs"),
        ('field_attention', {'joint_rank': 3}, "'model.joint_projections' is off, but 'model.joint_rank'"),
        ('field_attention', {'field_output': True, 'residual': False}, "'model.residual' is off, but must be on"),
        ('heteroatt', {'num_layers': 0}, "'model.num_layers' is 0, but model 'heteroatt' needs at least 1 layer"),
        ('hiformer', {'feedforward_ratio': 0.1}, "'model.feedforward_ratio' is 0.1, but must leave"),
        ('hiformer', {'field_output': True}, "model 'hiformer' does not read it"),
    ],
    ids=str,
)
def test_options_that_contradict_each_other_are_refused(name, changed, text):
    with pytest.raises(UsageError, match=text):
        build(options(name, **changed), SCHEMA)
