"""Models as ONNX graphs: ONNX Runtime gives the logits of JAX."""

import dataclasses
import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import model_cases as cases
import numpy as np
import onnx
import pytest
from onnx_cases import exported, session

from autoint_jax.bundle.weights import Tensor
from autoint_jax.errors import UsageError
from autoint_jax.export.onnx.converter import onnx_model
from autoint_jax.models import registry
from autoint_jax.schema import NUMERIC, Schema

# Fields of every kind, with boundaries of numbers and a field of a narrower width.
SCHEMA = Schema(
    tuple(
        dataclasses.replace(
            field,
            boundaries=(-1.0, 0.0, 0.0, 1.0) if field.kind == NUMERIC else (),
            embedding_dim=2 if field.name == 'b' else None,
        )
        for field in cases.SCHEMA.fields
    )
)


def largest_difference(config, folder, sizes, precision='float32', schema=SCHEMA):
    """The largest difference of logits of ONNX Runtime and JAX, relative to logits above 1, over batches of sizes."""
    function, weights, runtime = exported(config, schema, folder, precision)
    jitted, differences = jax.jit(function), []
    for rows in sizes:
        batch = cases.batch(rows, seed=rows)
        expected = np.asarray(jitted(weights, batch.ids, batch.numeric))
        (logits,) = runtime.run(None, {'ids': batch.ids, 'numeric': batch.numeric})
        assert logits.shape == expected.shape == (rows,) and logits.dtype == np.float32
        differences.append((np.abs(logits - expected) / np.maximum(1, np.abs(expected))).max())
    return max(differences)


@pytest.mark.parametrize('name', ['lr', 'fm', 'autoint', 'cin'])
def test_a_model_gives_the_logits_of_jax_for_batches_of_any_size(name, tmp_path):
    config = cases.SMALL[name]
    if name == 'autoint':
        config = cases.options(name, variant='authors', deep_hidden=(5,), deep_batch_norm=True, wide=True)
    assert largest_difference(config, tmp_path, (1, 13)) < 1e-5
    if name == 'autoint':
        operators = [node.op_type for node in onnx.load(tmp_path / 'model.onnx', load_external_data=False).graph.node]
        assert 'Softmax' in operators and 'Exp' not in operators
        assert operators.count('LayerNormalization') == config.num_layers and 'Split' not in operators
    runtime = session(tmp_path)
    (none,) = runtime.run(None, {'ids': np.zeros((0, 5), np.int32), 'numeric': np.zeros((0, 2), np.float32)})
    assert none.shape == (0,)


@pytest.mark.parametrize('precision', ['bfloat16', 'int8'])
def test_tables_in_another_precision(precision, tmp_path):
    assert largest_difference(cases.SMALL['fm'], tmp_path, (13,), precision) < 1e-5
    stored = {
        one.name: one.data_type
        for one in onnx.load(tmp_path / 'model.onnx', load_external_data=False).graph.initializer
    }
    assert (
        stored['tables/embedding'] == {'bfloat16': onnx.TensorProto.BFLOAT16, 'int8': onnx.TensorProto.INT8}[precision]
    )


@pytest.mark.slow
@pytest.mark.parametrize('name', list(registry.MODELS))
def test_every_model_in_all_its_forms(name, tmp_path):
    small, options = cases.SMALL[name], registry.MODELS[name].OPTIONS
    forms = [small]
    for option, values in {
        'numeric_encoding': ('buckets', 'piecewise_linear', 'periodic'),
        'combiner': ('sum',),
        'cross_gate': (True,),
        'deep_batch_norm': (True,),
        'variant': ('authors',),
        'layer_norm': ('before_activation',),
        'residual_projection': ('where_needed',),
        'deep_output': ('concatenated',),
        'residual': (False,),
    }.items():
        more = {'deep_hidden': small.deep_hidden or (7,)} if option.startswith('deep_') else {}
        forms += [dataclasses.replace(small, **{option: value}, **more) for value in values if option in options]
    for number, config in enumerate(forms):
        folder = tmp_path / str(number)
        folder.mkdir()
        schema = SCHEMA if 'width_scale' in options else cases.SCHEMA
        assert largest_difference(config, folder, (1, 1000), schema=schema) < 1e-5, config
        onnx.checker.check_model(folder / 'model.onnx', full_check=True)
    for precision in ('bfloat16', 'int8'):
        assert largest_difference(small, tmp_path, (1000,), precision) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize('kept', ['numeric', 'ids'])
def test_schemas_without_ids_or_without_numbers(kept, tmp_path):
    fields = [field for field in SCHEMA.fields if (field.kind == NUMERIC) == (kept == 'numeric')]
    schema, batch = Schema(tuple(fields)), cases.batch(13)
    ids = batch.ids if kept == 'ids' else np.zeros((13, 0), np.int32)
    numeric = batch.numeric if kept == 'numeric' else np.zeros((13, 0), np.float32)
    for name, config in cases.SMALL.items():
        folder = tmp_path / name
        folder.mkdir()
        function, weights, runtime = exported(config, schema, folder)
        (logits,) = runtime.run(None, {'ids': ids, 'numeric': numeric})
        np.testing.assert_allclose(logits, function(weights, ids, numeric), rtol=1e-5, atol=1e-5, err_msg=name)


def test_weights_lie_in_their_file_only(tmp_path):
    config = dataclasses.replace(cases.SMALL['dnn'], deep_hidden=(701, 307))
    exported(config, SCHEMA, tmp_path)
    assert (tmp_path / 'weights.bin').stat().st_size > 800_000 > 30_000 > (tmp_path / 'model.onnx').stat().st_size


def test_products_of_every_order_of_axes(tmp_path):
    """Einsum products with one factor of weights, two arrays, several summed axes, and none."""
    (b,) = jax.export.symbolic_shape('b')
    like = {'x': jax.ShapeDtypeStruct((b, 3, 5), jnp.float32), 'y': jax.ShapeDtypeStruct((b, 5, 3), jnp.float32)}
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 3, 5)).astype(np.float32), rng.normal(size=(2, 5, 3)).astype(np.float32)
    w = rng.normal(size=(3, 5, 7)).astype(np.float32)
    (tmp_path / 'weights.bin').write_bytes(w.tobytes())
    tensors = {'w': Tensor('float32', (3, 5, 7), 0, w.nbytes)}
    forms = (
        *(f'bfd,bdf->{out}' for out in ('b', 'bf', 'bd', 'fd', '')),
        *(f'bfd,bdg->{out}' for out in ('bfg', 'bgf', 'gbf', 'bf', 'fgdb')),
        *(f'bfd,bef->{out}' for out in ('bde', 'edb', 'bfde')),
    )
    weighted = ('bfd,fdh->bh', 'bfd,fdh->hb', 'bfd,fdh->bfh', 'bfd,fdh->bdh', 'bfd,fdh->bfdh', 'bfd,gdh->bfgh')

    def function(weights, x, y):
        products = [jnp.einsum(form, x, y) for form in forms]
        products += [jnp.einsum(form, x, weights['w']) for form in weighted]
        products += [
            jnp.einsum(form.split('->')[0].split(',')[1] + ',bfd->' + form[-2:], weights['w'], x)
            for form in weighted[:2]
        ]
        return products

    names = [f'out{number}' for number in range(len(forms) + len(weighted) + 2)]
    onnx.save(onnx_model(function, tensors, like, names), tmp_path / 'model.onnx')
    found = session(tmp_path).run(None, {'x': x, 'y': y})
    for name, got, expected in zip((*forms, *weighted, 'h', 'h'), found, function({'w': w}, x, y), strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5, err_msg=name)


def test_a_layer_norm_is_one_operator_and_what_only_resembles_one_is_not(tmp_path):
    (b,) = jax.export.symbolic_shape('b')
    like = {'x': jax.ShapeDtypeStruct((b, 3, 5), jnp.float32)}
    rng = np.random.default_rng(7)
    w, x = rng.normal(size=(2, 5)).astype(np.float32), rng.normal(size=(2, 3, 5)).astype(np.float32)
    (tmp_path / 'weights.bin').write_bytes(w.tobytes())
    tensors = {name: Tensor('float32', (5,), 20 * place, 20) for place, name in enumerate(('scale', 'offset'))}
    weights = dict(zip(tensors, w, strict=True))

    def norm(weights, x, axis=-1, added=1e-8, about=0.0, offset=None):
        centred = x - x.mean(axis, keepdims=True)
        variance = jnp.square(centred - about).mean(axis, keepdims=True)
        shift = weights['offset'] if offset is None else offset
        return centred * jax.lax.rsqrt(variance + added) * weights['scale'] + shift

    def of_flax(weights, x):
        variables = {'params': {'scale': weights['scale'], 'bias': weights['offset']}}
        return nn.LayerNorm(epsilon=1e-5, use_fast_variance=False).apply(variables, x)

    functions = {
        'norm': (norm, 1),
        'of_flax': (of_flax, 1),
        'another axis': (functools.partial(norm, axis=1), 0),
        'not about the mean': (functools.partial(norm, about=0.5), 0),
        'no weight as offset': (functools.partial(norm, offset=np.arange(5, dtype=np.float32)), 0),
    }
    for name, (function, count) in functions.items():
        model = onnx_model(function, tensors, like, ['y'])
        assert [node.op_type for node in model.graph.node].count('LayerNormalization') == count, name
        onnx.save(model, tmp_path / 'model.onnx')
        (found,) = session(tmp_path).run(None, {'x': x})
        np.testing.assert_allclose(found, function(weights, x), rtol=0, atol=1e-6, err_msg=name)


def test_columns_of_a_product_are_products_by_columns_of_the_weight(tmp_path):
    """Slices of x W, x W + b and relu(x W + b); a sum with another tensor than a weight is cut as it is."""
    (b,) = jax.export.symbolic_shape('b')
    like = {'x': jax.ShapeDtypeStruct((b, 3), jnp.float32), 'y': jax.ShapeDtypeStruct((b, 6), jnp.float32)}
    rng = np.random.default_rng(7)
    w, x, y = (rng.normal(size=shape).astype(np.float32) for shape in ((4, 6), (2, 3), (2, 6)))
    (tmp_path / 'weights.bin').write_bytes(w.tobytes())
    tensors = {'kernel': Tensor('float32', (3, 6), 0, 72), 'bias': Tensor('float32', (6,), 72, 24)}

    def function(weights, x, y):
        product = x @ weights['kernel']
        sums = (product, product + weights['bias'], jax.nn.relu(product + weights['bias']), jax.nn.relu(product + y))
        return [part for one in sums for part in (one[:, :2], one[:, 3:])]

    model = onnx_model(function, tensors, like, [f'out{number}' for number in range(8)])
    onnx.save(model, tmp_path / 'model.onnx')
    found = session(tmp_path).run(None, {'x': x, 'y': y})
    for got, expected in zip(found, function({'kernel': w[:3], 'bias': w[3]}, x, y), strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6)
    # Two parts of the kernel, of the bias, and of the last sum.
    assert [node.op_type for node in model.graph.node].count('Slice') == 6


def test_an_operation_that_is_not_known_is_named():
    (b,) = jax.export.symbolic_shape('b')
    like = {'x': jax.ShapeDtypeStruct((b, 3), jnp.float32)}
    with pytest.raises(UsageError, match="model 'new' cannot be exported as ONNX.*operation 'cumsum'.*open an issue"):
        onnx_model(lambda weights, x: jnp.cumsum(x, 1), {}, like, ['y'], 'new')
