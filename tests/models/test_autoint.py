"""AutoInt against loops written from the equations, on prime sizes."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import model_cases
import numpy as np
import pytest
from model_cases import ROWS, SCHEMA, batch, reference_embeddings, reference_first_order, reference_mlp

from autoint_jax.config.configuration import Config
from autoint_jax.config.model_config import ModelConfig
from autoint_jax.errors import UsageError
from autoint_jax.models.interacting.heads import attend
from autoint_jax.models.interacting.stack import attention_weights
from autoint_jax.models.layers.dropout import Training, row_keys
from autoint_jax.models.registry import build, parameter_count
from autoint_jax.schema import CATEGORICAL, NUMERIC, Batch, FieldSpec, Schema
from autoint_jax.training.step.state import initial_state, make_setup

pytestmark = pytest.mark.usefixtures('quick_compilation')


def made(config, schema=SCHEMA, rows=None):
    model, tables, variables = model_cases.made(config, schema=schema, rows=rows)
    return model, tables, variables['params']


def forward(model, tables, params, rows, training=None, **options):
    return model_cases.forward(model, tables, {'params': params}, rows, training, **options)


def meant(config):
    """What the options that may say 'model' mean, by the variant."""
    of_variant = {
        'paper': {'score_scale': 'one', 'projection_activation': 'none', 'projection_bias': 'off', 'layer_norm': 'off'},
        'authors': {
            'score_scale': 'head_dim',
            'projection_activation': 'relu',
            'projection_bias': 'on',
            'layer_norm': 'after_activation',
        },
    }[config.variant]
    return dataclasses.replace(
        config, **{name: value for name, value in of_variant.items() if getattr(config, name) == 'model'}
    )


def normalised(x, norm, epsilon):
    return (x - x.mean()) / np.sqrt(x.var() + epsilon) * np.float64(norm['scale']) + np.float64(norm['bias'])


def reference_layer(e, layer, config):
    """Eqs. 5-8 for one row's fields `e`, with the departures that the options name."""
    config = meant(config)
    kernel = np.float64(layer['kernel'])  # [d, p, n, a]
    heads = kernel.shape[2]
    assert ('bias' in layer) == (config.projection_bias == 'on') and ('norm' in layer) == (config.layer_norm != 'off')
    identity = config.residual_projection == 'where_needed' and kernel.shape[0] == heads * kernel.shape[3]

    def project(vector, part, head):
        out = vector @ kernel[:, part, head]
        if 'bias' in layer:
            out = out + np.float64(layer['bias'])[part, head]
        return np.maximum(out, 0) if config.projection_activation == 'relu' else out

    result = []
    for m in range(len(e)):
        combined = []
        for h in range(heads):
            scores = []
            for k in range(len(e)):
                score = sum(q * x for q, x in zip(project(e[m], 0, h), project(e[k], 1, h), strict=True))
                scores.append(score / math.sqrt(kernel.shape[3]) if config.score_scale == 'head_dim' else score)
            exponentials = [math.exp(score - max(scores)) for score in scores]
            mixed = sum(x / sum(exponentials) * project(e[k], 2, h) for k, x in enumerate(exponentials))
            if config.residual and not identity:
                mixed = mixed + project(e[m], 3, h)
            combined.append(mixed)
        out = np.concatenate(combined)
        if config.residual and identity:
            out = out + e[m]
        if config.layer_norm == 'before_activation':
            out = normalised(out, layer['norm'], 1e-5)  # FuxiCTR has PyTorch's epsilon, the authors their own
        out = np.maximum(out, 0)
        if config.layer_norm == 'after_activation':
            out = normalised(out, layer['norm'], 1e-8)
        result.append(out)
    return result


def reference(config, tables, params, rows):
    logits = []
    for ids, values in zip(rows.ids, rows.numeric, strict=True):
        e = embedded = reference_embeddings(tables['embedding'], params['embedding']['numeric']['vectors'], ids, values)
        for number in range(config.num_layers):
            e = reference_layer(e, params[f'interacting_{number}'], config)
        x, logit = np.concatenate(e), 0.0
        if config.deep_hidden and config.deep_output == 'sum':
            logit += reference_mlp(np.concatenate(embedded), params['deep'])
        if config.deep_output == 'concatenated':
            x = np.concatenate([x, reference_mlp(np.concatenate(embedded), params['deep'], output=False)])
        if config.wide:
            logit += reference_first_order(tables['linear'], params['linear_embedding']['numeric'], ids, values)
        logits.append(logit + reference_mlp(x, params['head']))
    return np.array(logits)


SMALL = model_cases.SMALL['autoint']
CONFIGS = {
    'paper': SMALL,
    'authors': dataclasses.replace(SMALL, variant='authors'),
    'no residual': dataclasses.replace(SMALL, residual=False, num_heads=3),
    'authors, no residual': dataclasses.replace(SMALL, variant='authors', residual=False),
    'head': dataclasses.replace(SMALL, head_hidden=(11,)),
    'AutoInt+': dataclasses.replace(SMALL, variant='authors', deep_hidden=(17, 13)),
    'no layers': dataclasses.replace(SMALL, num_layers=0),
    'scaled': dataclasses.replace(SMALL, score_scale='head_dim'),
    'authors, unscaled': dataclasses.replace(SMALL, variant='authors', score_scale='one'),
    'ReLU without bias': dataclasses.replace(SMALL, projection_activation='relu'),
    'bias without ReLU': dataclasses.replace(SMALL, projection_bias='on'),
    'authors, linear': dataclasses.replace(
        SMALL, variant='authors', projection_activation='none', projection_bias='off'
    ),
    'norm after': dataclasses.replace(SMALL, layer_norm='after_activation'),
    'norm before': dataclasses.replace(SMALL, layer_norm='before_activation'),
    'authors, no norm': dataclasses.replace(SMALL, variant='authors', layer_norm='off'),
    'identity after the first layer': dataclasses.replace(SMALL, residual_projection='where_needed', num_layers=3),
    'identity in all layers': dataclasses.replace(SMALL, residual_projection='where_needed', embedding_dim=14),
    'identity, but no residual': dataclasses.replace(SMALL, residual_projection='where_needed', residual=False),
    'wide': dataclasses.replace(SMALL, wide=True),
    'concatenated': dataclasses.replace(SMALL, deep_hidden=(17, 13), deep_output='concatenated'),
    'concatenated, head': dataclasses.replace(SMALL, deep_hidden=(17,), deep_output='concatenated', head_hidden=(11,)),
    'FuxiCTR': dataclasses.replace(
        SMALL,
        layer_norm='before_activation',
        residual_projection='where_needed',
        wide=True,
        score_scale='head_dim',
        deep_hidden=(17, 13),
        num_layers=3,
    ),
}


@pytest.mark.parametrize('config', CONFIGS.values(), ids=CONFIGS)
def test_forward_equals_the_equations(config):
    _, tables, params = made(config)
    expected = reference(config, tables, params, batch())
    for form in ('einsum', 'heads', 'automatic'):
        logits = forward(build(config, SCHEMA, form)[0], tables, params, batch())
        assert logits.shape == (ROWS,)
        np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('important', [False, True])
@pytest.mark.parametrize('masked', [False, True])
def test_written_backward_pass_equals_automatic_differentiation(masked, important):
    rng = np.random.default_rng(2)
    query, key, value = (jnp.asarray(rng.normal(size=(5, 7, 3)), jnp.float32) for _ in range(3))
    mask = jnp.asarray(rng.integers(0, 2, (5, 7, 7)) * 1.5, jnp.float32) if masked else None
    importance = [jnp.asarray(rng.normal(size=(5, 7)), jnp.float32)] * important
    out = jnp.asarray(rng.normal(size=(5, 7, 3)), jnp.float32)

    def plain(query, key, value, *importance):
        weights = attention_weights(query, key, scale=0.7) + sum(each[:, None] for each in importance)
        return jnp.einsum('bfg,bga->bfa', weights if mask is None else weights * mask, value)

    def written(query, key, value, *importance):
        return attend(query, key, value, mask, 0.7, *importance)

    arrays = (query, key, value, *importance)
    np.testing.assert_allclose(written(*arrays), plain(*arrays), rtol=1e-5, atol=1e-5)
    ours, theirs = (
        jax.grad(lambda *x, form=form: jnp.vdot(form(*x), out), range(len(arrays)))(*arrays)
        for form in (written, plain)
    )
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


# paper.md 1.6: fields -> (authors' code, authors' code with a 400x2 network, equations only).
COUNTS = {
    'criteo': (39, 40_513, 451_314, 39_361),
    'avazu': (23, 39_489, 347_890, 38_337),
    'kdd12': (13, 38_849, 283_250, 37_697),
    'movielens_1m': (7, 38_465, 244_466, 37_313),
}


@pytest.mark.parametrize('fields, authors, with_deep, paper', COUNTS.values(), ids=COUNTS)
def test_parameter_counts_equal_the_published(fields, authors, with_deep, paper):
    schema = Schema(
        (FieldSpec('x', NUMERIC), *(FieldSpec(f'c{number}', CATEGORICAL, 3) for number in range(fields - 1)))
    )
    rows = Batch(np.zeros((1, fields - 1), np.int32), np.zeros((1, 1), np.float32), np.zeros(1), np.ones(1))
    for config, count in (
        (ModelConfig(variant='authors'), authors),
        (ModelConfig(), paper),
        (ModelConfig(variant='authors', deep_hidden=(400, 400)), with_deep),
    ):
        assert parameter_count(made(config, schema=schema, rows=rows)[2]) == count


def test_xavier_normal_has_the_variance_of_glorot_uniform_and_no_bound():
    config = ModelConfig(embedding_dim=24, num_layers=1, num_heads=2, head_dim=20, wide=True)
    setups = {
        kind: make_setup(Config(model=dataclasses.replace(config, kernel_init=kind)), SCHEMA)
        for kind in ('model', 'xavier_normal')
    }
    states = {kind: initial_state(setup) for kind, setup in setups.items()}
    drawn = {kind: state.params for kind, state in states.items()}
    stddev = (2 / (24 + 40)) ** 0.5
    for kind, params in drawn.items():
        kernel = np.asarray(params['interacting_0']['kernel'])
        assert kernel.shape == (24, 4, 2, 20) and kernel.std() == pytest.approx(stddev, rel=0.05)
        assert (np.abs(kernel).max() > 2.5 * stddev) == (kind == 'xavier_normal')  # a uniform one ends at sqrt(3)
    vectors = [np.asarray(params['embedding']['numeric']['vectors']) for params in drawn.values()]
    assert np.abs(vectors[0]).max() < 0.05 < (2 / 25) ** 0.5 / 2 < np.abs(vectors[1]).max()
    first_order = [np.asarray(state.tables['linear']) for state in states.values()]
    assert not first_order[0].any() and first_order[1].std() == pytest.approx(config.embedding_stddev, rel=0.3)
    numbers = [np.asarray(params['linear_embedding']['numeric']) for params in drawn.values()]
    assert not numbers[0].any() and np.abs(numbers[1]).max() > 0.1


def test_concatenation_needs_a_deep_network():
    with pytest.raises(
        UsageError, match="'concatenated', but there is no deep network: model.deep_hidden is not given"
    ):
        made(dataclasses.replace(SMALL, deep_output='concatenated'))


@pytest.mark.parametrize('variant', ['paper', 'authors'])
def test_capturing_attention_changes_no_logit_and_rows_sum_to_one(variant):
    model, tables, params = made(dataclasses.replace(SMALL, variant=variant))
    logits, captured = forward(model, tables, params, batch(), mutable=['intermediates'])
    np.testing.assert_array_equal(logits, forward(model, tables, params, batch()))
    attention = captured['intermediates']['attention'][0]
    assert attention.shape == (ROWS, 2, 2, 5, 5)
    np.testing.assert_allclose(attention.sum(-1), 1, rtol=1e-5)


def test_order_of_values_in_a_multivalued_field_does_not_matter():
    model, tables, params = made(SMALL)
    rows = batch()
    turned = rows._replace(ids=rows.ids[:, [0, 3, 1, 2, 4]])
    np.testing.assert_allclose(forward(model, tables, params, rows), forward(model, tables, params, turned), rtol=1e-5)


def test_dropout_acts_in_training_only_and_depends_on_the_row_alone():
    model, tables, params = made(dataclasses.replace(SMALL, attention_dropout=0.3, embedding_dropout=0.2))
    keys = row_keys(3, jnp.asarray(5), jnp.arange(ROWS))
    trained = forward(model, tables, params, batch(), Training(keys, np.ones(ROWS, np.float32), None))
    assert not np.allclose(trained, forward(model, tables, params, batch()))
    part = jax.tree.map(lambda x: x[4:9], batch())
    np.testing.assert_allclose(
        forward(model, tables, params, part, Training(keys[4:9], np.ones(5, np.float32), None)),
        trained[4:9],
        rtol=1e-5,
        atol=1e-6,
    )
