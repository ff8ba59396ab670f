"""Fields of different widths and encodings of numeric fields, against loops."""

import dataclasses

import jax
import numpy as np
import pytest
from model_cases import SCHEMA, batch, forward, made, tags_of

from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config, replace
from autoint_jax.config.fingerprint import fingerprint
from autoint_jax.config.model_config import ModelConfig
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.errors import UsageError
from autoint_jax.models.layers.embedding import FieldEmbedding, embedding_tables, field_widths
from autoint_jax.models.layers.numeric import NumericEmbedding
from autoint_jax.models.layers.tables import lookup
from autoint_jax.schema import CATEGORICAL, MULTIVALUED, NUMERIC, FieldSpec, Schema
from autoint_jax.training.fields import fitted_schema, quantiles
from autoint_jax.training.step.state import initial_state, make_setup, state_shapes

pytestmark = pytest.mark.usefixtures('quick_compilation')

# Widths: a 2, tags 8 (the model's), b 4, in an order that mixes kinds.
MIXED = Schema(
    tuple(dataclasses.replace(field, embedding_dim={'a': 2, 'b': 4}.get(field.name)) for field in SCHEMA.fields)
)
CONFIG = ModelConfig(embedding_dim=8, num_layers=1, num_heads=1, head_dim=5)


def embedded(config, schema, rows, seed=0, pooled=True):
    """Field (or, not pooled, feature) embeddings [b, f, d], tables and parameters, all drawn."""
    model = FieldEmbedding(config, schema, pooled=pooled)
    specs, rng = embedding_tables(config, schema), np.random.default_rng(seed)
    tables = {name: rng.normal(size=(spec.rows, spec.width)).astype(np.float32) for name, spec in specs.items()}
    params = model.init(jax.random.key(0), lookup(tables, specs, rows), rows)
    params = jax.tree.map(lambda x: rng.normal(size=x.shape).astype(np.float32), params)
    return np.asarray(model.apply(params, lookup(tables, specs, rows), rows)), tables, params.get('params', {})


def test_fields_of_three_widths_have_tables_of_their_own_and_are_projected():
    rows = batch()
    out, tables, params = embedded(CONFIG, MIXED, rows)
    assert {name: table.shape for name, table in tables.items()} == {
        'embedding': (7, 8),
        'embedding_2': (5, 2),
        'embedding_4': (11, 4),
    }
    vectors = params['numeric']['vectors']
    for row, ids, values in zip(out, rows.ids, np.nan_to_num(rows.numeric), strict=True):
        tags = [tables['embedding'][tag] for tag in tags_of(ids)]
        expected = [
            tables['embedding_2'][ids[0]] @ params['projection_2'][0],
            vectors[0] * values[0],
            sum(tags) / len(tags) if tags else np.zeros(8),
            vectors[1] * values[1],
            tables['embedding_4'][ids[4]] @ params['projection_4'][0],
        ]
        np.testing.assert_allclose(row, expected, rtol=1e-5, atol=1e-5)


def test_fields_of_one_width_share_a_table_in_the_order_of_the_schema():
    schema = Schema(
        (
            FieldSpec('a', CATEGORICAL, 3, embedding_dim=2),
            FieldSpec('wide', CATEGORICAL, 5),
            FieldSpec('c', CATEGORICAL, 7, embedding_dim=2),
        )
    )
    rows = batch()._replace(
        ids=np.random.default_rng(0).integers(0, 3, (13, 3)).astype(np.int32), numeric=np.zeros((13, 0), np.float32)
    )
    out, tables, params = embedded(CONFIG, schema, rows)
    assert {name: table.shape for name, table in tables.items()} == {'embedding': (5, 8), 'embedding_2': (10, 2)}
    for row, (a, wide, c) in zip(out, rows.ids, strict=True):
        np.testing.assert_allclose(
            row,
            [
                tables['embedding_2'][a] @ params['projection_2'][0],
                tables['embedding'][wide],
                tables['embedding_2'][3 + c] @ params['projection_2'][1],
            ],
            rtol=1e-5,
            atol=1e-5,
        )


def test_fields_of_at_most_one_value_contribute_nothing_where_they_have_none():
    schema = Schema(
        (
            FieldSpec('a', MULTIVALUED, 5, max_values=1),
            FieldSpec('b', MULTIVALUED, 3, max_values=1),
            FieldSpec('c', CATEGORICAL, 3),
        )
    )
    rows = batch()._replace(
        ids=np.random.default_rng(0).integers(0, 3, (13, 3)).astype(np.int32), numeric=np.zeros((13, 0), np.float32)
    )
    out, tables, _ = embedded(CONFIG, schema, rows)
    table = tables['embedding']
    for row, (a, b, c) in zip(out, rows.ids, strict=True):
        np.testing.assert_allclose(row, [table[a] * (a > 0), table[5 + b] * (b > 0), table[8 + c]], rtol=1e-6)


@pytest.mark.parametrize('pooled', [True, False], ids=['fields', 'features'])
def test_the_combiner_sum_adds_a_fields_values(pooled):
    config, rows = dataclasses.replace(CONFIG, combiner='sum'), batch()
    out, tables, params = embedded(config, MIXED, rows, pooled=pooled)
    assert out.shape == (len(rows.ids), 5 if pooled else 7, 8)
    for row, ids in zip(out, rows.ids, strict=True):
        tags = [tables['embedding'][tag] if tag else np.zeros(8) for tag in ids[1:4]]
        np.testing.assert_allclose(row[2:-2], [sum(tags)] if pooled else tags, rtol=1e-5, atol=1e-6)
    means = embedded(CONFIG, MIXED, rows, pooled=pooled)[0]
    np.testing.assert_array_equal(np.delete(out, slice(2, -2), 1), np.delete(means, slice(2, -2), 1))  # of other fields


def test_width_rule_is_rounded_up_to_a_power_of_two_below_the_models():
    config = dataclasses.replace(CONFIG, embedding_dim=16, width_scale=2.0, width_power=0.25)
    schema = Schema(tuple(FieldSpec(f'c{size}', CATEGORICAL, size) for size in (1, 16, 100, 625, 10_000, 10**8)))
    # 2 n^0.25: 2, 4, 6.3, 10, 20, 200
    assert list(field_widths(config, schema).values()) == [2, 4, 8, 16, 16, 16]
    own = Schema((FieldSpec('a', CATEGORICAL, 16, embedding_dim=3),))
    assert field_widths(config, own) == {'a': 3}


def test_a_width_above_the_models_is_refused():
    with pytest.raises(
        UsageError, match="field 'a' has embedding_dim 17 of its own: .* at most model.embedding_dim, 8"
    ):
        field_widths(CONFIG, Schema((FieldSpec('a', CATEGORICAL, 16, embedding_dim=17),)))


@pytest.mark.parametrize('name', ['autoint', 'crossnet'])
def test_models_take_fields_of_different_widths(name):
    config = ModelConfig(name=name, embedding_dim=8, num_layers=1)
    model, tables, variables = made(config, schema=MIXED)
    assert np.isfinite(forward(model, tables, variables, batch())).all()


EDGES = [(-1.0, 0.0, 0.0, 2.0), (0.0, 1.0, 3.0, 4.0)]  # the second bin of the first field has no width
FITTED = Schema((FieldSpec('x', NUMERIC, boundaries=EDGES[0]), FieldSpec('y', NUMERIC, boundaries=EDGES[1])))
VALUES = np.array([[-3.0, 0.5], [-0.25, 3.0], [0.0, np.nan], [5.0, 7.0], [np.nan, -1.0]], np.float32)


def encoded(encoding, **options):
    model = NumericEmbedding(ModelConfig(numeric_encoding=encoding, **options), FITTED, 5)
    params = model.init(jax.random.key(0), VALUES)['params']
    params = jax.tree.map(lambda x: np.random.default_rng(len(x.shape)).normal(size=x.shape).astype(np.float32), params)
    return np.asarray(model.apply({'params': params}, VALUES)), params


def test_buckets_are_vectors_of_quantile_bins():
    out, params = encoded('buckets')
    bins = [[0, 0], [0, 2], [2, None], [2, 2], [None, 0]]
    for row, places in zip(out, bins, strict=True):
        for field, place in enumerate(places):
            np.testing.assert_allclose(
                row[field], np.zeros(5) if place is None else params['vectors'][field, place], rtol=1e-6
            )


def test_piecewise_linear_encoding():
    """Eq. 1 of Gorishniy et al. (2022).

    e_t = 0 below its bin (t > 1), 1 above it (t < T), else (x - b_{t-1}) / (b_t - b_{t-1}).
    """
    out, params = encoded('piecewise_linear')
    for row, values in zip(out, VALUES, strict=True):
        for field, x in enumerate(values):
            if np.isnan(x):
                np.testing.assert_array_equal(row[field], 0)
                continue
            parts = []
            for t, (low, high) in enumerate(zip(EDGES[field], EDGES[field][1:], strict=False)):
                if x < low and t > 0:
                    parts.append(0.0)
                elif x >= high and t < 2:
                    parts.append(1.0)
                else:
                    parts.append((x - low) / (high - low))
            np.testing.assert_allclose(
                row[field], np.array(parts) @ params['kernel'][field] + params['bias'][field], rtol=1e-4, atol=1e-5
            )


def test_periodic_encoding():
    """Gorishniy et al. (2022), Eq. 2, then linear and ReLU."""
    out, params = encoded('periodic', numeric_bins=3)
    for row, values in zip(out, VALUES, strict=True):
        for field, x in enumerate(values):
            angles = 2 * np.pi * params['frequencies'][field] * x
            parts = np.concatenate([np.sin(angles), np.cos(angles)])
            expected = (
                np.zeros(5) if np.isnan(x) else np.maximum(parts @ params['kernel'][field] + params['bias'][field], 0)
            )
            np.testing.assert_allclose(row[field], expected, rtol=1e-3, atol=1e-4)


def test_encodings_of_quantiles_need_boundaries():
    with pytest.raises(UsageError, match="field 'x' has no quantile boundaries"):
        made(ModelConfig(numeric_encoding='buckets'))


def test_quantiles_leave_missing_values_out():
    assert quantiles(np.array([4, np.nan, 0, 1, 3, 2], np.float32), 4) == (0.0, 1.0, 2.0, 3.0, 4.0)
    assert quantiles(np.array([np.nan], np.float32), 2) == (0.0, 0.0, 0.0)


def test_a_run_takes_boundaries_from_its_training_split(data_dir):
    data = open_prepared(data_dir, 'movielens_1m', 'autoint_all_rows')
    config = replace(Config(), {'model.numeric_encoding': 'piecewise_linear', 'model.numeric_bins': 3})
    schema = fitted_schema(config, data)
    time = next(field for field in schema.fields if field.kind == NUMERIC)
    column = np.asarray(data.split('train').numeric[:, 0])
    np.testing.assert_allclose(time.boundaries, np.quantile(column, [0, 1 / 3, 2 / 3, 1]), rtol=1e-6)
    assert Schema.from_json(schema.to_json()) == schema
    assert fitted_schema(Config(), data) is data.schema
    assert initial_state(make_setup(config, schema)).params['embedding']['numeric']['kernel'].shape == (1, 3, 16)


def test_a_schema_without_boundaries_is_written_as_before():
    assert 'boundaries' not in SCHEMA.to_json()['fields'][1]
    assert Schema.from_json(SCHEMA.to_json()) == SCHEMA
    assert fingerprint(Config()) == fingerprint(configuration.from_tree({}))


@pytest.mark.parametrize(
    'name', ['fm', 'afm', 'nfm', 'cin', 'crossnet', 'dcn_v2', 'masknet', 'autoint', 'destine', 'ft_transformer']
)
def test_shapes_of_a_state_with_fields_of_different_widths(name):
    shapes = state_shapes(
        make_setup(dataclasses.replace(Config(), model=ModelConfig(name=name, embedding_dim=8)), MIXED)
    )
    assert {table.shape[1] for key, table in shapes.tables.items() if key.startswith('embedding')} <= {2, 4, 8}
    assert all(isinstance(leaf, jax.ShapeDtypeStruct) for leaf in jax.tree.leaves(shapes))
