"""The ONNX program of requests gives the scores of the program of whole raw rows."""

import numpy as np
import onnx
import polars as pl
import pytest
from onnx_cases import drawn_weights, session
from scoring_cases import prepared_own
from test_onnx_raw import fed

from autoint_jax.bundle.weights import write_weights
from autoint_jax.config.model_config import ModelConfig
from autoint_jax.data.datasets.row_encoder import RowEncoder
from autoint_jax.data.generated.every_kind import every_kind
from autoint_jax.export import request_function
from autoint_jax.export.onnx.raw_model import raw_model
from autoint_jax.export.raw_inputs import NUMBER, raw_inputs
from autoint_jax.export.request_model import fields_of, request_model
from autoint_jax.export.scored_function import function_of


@pytest.fixture(scope='module')
def own(tmp_path_factory):
    """Data of a table with every kind of field, and its raw rows."""
    folder = tmp_path_factory.mktemp('request')
    path = every_kind(folder / 'raw', 500, 3)
    return prepared_own(folder, path), pl.read_csv(path.with_suffix('.csv'), infer_schema=False)


@pytest.mark.parametrize('name', ['autoint', pytest.param('deepfm', marks=pytest.mark.slow)])
def test_scores_are_those_of_whole_rows(own, tmp_path, name, monkeypatch):
    monkeypatch.setattr(request_function, 'LEAST_CONTEXT_FIELDS', 1)
    data, table = own
    plan, schema = RowEncoder(data).plan, data.schema
    config = {
        'autoint': ModelConfig(name='autoint', embedding_dim=3, num_layers=1, num_heads=2, head_dim=5),
        'deepfm': ModelConfig(name='deepfm', embedding_dim=3, deep_hidden=(7,)),
    }[name]
    weights = {key: values / np.float32(4) for key, values in drawn_weights(config, schema).items()}
    tensors, inputs = write_weights(tmp_path / 'weights.bin', weights), raw_inputs(plan)
    context = ['city', 'tags', next(column.name for column in inputs if column.kind == NUMBER)]
    whole = raw_model(plan, inputs, function_of(config, schema), tensors, schema, name)
    request = request_model(plan, inputs, context, config, tensors, schema)
    onnx.save(whole, tmp_path / 'raw.onnx')
    onnx.save(request, tmp_path / 'request.onnx')
    onnx.checker.check_model(tmp_path / 'request.onnx', full_check=True)
    of_rows, of_request = session(tmp_path, 'raw.onnx'), session(tmp_path, 'request.onnx')
    values = fed(plan, table.head(53))
    shared = {key: array[7:8] for key, array in values.items() if key in context}
    expected = of_rows.run(None, values | {key: np.repeat(array, 53) for key, array in shared.items()})
    found = of_request.run(None, values | shared)
    for own_scores, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(own_scores, wanted, rtol=1e-6, atol=1e-6)
    assert np.ptp(expected[0][np.isfinite(expected[0])]) > 0.01
    bad = shared | {'city': np.array(['\tOslo'], object)}
    assert np.isnan(of_request.run(None, values | bad)[0]).all()
    one = {key: array[:1] for key, array in (values | shared).items()}
    np.testing.assert_allclose(of_request.run(None, one)[0], expected[0][:1], rtol=1e-6, atol=1e-6)


def test_fields_are_found_by_their_columns(own):
    data, _ = own
    plan = RowEncoder(data).plan
    columns = {column.name for column in raw_inputs(plan)}
    assert fields_of(plan, columns) == data.schema.names and fields_of(plan, []) == []
    assert fields_of(plan, ['tags']) == [field.name for field in plan.table.fields if field.column == 'tags']
