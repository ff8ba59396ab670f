"""AutoInt against loops written from the equations, on prime sizes."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoint_jax.config import ModelConfig
from autoint_jax.models import registry
from autoint_jax.models.dropout import row_keys, scaled_mask
from autoint_jax.models.interacting import attention_weights
from autoint_jax.models.interacting_heads import attend
from autoint_jax.models.registry import parameter_count
from autoint_jax.models.tables import initial_tables, lookup
from autoint_jax.schema import CATEGORICAL, MULTIVALUED, NUMERIC, Batch, FieldSpec, Schema

SCHEMA = Schema((FieldSpec('a', CATEGORICAL, 5), FieldSpec('x', NUMERIC), FieldSpec('tags', MULTIVALUED, 7, max_values=3),
                 FieldSpec('y', NUMERIC), FieldSpec('b', CATEGORICAL, 11)))
ROWS = 13


def batch(rows=ROWS, seed=0):
    rng = np.random.default_rng(seed)
    tags = np.stack([np.concatenate([rng.integers(1, 7, n), np.zeros(3 - n, int)]) for n in rng.integers(0, 4, rows)])
    ids = np.column_stack([rng.integers(0, 5, rows), tags, rng.integers(0, 11, rows)]).astype(np.int32)
    numeric = rng.normal(size=(rows, 2)).astype(np.float32)
    numeric[::3, 1] = np.nan
    return Batch(ids, numeric, (rng.random(rows) < 0.5).astype(np.float32), np.ones(rows, np.float32))


def made(config, seed=0, schema=SCHEMA, rows=None):
    """A model, tables and parameters, all drawn N(0, 0.4^2) so that biases and norms count."""
    model, specs = registry.build(config, schema)
    tables = initial_tables(specs, schema, jax.random.key(seed))
    rows = batch() if rows is None else rows
    params = model.init(jax.random.key(1), lookup(tables, schema, rows), rows, train=False, dropout_keys=None)['params']
    rng = np.random.default_rng(seed)
    draw = lambda tree: jax.tree.map(lambda x: jnp.asarray(rng.normal(0, 0.4, x.shape), jnp.float32), tree)  # noqa: E731
    return model, draw(tables), draw(params)


def forward(model, tables, params, rows, **kwargs):
    return model.apply({'params': params}, lookup(tables, SCHEMA, rows), rows,
                       **{'train': False, 'dropout_keys': None, **kwargs})


def reference_embeddings(tables, params, rows):
    """Eqs. 2-4: [b][f] vectors."""
    table, vectors = np.float64(tables['embedding']), np.float64(params['embedding']['numeric_vectors'])
    offsets = {'a': 0, 'tags': 5, 'b': 12}
    embedded = []
    for ids, values in zip(rows.ids, rows.numeric, strict=True):
        tags = [table[offsets['tags'] + tag] for tag in ids[1:4] if tag > 0]
        embedded.append([
            table[offsets['a'] + ids[0]],
            vectors[0] * values[0],
            sum(tags) / len(tags) if tags else np.zeros(table.shape[1]),
            np.zeros(table.shape[1]) if math.isnan(values[1]) else vectors[1] * values[1],
            table[offsets['b'] + ids[4]]])
    return embedded


def reference_layer(e, layer, config):
    """Eqs. 5-8 for one row's fields `e`; the authors' departures where `variant` says so."""
    authors = config.variant == 'authors'
    kernel = np.float64(layer['kernel'])  # [d, p, n, a]
    heads = kernel.shape[2]

    def project(vector, part, head):
        out = vector @ kernel[:, part, head]
        if authors:
            out = np.maximum(out + np.float64(layer['bias'])[part, head], 0)
        return out

    result = []
    for m in range(len(e)):
        combined = []
        for h in range(heads):
            scores = []
            for k in range(len(e)):
                score = sum(q * x for q, x in zip(project(e[m], 0, h), project(e[k], 1, h), strict=True))
                scores.append(score / math.sqrt(kernel.shape[3]) if authors else score)
            exponentials = [math.exp(score - max(scores)) for score in scores]
            mixed = sum(x / sum(exponentials) * project(e[k], 2, h) for k, x in enumerate(exponentials))
            if config.residual:
                mixed = mixed + project(e[m], 3, h)
            combined.append(mixed)
        out = np.maximum(np.concatenate(combined), 0)
        if authors:
            out = (out - out.mean()) / np.sqrt(out.var() + 1e-8) * np.float64(layer['norm']['scale']) + np.float64(
                layer['norm']['bias'])
        result.append(out)
    return result


def reference_mlp(x, layers):
    hidden = [name for name in sorted(layers) if name.startswith('hidden')]
    for name in hidden:
        x = np.maximum(x @ np.float64(layers[name]['kernel']) + np.float64(layers[name]['bias']), 0)
    return (x @ np.float64(layers['output']['kernel']) + np.float64(layers['output']['bias']))[0]


def reference(config, tables, params, rows):
    logits = []
    for embedded in reference_embeddings(tables, params, rows):
        e = embedded
        for number in range(config.num_layers):
            e = reference_layer(e, params[f'interacting_{number}'], config)
        logit = reference_mlp(np.concatenate(e), params['head'])
        if config.deep_hidden:
            logit += reference_mlp(np.concatenate(embedded), params['deep'])
        logits.append(logit)
    return np.array(logits)


SMALL = ModelConfig(embedding_dim=3, num_layers=2, num_heads=2, head_dim=7)
CONFIGS = {
    'paper': SMALL,
    'authors': dataclasses.replace(SMALL, variant='authors'),
    'no residual': dataclasses.replace(SMALL, residual=False, num_heads=3),
    'authors, no residual': dataclasses.replace(SMALL, variant='authors', residual=False),
    'head': dataclasses.replace(SMALL, head_hidden=(11,)),
    'AutoInt+': dataclasses.replace(SMALL, variant='authors', deep_hidden=(17, 13)),
    'no layers': dataclasses.replace(SMALL, num_layers=0),
}


@pytest.mark.parametrize('config', CONFIGS.values(), ids=CONFIGS)
def test_forward_equals_the_equations(config):
    model, tables, params = made(config)
    logits = forward(model, tables, params, batch())
    assert logits.shape == (ROWS,)
    np.testing.assert_allclose(logits, reference(config, tables, params, batch()), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('masked', [False, True])
def test_written_backward_pass_equals_automatic_differentiation(masked):
    rng = np.random.default_rng(2)
    query, key, value = (jnp.asarray(rng.normal(size=(5, 7, 3)), jnp.float32) for _ in range(3))
    mask = jnp.asarray(rng.integers(0, 2, (5, 7, 7)) * 1.5, jnp.float32) if masked else None
    out = jnp.asarray(rng.normal(size=(5, 7, 3)), jnp.float32)

    def plain(query, key, value):
        weights = attention_weights(query, key, scale=0.7)
        return jnp.einsum('bfg,bga->bfa', weights if mask is None else weights * mask, value)

    ours = jax.grad(lambda *x: jnp.vdot(attend(*x, mask, 0.7), out), (0, 1, 2))(query, key, value)
    theirs = jax.grad(lambda *x: jnp.vdot(plain(*x), out), (0, 1, 2))(query, key, value)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


# paper.md 1.6: fields -> (authors' code, authors' code with a 400x2 network, equations only).
COUNTS = {'criteo': (39, 40_513, 451_314, 39_361), 'avazu': (23, 39_489, 347_890, 38_337),
          'kdd12': (13, 38_849, 283_250, 37_697), 'movielens_1m': (7, 38_465, 244_466, 37_313)}


@pytest.mark.parametrize('fields, authors, with_deep, paper', COUNTS.values(), ids=COUNTS)
def test_parameter_counts_equal_the_published(fields, authors, with_deep, paper):
    schema = Schema((FieldSpec('x', NUMERIC), *(FieldSpec(f'c{number}', CATEGORICAL, 3) for number in range(fields - 1))))
    rows = Batch(np.zeros((1, fields - 1), np.int32), np.zeros((1, 1), np.float32), np.zeros(1), np.ones(1))
    for config, count in ((ModelConfig(variant='authors'), authors), (ModelConfig(), paper),
                          (ModelConfig(variant='authors', deep_hidden=(400, 400)), with_deep)):
        assert parameter_count(made(config, schema=schema, rows=rows)[2]) == count


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
    trained = forward(model, tables, params, batch(), train=True, dropout_keys=keys)
    assert not np.allclose(trained, forward(model, tables, params, batch()))
    part = Batch(*(x[4:9] for x in batch()))
    np.testing.assert_allclose(forward(model, tables, params, part, train=True, dropout_keys=keys[4:9]), trained[4:9],
                               rtol=1e-5, atol=1e-6)


def test_dropout_masks_keep_the_stated_share_and_the_mean():
    keys = row_keys(0, jnp.asarray(0), jnp.arange(1009))
    mask = np.asarray(scaled_mask(keys, site=0, rate=0.4, shape=(101,)))
    assert set(np.unique(mask)) == {np.float32(0), np.float32(1 / 0.6)}
    assert abs((mask > 0).mean() - 0.6) < 0.005
    assert (mask != np.asarray(scaled_mask(keys, site=1, rate=0.4, shape=(101,)))).mean() > 0.4
