"""ONNX graphs on 100,000 rows: every model, and raw rows of a table with every kind of field."""

import jax
import model_cases as cases
import numpy as np
import onnx
import polars as pl
import pytest
from onnx_cases import drawn_weights, exported, raw_values, session
from scoring_cases import prepared_own

from autoint_jax.bundle.weights import write_weights
from autoint_jax.config.model_config import ModelConfig
from autoint_jax.data.datasets.row_encoder import RowEncoder
from autoint_jax.data.datasets.row_files import open_file
from autoint_jax.data.generated.every_kind import every_kind
from autoint_jax.export.onnx.raw_model import raw_model
from autoint_jax.export.raw_inputs import raw_inputs
from autoint_jax.export.scored_function import function_of
from autoint_jax.models import registry

ROWS, BLOCK = 100_000, 10_000

pytestmark = pytest.mark.slow


def assert_close(logits, expected):
    """Compares logits, relative to those above 1."""
    difference = np.abs(logits - expected) / np.maximum(1, np.abs(expected))
    assert len(logits) == ROWS and difference.max() < 1e-5, difference.max()


@pytest.mark.parametrize('name', list(registry.MODELS))
def test_every_model_gives_the_logits_of_jax(name, tmp_path):
    function, weights, runtime = exported(cases.SMALL[name], cases.SCHEMA, tmp_path)
    rows, jitted = cases.batch(ROWS), jax.jit(function)
    blocks = [slice(first, first + BLOCK) for first in range(0, ROWS, BLOCK)]
    expected = np.concatenate([jitted(weights, rows.ids[block], rows.numeric[block]) for block in blocks])
    assert_close(runtime.run(None, {'ids': rows.ids, 'numeric': rows.numeric})[0], expected)


def test_raw_rows_of_every_kind_give_the_logits_of_the_encoder_and_jax(tmp_path):
    path = every_kind(tmp_path / 'raw', ROWS, 7)
    data = prepared_own(tmp_path, path)
    plan, schema = RowEncoder(data).plan, data.schema
    config = ModelConfig(name='autoint', embedding_dim=8, num_layers=2, num_heads=2, head_dim=8)
    weights = {name: values / np.float32(4) for name, values in drawn_weights(config, schema).items()}
    function, tensors = function_of(config, schema), write_weights(tmp_path / 'weights.bin', weights)
    onnx.save(raw_model(plan, raw_inputs(plan), function, tensors, schema, 'autoint'), tmp_path / 'raw.onnx')
    runtime, jitted = session(tmp_path, 'raw.onnx'), jax.jit(function)
    file = open_file(plan, path.with_suffix('.csv'))
    columns = [block.columns for block in RowEncoder(data).blocks(file)]
    ids, numeric = (np.concatenate([getattr(one, name) for one in columns]) for name in ('ids', 'numeric'))
    table = pl.read_csv(path.with_suffix('.csv'), infer_schema=False)
    found, expected = [], []
    for first in range(0, ROWS, BLOCK):
        part = table[first : first + BLOCK]
        found.append(
            runtime.run(['logits'], {one.name: raw_values(one, part[one.name]) for one in raw_inputs(plan)})[0]
        )
        expected.append(jitted(weights, ids[first : first + BLOCK], numeric[first : first + BLOCK]))
    assert_close(np.concatenate(found), np.concatenate(expected))
