"""FM, AFM, NFM and HOFM against explicit sums over pairs, triples and so on, written from the equations."""

import dataclasses
import itertools
import math

import jax
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
    reference_features,
    reference_first_order,
    reference_mlp,
)

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.models.hofm import anova_kernel
from autoint_jax.models.layers.batch_norm import EPSILON, STATISTICS
from autoint_jax.models.layers.dropout import EMBEDDING_SITE, LAYER_SITE, Training, row_keys, scaled_mask
from autoint_jax.models.layers.tables import lookup
from autoint_jax.models.registry import build
from autoint_jax.schema import CATEGORICAL, NUMERIC, Batch, FieldSpec, Schema

pytestmark = pytest.mark.usefixtures('quick_compilation')


def features(tables, params, ids, values, table='embedding', module='embedding'):
    return reference_features(tables[table], params[module]['numeric']['vectors'], ids, values)


def first_order(tables, params, ids, values):
    return reference_first_order(tables['linear'], params['linear_embedding']['numeric'], ids, values)


def subset_products(e, order):
    """The element-wise product of every subset of so many features that the row has."""
    return [math.prod(subset) for subset in itertools.combinations([x for x in e if x is not None], order)]


# The parts of logits beside w^T x, of one row; `masks` {site: of the row} where training drops values.


def fm_part(config, tables, params, statistics, ids, values, masks):
    pairs = sum(subset_products(features(tables, params, ids, values), 2)) * masks.get(EMBEDDING_SITE, 1.0)
    return pairs.sum() + float(params['bias'])


def afm_part(config, tables, params, statistics, ids, values, masks):
    places = itertools.combinations(enumerate(features(tables, params, ids, values)), 2)
    present = [
        (pair, one * other)
        for pair, ((_, one), (_, other)) in enumerate(places)
        if one is not None and other is not None
    ]
    products = [product for _, product in present]
    kept = np.array([np.broadcast_to(masks.get(LAYER_SITE, 1.0), 21)[pair] for pair, _ in present])
    hidden, score = params['pairs']['hidden'], np.float64(params['pairs']['score'])
    scores = []
    for product in products:
        total = 0.0
        for unit in range(config.attention_dim):
            value = sum(product[d] * float(hidden['kernel'][d, unit]) for d in range(config.embedding_dim))
            total += score[unit] * max(value + float(hidden['bias'][unit]), 0.0)
        scores.append(total)
    weights = np.exp(scores) / np.exp(scores).sum() * kept
    pooled = sum(weight * product for weight, product in zip(weights, products, strict=True)) * masks.get(
        EMBEDDING_SITE, 1.0
    )
    return pooled @ np.float64(params['projection']) + float(params['bias'])


def nfm_part(config, tables, params, statistics, ids, values, masks):
    pooled = sum(subset_products(features(tables, params, ids, values), 2))
    if config.deep_batch_norm:
        norm, running = params['batch_norm'], statistics['batch_norm']
        pooled = (pooled - np.float64(running['mean'])) / np.sqrt(np.float64(running['variance']) + EPSILON)
        pooled = pooled * np.float64(norm['scale']) + np.float64(norm['bias'])
    return reference_mlp(
        pooled * masks.get(EMBEDDING_SITE, 1.0),
        params['deep'],
        statistics['deep'] if config.deep_batch_norm and config.deep_hidden else None,
    )


def hofm_part(config, tables, params, statistics, ids, values, masks):
    sums = []
    for order in range(2, config.order + 1):
        table = 'embedding' if order == 2 else f'embedding_order_{order}'
        e = features(tables, params, ids, values, table, f'order_{order}_embedding')
        sums.append(sum(subset_products(e, order), np.zeros(config.embedding_dim)))
    return (np.concatenate(sums) * masks.get(EMBEDDING_SITE, 1.0)).sum() + float(params['bias'])


PARTS = {'fm': fm_part, 'afm': afm_part, 'nfm': nfm_part, 'hofm': hofm_part}


def reference(config, tables, variables, rows, masks=None):
    params, statistics = variables['params'], variables.get(STATISTICS)
    return np.array(
        [
            first_order(tables, params, rows.ids[row], rows.numeric[row])
            + PARTS[config.name](
                config,
                tables,
                params,
                statistics,
                rows.ids[row],
                rows.numeric[row],
                {site: np.float64(mask[row]) for site, mask in (masks or {}).items()},
            )
            for row in range(len(rows.labels))
        ]
    )


CONFIGS = {
    'fm': options('fm'),
    'fm, d 1': options('fm', embedding_dim=1),
    'afm': options('afm'),
    'afm, attention narrower than embeddings': options('afm', embedding_dim=5, attention_dim=2),
    'nfm': options('nfm'),
    'nfm, two hidden layers': options('nfm', deep_hidden=(7, 11)),
    'nfm, no hidden layer': options('nfm', deep_hidden=()),
    'nfm, batch norm': options('nfm', deep_hidden=(7, 5), deep_batch_norm=True),
    'nfm, batch norm, no hidden layer': options('nfm', deep_hidden=(), deep_batch_norm=True),
    'hofm 2': options('hofm', order=2),
    'hofm 3': options('hofm', order=3),
    'hofm 4': options('hofm', order=4),
    'hofm, more orders than fields': options('hofm', order=6),
}


@pytest.mark.parametrize('config', CONFIGS.values(), ids=CONFIGS)
def test_forward_equals_the_equations(config):
    model, tables, variables = made(config)
    np.testing.assert_allclose(
        forward(model, tables, variables, batch()), reference(config, tables, variables, batch()), rtol=1e-5, atol=1e-5
    )


# Where training drops values: of what shape, at which site.
DROPOUTS = {
    'fm': (options('fm', embedding_dropout=0.4), {EMBEDDING_SITE: (3,)}),
    'afm, pooled': (options('afm', embedding_dropout=0.4), {EMBEDDING_SITE: (3,)}),
    'afm, weights': (options('afm', attention_dropout=0.4), {LAYER_SITE: (21,)}),
    'nfm': (options('nfm', embedding_dropout=0.4), {EMBEDDING_SITE: (3,)}),
    'hofm': (options('hofm', embedding_dropout=0.4), {EMBEDDING_SITE: (9,)}),
}


@pytest.mark.parametrize('config, sites', DROPOUTS.values(), ids=DROPOUTS)
def test_dropout_acts_on_products(config, sites):
    model, tables, variables = made(config)
    keys = row_keys(3, jnp.asarray(5), jnp.arange(ROWS))
    masks = {site: np.asarray(scaled_mask(keys, site=site, rate=0.4, shape=shape)) for site, shape in sites.items()}
    trained = forward(model, tables, variables, batch(), Training(keys, jnp.ones(ROWS), None))
    np.testing.assert_allclose(trained, reference(config, tables, variables, batch(), masks), rtol=1e-5, atol=1e-5)


def test_batch_norm_of_nfm_normalises_the_pooled_pairs_in_training():
    model, tables, variables = made(options('nfm', deep_hidden=(), deep_batch_norm=True))
    rows = batch()
    pooled = np.array(
        [
            sum(subset_products(features(tables, variables['params'], ids, values), 2))
            for ids, values in zip(rows.ids, rows.numeric, strict=True)
        ]
    )
    training = Training(row_keys(3, jnp.asarray(5), jnp.arange(ROWS)), jnp.ones(ROWS), None)
    logits, updated = forward(model, tables, variables, rows, training, mutable=[STATISTICS])
    before = variables[STATISTICS]['batch_norm']
    np.testing.assert_allclose(
        updated[STATISTICS]['batch_norm']['mean'], 0.9 * before['mean'] + 0.1 * pooled.mean(0), rtol=1e-5, atol=1e-6
    )
    seen = {STATISTICS: {'batch_norm': {'mean': pooled.mean(0), 'variance': pooled.var(0)}}}
    np.testing.assert_allclose(logits, reference(model.config, tables, variables | seen, rows), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('order', [1, 2, 3, 4, 5])
def test_anova_kernel_and_its_gradient_equal_sums_over_subsets(order):
    x, out = (np.random.default_rng(order).normal(size=shape) for shape in ((2, 5, 3), (2, 3)))
    with jax.enable_x64(True):
        kernel, pull = jax.vjp(lambda x: anova_kernel(x, order), jnp.asarray(x))
        gradient = pull(jnp.asarray(out))[0]
    assert kernel.dtype == jnp.float64
    for row in range(2):
        np.testing.assert_allclose(kernel[row], sum(subset_products(x[row], order)), rtol=1e-12)
        for field in range(5):  # multilinear: the derivative is the kernel of the other fields, one order lower
            others = np.delete(x[row], field, 0)
            lower = sum(subset_products(others, order - 1)) if order > 1 else 1.0
            np.testing.assert_allclose(gradient[row, field], out[row] * lower, rtol=1e-12)


def test_orders_of_hofm_have_tables_of_their_own_beside_those_of_narrow_fields():
    config = ModelConfig(name='hofm', embedding_dim=8, order=4)
    schema = Schema(
        (
            FieldSpec('a', CATEGORICAL, 5, embedding_dim=4),
            FieldSpec('b', CATEGORICAL, 7),
            FieldSpec('c', CATEGORICAL, 3, embedding_dim=3),
            FieldSpec('x', NUMERIC),
        )
    )
    rows = Batch(
        np.array([[1, 2, 0], [4, 6, 2]], np.int32), np.array([[0.5], [-1]], np.float32), np.zeros(2), np.ones(2)
    )
    model, tables, variables = made(config, schema=schema, rows=rows)
    widths = {
        f'{table}{end}': (count, width)
        for table in ('embedding', 'embedding_order_3', 'embedding_order_4')
        for end, count, width in (('', 7, 8), ('_4', 5, 4), ('_3', 3, 3))
    }
    assert {name: table.shape for name, table in tables.items()} == {'linear': (15, 1)} | widths
    logits, gradients = jax.value_and_grad(lambda tables: forward(model, tables, variables, rows).sum())(tables)
    assert np.isfinite(logits)
    for gradient in gradients.values():
        assert np.abs(gradient).sum() > 0


def test_afm_begins_as_fm_of_averaged_pairs_where_attention_is_even():
    """h = 0 makes attention even, and p = 1 at the start: the pairs' sum is FM's over the number of a row's pairs."""
    model, specs = build(options('afm'), made(options('afm'))[0].schema)
    _, tables, _ = made(options('afm'))
    rows = batch()
    variables = model.init(jax.random.key(1), lookup(tables, specs, rows), rows, training=None)
    params = jax.tree.map(jnp.array, variables['params'])
    params['pairs']['score'] = jnp.zeros(7)
    fm = build(ModelConfig(name='fm', embedding_dim=3), model.schema)[0]
    shared = {name: params[name] for name in ('embedding', 'linear_embedding', 'bias')}
    first = forward(
        build(ModelConfig(name='lr'), model.schema)[0],
        {'linear': tables['linear']},
        {'params': {name: shared[name] for name in ('linear_embedding', 'bias')}},
        rows,
    )
    pairs = forward(fm, tables, {'params': shared}, rows) - first
    present = 3 + (rows.ids[:, 1:4] > 0).sum(1) + ~np.isnan(rows.numeric[:, 1])
    counts = present * (present - 1) / 2
    np.testing.assert_allclose(
        forward(model, tables, {'params': params}, rows), first + pairs / counts, rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize('name, count', [('fm', 1), ('afm', 1 + 16 * 16 + 16 + 16 + 16), ('nfm', 3_601), ('hofm', 1)])
def test_parameter_counts_on_criteos_fields(name, count):
    """The AutoInt paper's Table 3 has 4e3 for NFM with a hidden layer of 200."""
    config = ModelConfig(name=name, embedding_dim=16)
    if name == 'nfm':
        config = dataclasses.replace(config, deep_hidden=(200,))
    assert criteo_parameters(config) == count
