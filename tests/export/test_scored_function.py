"""The scoring function: a run's logits from its weights, and tables in three precisions."""

import jax
import ml_dtypes
import model_cases as cases
import numpy as np
import pytest

from autoint_jax.errors import UsageError
from autoint_jax.export.scored_function import ExportedWeights, function_of, row_scales
from autoint_jax.models.layers.tables import TableSpec
from autoint_jax.training.step.layout import as_blocks


def weights_of(model, tables, variables, precision='float32'):
    return ExportedWeights(variables, tables, model.table_specs(model.config, model.schema), precision)


@pytest.mark.parametrize('name', ['autoint', 'deepfm', 'lr'])
def test_it_gives_the_logits_of_the_model(name):
    model, tables, variables = cases.made(cases.SMALL[name], 'einsum' if name == 'autoint' else 'automatic')
    rows = cases.batch()
    weights = weights_of(model, tables, variables)
    logits = jax.jit(function_of(model.config, model.schema))(dict(weights), rows.ids, rows.numeric)
    expected = jax.jit(lambda t, v: cases.forward(model, t, v, rows))(tables, variables)
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-6)


def test_split_tables_have_the_same_weights():
    model, tables, variables = cases.made(cases.SMALL['fm'])
    blocks = {name: as_blocks(table) for name, table in tables.items()}
    whole, split = weights_of(model, tables, variables), weights_of(model, blocks, variables)
    assert list(whole) == list(split)
    for name in whole:
        np.testing.assert_array_equal(whole[name], split[name])


def test_tables_of_int8_are_the_nearest_multiples_of_their_scales():
    rng = np.random.default_rng(5)
    table = rng.normal(size=(1031, 3)).astype(np.float32) * rng.choice([1e-6, 1, 1e6], (1031, 1)).astype(np.float32)
    table[7], table[11] = 0, 1e-45  # a row of zeros, and one whose scale is too small to divide by
    specs = {'embedding': TableSpec(3, 0.0, 1031, (0,), (0,))}
    weights = ExportedWeights({'params': {}}, {'embedding': table}, specs, 'int8')
    assert list(weights) == ['tables/embedding', 'tables/embedding.scale']
    numbers, scales = weights['tables/embedding'], weights['tables/embedding.scale']
    assert numbers.dtype == np.int8 and scales.dtype == np.float32 and scales.shape == (1031,)
    np.testing.assert_array_equal(scales, row_scales(table))
    largest = np.abs(table).max(1)
    assert (np.abs(numbers.astype(int)).max(1)[largest > 1e-30] == 127).all()
    assert np.abs(numbers * scales[:, None] - table).max() <= 0.5001 * scales.max()
    assert (np.abs(numbers * scales[:, None] - table) <= 0.5001 * scales[:, None]).all()
    assert not numbers[7].any() and not numbers[11].any()


@pytest.mark.parametrize('precision', ['bfloat16', 'int8'])
def test_tables_in_another_precision_give_the_logits_of_rounded_tables(precision):
    model, tables, variables = cases.made(cases.SMALL['deepfm'])
    weights = weights_of(model, tables, variables, precision)
    for name, array in weights.items():
        assert weights.shapes[name].shape == array.shape and weights.shapes[name].dtype == array.dtype, name
    rounded = dict(tables)
    assert tables['linear'].shape[1] == 1
    for name in tables if precision == 'bfloat16' else ['embedding']:  # a scale for one value would save nothing
        array = weights[f'tables/{name}']
        scale = weights[f'tables/{name}.scale'][:, None] if precision == 'int8' else 1
        assert array.dtype == (np.int8 if precision == 'int8' else ml_dtypes.bfloat16)
        rounded[name] = array.astype(np.float32) * scale
        assert not np.array_equal(rounded[name], tables[name])
    rows = cases.batch()
    logits = jax.jit(function_of(model.config, model.schema, precision))(dict(weights), rows.ids, rows.numeric)
    np.testing.assert_allclose(logits, cases.forward(model, rounded, variables, rows), rtol=0, atol=2e-6)


def test_an_unknown_precision_is_refused():
    with pytest.raises(UsageError, match="'int4', but must be one of float32, bfloat16, int8"):
        function_of(cases.SMALL['fm'], cases.SCHEMA, 'int4')
