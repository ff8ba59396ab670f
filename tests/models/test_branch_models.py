"""FCN and FinalNet against loops written from the equations."""

import jax
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
    reference_norm,
)

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.errors import UsageError
from autoint_jax.models.finalnet import FieldGate
from autoint_jax.models.layers.dropout import Training, row_keys
from autoint_jax.models.registry import build

pytestmark = pytest.mark.usefixtures('quick_compilation')


def reference_branch(x, branch, layers, exponential):
    """The logit of one head: x * (C + b) + x, or x_0 * (C + b) + x, with C = [c, c * ReLU(LN(c))] and c = W x."""
    first = x
    for number in range(layers):
        crossed = reference_dense(x, branch[f'matrix_{number}'])
        normed = reference_norm(crossed, branch[f'mask_norm_{number}'])
        masked = [c * max(0, m) for c, m in zip(crossed, normed, strict=True)]
        crossed = [*crossed, *masked] + np.float64(branch[f'bias_{number}'])
        other = x if exponential else first
        x = np.array([other[i] * crossed[i] + x[i] for i in range(len(x))])
    return reference_dense(x, branch['output'])[0]


def reference_fcn(config, embedded, params, statistics):
    """Logits of the two branches of one row."""
    width, logits = config.embedding_dim // config.num_heads, []
    layers = {'deep': config.num_layers, 'shallow': config.shallow_layers or config.num_layers}
    for name, count in layers.items():
        of_heads = []
        for head in range(config.num_heads):
            parts = [vector[head * width : (head + 1) * width] for vector in embedded]
            halves = [part[: width // 2] for part in parts] + [part[width // 2 :] for part in parts]
            of_heads.append(reference_branch(np.concatenate(halves), params[name], count, name == 'deep'))
        logits.append(np.mean(of_heads))
    return logits


def reference_block(x, block, statistics, config):
    """The logit of a block of factorised layers: u, v are halves of W x + b."""
    for number in range(sum(name.startswith('linear') for name in block)):
        mapped = reference_dense(x, block[f'linear_{number}'])
        half = len(mapped) // 2
        products = np.array([mapped[i] * mapped[half + i] for i in range(half)])
        x = np.concatenate([mapped[:half], products]) if config.factors == 'concatenated' else mapped[:half] + products
        if config.deep_batch_norm:
            norm, running = block[f'batch_norm_{number}'], statistics[f'batch_norm_{number}']
            x = (x - np.float64(running['mean'])) / np.sqrt(np.float64(running['variance']) + 1e-5)
            x = x * np.float64(norm['scale']) + np.float64(norm['bias'])
        x = np.maximum(x, 0) if config.factor_relu else x
    return reference_dense(x, block['output'])[0]


def reference_finalnet(config, embedded, params, statistics):
    """Logits of the two blocks of one row."""
    plain = gated = np.concatenate(embedded)
    if config.gate_fields:
        weights, biases = (np.float64(params['field_gate']['gate'][name]) for name in ('kernel', 'bias'))
        gates = [
            biases[f] + sum(weights[g, f] * embedded[g] for g in range(len(embedded))) for f in range(len(embedded))
        ]
        gated = np.concatenate([plain, *(vector * gate for vector, gate in zip(embedded, gates, strict=True))])
    return [
        reference_block(x, params[name], statistics.get(name), config)
        for name, x in (('block_0', gated), ('block_1', plain))
    ]


CONFIGS = {
    'FCN': options('fcn'),
    'FCN, one head, equal branches': options('fcn', num_heads=1, shallow_layers=0),
    'FCN, more shallow layers': options('fcn', num_layers=1, shallow_layers=3),
    'FinalNet': options('finalnet'),
    'FinalNet, sums, batch norm, ReLU': options(
        'finalnet', factors='sum', deep_hidden=(7, 5), second_hidden=(), deep_batch_norm=True, factor_relu=True
    ),
    'FinalNet, no gate': options('finalnet', gate_fields=False),
}
REFERENCES = {'fcn': reference_fcn, 'finalnet': reference_finalnet}


@pytest.mark.parametrize('config', CONFIGS.values(), ids=CONFIGS)
def test_forward_equals_the_equations(config):
    model, tables, variables = made(config)
    logits, sown = forward(model, tables, variables, batch(), mutable=['intermediates'])
    assert logits.shape == (ROWS,)
    vectors = variables['params']['embedding']['numeric']['vectors']
    branches = [
        REFERENCES[config.name](
            config,
            reference_embeddings(tables['embedding'], vectors, ids, values),
            variables['params'],
            variables.get('batch_stats', {}),
        )
        for ids, values in zip(batch().ids, batch().numeric, strict=True)
    ]
    np.testing.assert_allclose(sown['intermediates']['branches'][0], branches, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(logits, np.mean(branches, 1), rtol=1e-5, atol=1e-5)


W = 39 * 16 // 2  # width of a head of FCN on Criteo
E = 39 * 16  # width of all embeddings
COUNTS = {
    'FCN': (ModelConfig(name='fcn'), 2 * 3 * (W * W // 2 + 2 * W) + 2 * (W + 1)),
    'FCN, five shallow layers': (
        ModelConfig(name='fcn', shallow_layers=5),
        (3 + 5) * (W * W // 2 + 2 * W) + 2 * (W + 1),
    ),
    'FinalNet': (
        ModelConfig(name='finalnet', deep_hidden=(64, 32), gate_fields=True),
        40 * 39 + (2 * E + 1) * 64 + (E + 1) * 64 + 2 * (65 * 32 + 33),
    ),
    'FinalNet, sums': (
        ModelConfig(name='finalnet', deep_hidden=(64,), second_hidden=(32,), factors='sum'),
        (E + 1) * 128 + 65 + (E + 1) * 64 + 33,
    ),
}


@pytest.mark.parametrize('config, count', COUNTS.values(), ids=COUNTS)
def test_parameter_counts(config, count):
    assert criteo_parameters(config) == count


@pytest.mark.parametrize('branch, rate', [('deep', 'deep_dropout'), ('shallow', 'shallow_dropout')])
def test_dropout_of_a_branch_of_fcn_leaves_the_other_alone(branch, rate):
    model, tables, variables = made(options('fcn', **{rate: 0.5}))
    training = Training(row_keys(3, jnp.asarray(5), jnp.arange(ROWS)), np.ones(ROWS, np.float32), None)
    dropped, plain = (
        forward(model, tables, variables, batch(), each, mutable=['intermediates'])[1]['intermediates']['branches'][0]
        for each in (training, None)
    )
    changed = ('deep', 'shallow').index(branch)
    assert (np.abs(dropped - plain)[:, changed] > 1e-6).all()
    np.testing.assert_array_equal(dropped[:, 1 - changed], plain[:, 1 - changed])


def test_gates_of_finalnet_start_open():
    model, tables, _ = made(options('finalnet'))
    looked_up = {name: jnp.ones((ROWS, 5, table.shape[1])) for name, table in tables.items()}
    gate = model.init(jax.random.key(0), looked_up, batch(), training=None)['params']['field_gate']
    embedded = jax.random.normal(jax.random.key(1), (ROWS, 5, 3))
    np.testing.assert_array_equal(FieldGate().apply({'params': gate}, embedded)[:, 5:], embedded)


def test_concatenated_factors_need_even_widths():
    with pytest.raises(UsageError, match=r"'model.second_hidden' is \(7,\), but must be made of even widths"):
        build(options('finalnet', second_hidden=(7,)), SCHEMA)
    build(options('finalnet', second_hidden=(7,), factors='sum'), SCHEMA)


@pytest.mark.parametrize(
    'changed, text',
    [
        ({'num_heads': 4}, "option 'model.num_heads' is 4, but twice that number must divide model.embedding_dim, 12"),
        ({'num_layers': 0}, "option 'model.num_layers' is 0, but model 'fcn' needs at least 1 layer"),
    ],
    ids=str,
)
def test_fcn_refuses_options_that_leave_no_model(changed, text):
    with pytest.raises(UsageError, match=text):
        build(options('fcn', **changed), SCHEMA)
