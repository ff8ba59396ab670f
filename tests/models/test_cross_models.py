"""CrossNet, DCN and DCN-V2 against loops written from the equations."""

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
    reference_mlp,
    reference_stacked,
)

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.errors import UsageError
from autoint_jax.models.layers.dropout import Training, row_keys

pytestmark = pytest.mark.usefixtures('quick_compilation')


def reference_cross(first, part):
    """x_{l+1} = x_0 (x_l^T w_l) + b_l + x_l."""
    kernel, bias, x = np.float64(part['kernel']), np.float64(part['bias']), first
    for layer in range(kernel.shape[1]):
        product = sum(x[i] * kernel[i, layer] for i in range(len(x)))
        x = np.array([first[i] * product + bias[layer, i] + x[i] for i in range(len(x))])
    return x


def reference_matrix_cross(first, x, layer, config):
    """x_0 * (W x_l + b) * g + x_l, W x_l full, U V^T x_l, or the sum of gated experts; g is 1 or sigmoid(G x_l)."""
    bias, rank, width = np.float64(layer['bias']), config.cross_rank, len(x)
    if not rank:
        crossed = reference_dense(x, layer['matrix'])
    else:
        down, up = np.float64(layer['down']['kernel']), np.float64(layer['up']['kernel'])
        crossed, gates = np.zeros(width), [1.0]
        if config.cross_experts > 1:
            exponentials = np.exp(reference_dense(x, layer['gate']))
            gates = exponentials / exponentials.sum()
        for expert in range(config.cross_experts):
            own = slice(expert * rank, (expert + 1) * rank)
            inner = down[:, own].T @ x  # V^T x
            if config.cross_experts > 1:
                inner = np.tanh(np.float64(layer['core'])[expert].T @ np.tanh(inner))
            crossed = crossed + gates[expert] * (up[own].T @ inner + bias)
        bias = 0.0
    gate = 1 / (1 + np.exp(-reference_dense(x, layer['information_gate']))) if config.cross_gate else np.ones(width)
    return np.array([first[i] * (crossed + bias)[i] * gate[i] + x[i] for i in range(width)])


def reference(config, tables, variables, rows):
    params, logits = variables['params'], []
    for ids, values in zip(rows.ids, rows.numeric, strict=True):
        x = first = reference_stacked(tables['embedding'], ids, values)
        if config.name == 'dcn_v2':
            for layer in range(config.num_layers):
                x = reference_matrix_cross(first, x, params[f'cross_{layer}'], config)
        else:
            x = reference_cross(first, params['cross'])
        statistics = variables.get('batch_stats', {}).get('deep')
        if config.name == 'crossnet':
            logit = reference_mlp(x, params['head'])
        elif config.cross_stacked or not config.deep_hidden:
            logit = reference_mlp(x, params['deep'], statistics)
        else:  # one output layer over [x_L ; last hidden layer]
            deep = params['deep']
            joined = np.concatenate([x, reference_mlp(first, deep, statistics, output=False)])
            weights = np.concatenate(
                [np.float64(layer['kernel'])[:, 0] for layer in (params['cross_output'], deep['output'])]
            )
            logit = weights @ joined + float(deep['output']['bias'][0])
        logits.append(logit)
    return np.array(logits)


CONFIGS = {
    'CrossNet': options('crossnet'),
    'CrossNet, one layer': options('crossnet', num_layers=1),
    'CrossNet, none': options('crossnet', num_layers=0),
    'CrossNet, five layers': options('crossnet', num_layers=5),
    'DCN': options('deep_cross'),
    'DCN, batch norm': options('deep_cross', deep_batch_norm=True),
    'DCN-V2, experts': options('dcn_v2'),
    'DCN-V2, experts, stacked': options('dcn_v2', cross_stacked=True),
    'DCN-V2, low rank': options('dcn_v2', cross_experts=1),
    'DCN-V2, full': options('dcn_v2', cross_experts=1, cross_rank=0, deep_batch_norm=True),
    'DCN-V2, full, stacked': options('dcn_v2', cross_experts=1, cross_rank=0, cross_stacked=True),
    'DCN-V2, cross only': options('dcn_v2', deep_hidden=()),
    'GDCN, stacked': options('dcn_v2', cross_gate=True, cross_experts=1, cross_rank=0, cross_stacked=True),
    'GDCN, experts': options('dcn_v2', cross_gate=True),
}


@pytest.mark.parametrize('config', CONFIGS.values(), ids=CONFIGS)
def test_forward_equals_the_equations(config):
    model, tables, variables = made(config)
    logits = forward(model, tables, variables, batch())
    assert logits.shape == (ROWS,)
    np.testing.assert_allclose(logits, reference(config, tables, variables, batch()), rtol=1e-5, atol=1e-5)


# Criteo: 13 numeric fields as they are, 26 categorical of 16 values: inputs 429 wide.
COUNTS = {
    'CrossNet (AutoInt paper, Table 3: 3e3)': (ModelConfig(name='crossnet'), 3_004),
    'DCN': (ModelConfig(name='deep_cross', deep_hidden=(400, 400)), 3 * 2 * 429 + 429 + 430 * 400 + 401 * 400 + 401),
    'DCN-V2': (ModelConfig(name='dcn_v2'), 3 * (429 + 1) * 429 + 430),
    'GDCN': (ModelConfig(name='dcn_v2', cross_gate=True), 3 * (2 * 429 + 1) * 429 + 430),
    'DCN-V2, low rank': (ModelConfig(name='dcn_v2', cross_rank=64), 3 * (2 * 64 + 1) * 429 + 430),
    'DCN-V2, experts': (
        ModelConfig(name='dcn_v2', cross_rank=64, cross_experts=4),
        3 * (4 * (2 * 64 * 429 + 64 * 64 + 429) + 429) + 430,
    ),
}


@pytest.mark.parametrize('config, count', COUNTS.values(), ids=COUNTS)
def test_parameter_counts(config, count):
    assert criteo_parameters(config) == count


@pytest.mark.parametrize('name', ['crossnet', 'deep_cross', 'dcn_v2'])
def test_embedding_dropout_acts_in_training(name):
    model, tables, variables = made(options(name, embedding_dropout=0.5))
    training = Training(row_keys(3, jnp.asarray(5), jnp.arange(ROWS)), np.ones(ROWS, np.float32), None)
    assert not np.allclose(
        forward(model, tables, variables, batch(), training), forward(model, tables, variables, batch())
    )


@pytest.mark.parametrize('name', ['deep_cross', 'dcn_v2'])
def test_deep_dropout_changes_the_deep_part_alone(name):
    model, tables, variables = made(options(name, deep_dropout=0.5))
    training = Training(row_keys(3, jnp.asarray(5), jnp.arange(ROWS)), np.ones(ROWS, np.float32), None)
    assert not np.allclose(
        forward(model, tables, variables, batch(), training), forward(model, tables, variables, batch())
    )
    variables['params']['deep']['output']['kernel'] *= 0
    np.testing.assert_array_equal(
        forward(model, tables, variables, batch(), training), forward(model, tables, variables, batch())
    )


def test_a_stacked_network_needs_hidden_widths():
    with pytest.raises(UsageError, match='model.cross_stacked'):
        options('dcn_v2', cross_stacked=True, deep_hidden=())
