"""The scoring function of requests gives the logits of whole rows, for every model."""

import dataclasses
import math

import jax
import model_cases as cases
import numpy as np
import pytest
from test_scored_function import weights_of

from autoint_jax.errors import UsageError
from autoint_jax.export import request_function as requests
from autoint_jax.export.request_function import readers, request_function
from autoint_jax.export.request_parts import parted
from autoint_jax.export.scored_function import function_of
from autoint_jax.models import registry
from autoint_jax.schema import Schema

WHOLE = cases.batch(11)


@pytest.fixture(autouse=True)
def any_context(monkeypatch):
    """Takes a context of any number of fields apart in the first layer of AutoInt."""
    monkeypatch.setattr(requests, 'LEAST_CONTEXT_FIELDS', 1)


def request_of(schema, context, rows):
    """Returns the arguments of a request: the context of the first row, and the candidates of all."""
    arguments = []
    for half, count in zip(parted(schema, context), (1, None), strict=True):
        slots = [slot for field in half.id_fields for slot in range(*schema.slots[field.name].indices(99))]
        columns = [schema.numeric_columns[field.name].start for field in half.numeric_fields]
        arguments += [rows.ids[:count, slots], rows.numeric[:count, columns]]
    return arguments


def of_one_context(schema, context, rows):
    """Returns rows in which the fields of the context have the values of the first row."""
    ids, numeric = rows.ids.copy(), rows.numeric.copy()
    for name in context:
        if name in schema.slots:
            ids[:, schema.slots[name]] = ids[0, schema.slots[name]]
        else:
            numeric[:, schema.numeric_columns[name]] = numeric[0, schema.numeric_columns[name]]
    return rows._replace(ids=ids, numeric=numeric)


def compare(config, context, precision='float32'):
    """Compares a request with whole rows; returns the logits."""
    model, tables, variables = cases.made(config, 'einsum' if config.name == 'autoint' else 'automatic')
    weights = dict(weights_of(model, tables, variables, precision))
    rows = of_one_context(cases.SCHEMA, context, WHOLE)
    function = request_function(config, cases.SCHEMA, context)
    expected = function_of(config, cases.SCHEMA, precision)
    both = jax.jit(lambda weights, request, *rows: (function(weights, *request), expected(weights, *rows)))
    logits, whole = both(weights, request_of(cases.SCHEMA, context, rows), rows.ids, rows.numeric)
    np.testing.assert_allclose(logits, whole, rtol=1e-6, atol=1e-6)
    assert np.ptp(whole) > 0.001
    return logits


QUICK = ('fm', 'dnn', 'deepfm', 'autoint')


@pytest.mark.parametrize(
    'name', [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in registry.MODELS]
)
def test_every_model_gives_the_logits_of_whole_rows(name):
    compare(cases.SMALL[name], ['tags', 'y', 'a'])


@pytest.mark.parametrize(
    'name, changed',
    [
        ('autoint', {'variant': 'authors', 'deep_hidden': (5,), 'head_hidden': (3,)}),
        (
            'autoint',
            {'residual_projection': 'where_needed', 'layer_norm': 'before_activation', 'head_dim': 3, 'num_heads': 1},
        ),
        ('autoint', {'residual': False, 'wide': True, 'deep_hidden': (5,), 'deep_output': 'concatenated'}),
        ('autoint', {'num_layers': 0, 'deep_hidden': (5,)}),
        ('dcn_v2', {'cross_stacked': True, 'cross_gate': True}),
        ('dcn_v2', {'num_layers': 0, 'cross_rank': 0, 'cross_experts': 1}),
        ('dnn', {'deep_batch_norm': True, 'width_scale': 0.5, 'width_power': 1.0}),
        ('finalmlp', {'gate_hidden': ()}),
        ('wide_deep', {'numeric_encoding': 'periodic', 'numeric_bins': 3}),
        ('afm', {'width_scale': 0.5, 'width_power': 1.0}),
        ('deep_crossing', {'unit_widths': ()}),
    ],
)
def test_options_give_the_logits_of_whole_rows(name, changed):
    config = dataclasses.replace(cases.SMALL[name], **changed)
    registry.model_class(config)
    compare(config, ['b', 'x'])


@pytest.mark.parametrize('context', [['x'], ['a', 'tags', 'b']])
def test_any_fields_may_be_the_context(context):
    compare(cases.SMALL['wide_deep'], context)
    compare(cases.SMALL['autoint'], context)


def test_few_fields_of_a_context_are_not_taken_apart(monkeypatch):
    monkeypatch.undo()
    assert requests.LEAST_CONTEXT_FIELDS > len(cases.SCHEMA.fields)
    compare(cases.SMALL['autoint'], ['a', 'tags'])


def test_scores_of_any_size_do_not_overflow():
    config = cases.SMALL['autoint']
    model, tables, variables = cases.made(config, 'einsum')
    kernel = variables['params']['interacting_0']['kernel']
    variables['params']['interacting_0']['kernel'] = kernel.at[:, :2].multiply(60.0)
    rows = of_one_context(cases.SCHEMA, ['a', 'b'], WHOLE)
    logits = jax.jit(request_function(config, cases.SCHEMA, ['a', 'b']))(
        dict(weights_of(model, tables, variables)), *request_of(cases.SCHEMA, ['a', 'b'], rows)
    )
    expected = jax.jit(lambda t, v: cases.forward(model, t, v, rows))(tables, variables)
    np.testing.assert_allclose(logits, expected, rtol=2e-5, atol=2e-5)


def test_tables_of_other_precisions_are_read():
    logits = {name: compare(cases.SMALL['deepfm'], ['a', 'y'], name) for name in ('float32', 'bfloat16', 'int8')}
    assert 0 < np.abs(logits['int8'] - logits['float32']).max() < 0.1
    assert 0 < np.abs(logits['bfloat16'] - logits['float32']).max() < 0.1


def products(jaxpr):
    """Yields the number of multiplications of each product of matrices."""
    for equation in jaxpr.eqns:
        if equation.primitive.name == 'dot_general':
            contracted = equation.params['dimension_numbers'][0][0]
            sizes = [equation.invars[0].aval.shape[axis] for axis in contracted]
            yield math.prod(sizes) * equation.outvars[0].aval.size
        for value in equation.params.values():
            if hasattr(value, 'jaxpr'):
                yield from products(value.jaxpr)


@pytest.mark.parametrize('name', ['autoint', *(name for name in registry.MODELS if readers(cases.SMALL[name]))])
def test_what_depends_on_the_context_alone_is_computed_once(name):
    changed = {'autoint': {'num_layers': 1}, 'destine': {'num_layers': 0, 'deep_hidden': (5,)}}.get(name, {})
    config = dataclasses.replace(cases.SMALL[name], **changed)
    model, tables, variables = cases.made(config, 'einsum' if name == 'autoint' else 'automatic')
    weights, counts = dict(weights_of(model, tables, variables)), []
    for context in (['y'], ['a', 'x', 'tags', 'y']):
        traced = jax.make_jaxpr(request_function(config, cases.SCHEMA, context))
        counts.append(sum(products(traced(weights, *request_of(cases.SCHEMA, context, WHOLE)).jaxpr)))
    assert counts[1] < 0.9 * counts[0]


def test_names_of_the_context_are_checked():
    with pytest.raises(UsageError, match="names 'c', which is no field; the fields are a, x, tags, y, b"):
        parted(cases.SCHEMA, ['a', 'c'])
    for context, lacking in ((cases.SCHEMA.names, 'candidates'), ([], 'context')):
        with pytest.raises(UsageError, match=f'no field is left for the {lacking}: name some fields, and not all'):
            parted(cases.SCHEMA, context)
    context, candidates = parted(cases.SCHEMA, ['y', 'a'])
    assert (context.names, candidates.names) == (['a', 'y'], ['x', 'tags', 'b'])
    assert isinstance(context, Schema)
