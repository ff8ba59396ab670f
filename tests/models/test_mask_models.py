"""MaskNet and FinalMLP against loops written from the equations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from model_cases import ROWS, batch, forward, made, options, reference_dense, reference_embeddings, reference_mlp

from autoint_jax.errors import UsageError
from autoint_jax.models.layers.dropout import Training, row_keys

pytestmark = pytest.mark.usefixtures('quick_compilation')


def reference_norm(x, scale, bias):
    centred = x - x.mean()
    return centred / np.sqrt((centred**2).mean() + 1e-5) * np.float64(scale) + np.float64(bias)


def reference_block(embedded, x, block):
    """ReLU(LN(W (mask * x))), the mask from the embeddings."""
    hidden = np.maximum(reference_dense(embedded, block['mask_hidden']), 0)
    mask = reference_dense(hidden, block['mask'])
    masked = np.array([mask[i] * x[i] for i in range(len(x))])
    return np.maximum(reference_norm(reference_dense(masked, block['hidden']), **block['norm']), 0)


def reference_masknet(config, embedded, variables):
    params = variables['params']
    norm = params['field_norm']
    normed = np.concatenate(
        [reference_norm(vector, norm['scale'][field], norm['bias'][field]) for field, vector in enumerate(embedded)]
    )
    embedded = np.concatenate(embedded)
    if config.mask_parallel:
        x = np.concatenate(
            [reference_block(embedded, normed, params[f'block_{number}']) for number in range(config.num_layers)]
        )
    else:
        x = normed
        for number in range(config.num_layers):
            x = reference_block(embedded, x, params[f'block_{number}'])
    return reference_mlp(x, params['deep'], variables.get('batch_stats', {}).get('deep'))


def reference_finalmlp(config, embedded, variables):
    params, statistics, outs = variables['params'], variables.get('batch_stats', {}), []
    for number in range(2):
        x = np.concatenate(embedded)
        if config.gate_hidden:
            gate = params[f'gate_{number}']
            hidden = reference_mlp(np.float64(gate['context'])[0], gate['hidden'], output=False)
            x = x * 2 / (1 + np.exp(-reference_dense(hidden, gate['output'])))
        outs.append(reference_mlp(x, params[f'stream_{number}'], statistics.get(f'stream_{number}'), output=False))
    fusion, heads = params['fusion'], config.fusion_heads
    logit = float(fusion['bias']) + sum(np.float64(fusion[f'output_{number}']) @ outs[number] for number in range(2))
    p, q = len(outs[0]) // heads, len(outs[1]) // heads
    for n in range(heads):
        for i in range(p):
            for j in range(q):
                logit += outs[0][n * p + i] * float(fusion['matrices'][n, i, j]) * outs[1][n * q + j]
    return logit


REFERENCES = {'masknet': reference_masknet, 'finalmlp': reference_finalmlp}
CONFIGS = {
    'MaskNet, parallel': options('masknet'),
    'MaskNet, parallel, no deep network': options('masknet', deep_hidden=(), num_layers=3),
    'MaskNet, serial': options('masknet', mask_parallel=False, deep_hidden=(), num_layers=3),
    'MaskNet, serial, deep network': options('masknet', mask_parallel=False, deep_batch_norm=True),
    'MaskNet, other ratio': options('masknet', mask_ratio=0.3, num_layers=1),
    'FinalMLP': options('finalmlp'),
    'FinalMLP, no gates': options('finalmlp', gate_hidden=()),
    'FinalMLP, one head': options('finalmlp', fusion_heads=1, gate_hidden=(13, 5)),
    'FinalMLP, equal streams, batch norm': options('finalmlp', second_hidden=(), fusion_heads=3, deep_batch_norm=True),
}


@pytest.mark.parametrize('config', CONFIGS.values(), ids=CONFIGS)
def test_forward_equals_the_equations(config):
    model, tables, variables = made(config)
    logits = forward(model, tables, variables, batch())
    assert logits.shape == (ROWS,)
    expected = []
    for ids, values in zip(batch().ids, batch().numeric, strict=True):
        embedded = reference_embeddings(
            tables['embedding'], variables['params']['embedding']['numeric']['vectors'], ids, values
        )
        expected.append(REFERENCES[config.name](config, embedded, variables))
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-5)


DROPOUTS = {
    'embeddings, MaskNet': options('masknet', embedding_dropout=0.5),
    'blocks, one after the other': options('masknet', deep_dropout=0.5, deep_hidden=(), mask_parallel=False),
    'blocks, side by side': options('masknet', deep_dropout=0.5, deep_hidden=()),
    'embeddings, FinalMLP': options('finalmlp', embedding_dropout=0.5),
    'streams': options('finalmlp', deep_dropout=0.5),
}


@pytest.mark.parametrize('config', DROPOUTS.values(), ids=DROPOUTS)
def test_dropout_acts_in_training(config):
    model, tables, variables = made(config)
    training = Training(row_keys(3, jnp.asarray(5), jnp.arange(ROWS)), np.ones(ROWS, np.float32), None)
    assert not np.allclose(
        forward(model, tables, variables, batch(), training), forward(model, tables, variables, batch())
    )


def test_streams_drop_different_values():
    config = options('finalmlp', gate_hidden=(), second_hidden=(), fusion_heads=1, deep_dropout=0.5)
    model, tables, variables = made(config)
    params = variables['params']
    params['stream_1'] = params['stream_0']
    params['fusion'] |= {
        'matrices': 0 * params['fusion']['matrices'],
        'output_1': -params['fusion']['output_0'],
        'bias': jnp.zeros(()),
    }
    training = Training(row_keys(3, jnp.asarray(5), jnp.arange(ROWS)), np.ones(ROWS, np.float32), None)
    np.testing.assert_allclose(forward(model, tables, variables, batch()), 0, atol=1e-5)
    assert not np.allclose(forward(model, tables, variables, batch(), training), 0, atol=1e-3)


def test_gates_learn_from_their_initial_values():
    """The context starts from small random values, so that a gradient passes the ReLU of the gates."""
    config = options('finalmlp')
    model, tables, variables = made(config)
    rows = batch()
    gates = model.init(
        jax.random.key(0),
        {name: jnp.zeros((ROWS, 5, table.shape[1])) for name, table in tables.items()},
        rows,
        training=None,
    )['params']
    params = variables['params'] | {name: gates[name] for name in ('gate_0', 'gate_1')}
    gradient = jax.grad(lambda params: forward(model, tables, {'params': params}, rows).sum())(params)
    for name in ('gate_0', 'gate_1'):
        assert all(np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(gradient[name]))


@pytest.mark.parametrize('heads', [3, 4, 5])
def test_fusion_heads_divide_both_streams(heads):
    with pytest.raises(UsageError, match=f'model.fusion_heads.* is {heads}.*6 and 10'):
        made(options('finalmlp', fusion_heads=heads))


def test_no_blocks_are_refused():
    with pytest.raises(UsageError, match='model.num_layers'):
        made(options('masknet', num_layers=0))
