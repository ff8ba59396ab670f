"""Models exported as ONNX, and sessions that run them."""

import jax
import jax.numpy as jnp
import model_cases as cases
import numpy as np
import onnx
import onnxruntime
import polars as pl

from autoint_jax.bundle.weights import write_weights
from autoint_jax.data.datasets.row_encoder import RowEncoder
from autoint_jax.data.encoding.value_texts import as_text
from autoint_jax.export.onnx.converter import onnx_model
from autoint_jax.export.onnx.graph import Graph, Port
from autoint_jax.export.onnx.raw_model import encoded_rows
from autoint_jax.export.raw_inputs import NUMBER, raw_inputs
from autoint_jax.export.scored_function import ExportedWeights, function_of
from autoint_jax.models import registry
from autoint_jax.schema import Batch


def inputs(schema):
    """The inputs of an exported model, with any number of rows."""
    (b,) = jax.export.symbolic_shape('b')
    return {
        'ids': jax.ShapeDtypeStruct((b, schema.num_slots), jnp.int32),
        'numeric': jax.ShapeDtypeStruct((b, len(schema.numeric_fields)), jnp.float32),
    }


def drawn_weights(config, schema, precision='float32'):
    """Weights of a model, drawn as `model_cases.made` does."""
    form = 'einsum' if registry.MODELS[config.name].HAS_FORMS else 'automatic'
    rows = Batch(
        np.ones((2, schema.num_slots), np.int32),
        np.zeros((2, len(schema.numeric_fields)), np.float32),
        np.zeros(2, np.float32),
        np.ones(2, np.float32),
    )
    model, tables, variables = cases.made(config, form, schema=schema, rows=rows)
    return ExportedWeights(variables, tables, model.table_specs(config, schema), precision)


def exported(config, schema, folder, precision='float32'):
    """Writes a model with drawn weights to a folder; returns its function in JAX, its weights, and a session."""
    function, weights = function_of(config, schema, precision), drawn_weights(config, schema, precision)
    tensors = write_weights(folder / 'weights.bin', weights)
    heads = function_of(config, schema, precision, 'heads')  # as bundles have it
    model = onnx_model(heads, tensors, inputs(schema), ['logits'], config.name)
    onnx.save(model, folder / 'model.onnx')
    return function, dict(weights), session(folder)


def session(folder, name='model.onnx', threads=1):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(folder / name, options, providers=['CPUExecutionProvider'])


def encoding_session(data, folder):
    """A session that only encodes rows."""
    plan, graph = RowEncoder(data).plan, Graph({})
    (b,) = jax.export.symbolic_shape('b')
    rows = encoded_rows(graph, plan, raw_inputs(plan), data.schema, b)
    outputs = [
        (Port('ids', 'int32', ('b', rows.ids[1].shape[1])), rows.ids[0]),
        (Port('numeric', 'float32', ('b', rows.numeric[1].shape[1])), rows.numeric[0]),
        (Port('bad', 'bool', ('b',)), rows.bad),
    ]
    folder.mkdir(exist_ok=True)
    onnx.save(graph.model('encoding', rows.ports, outputs), folder / 'model.onnx')
    onnx.checker.check_model(folder / 'model.onnx', full_check=True)
    return session(folder), plan


def raw_values(column, values):
    """A raw column of a file, typed or as texts, as the input of a graph; '?' is a missing number."""
    if column.kind == NUMBER:
        if values.dtype == pl.String:
            values = values.str.strip_chars().replace(['', '?'], None)
        return values.cast(pl.Float64).fill_null(np.nan).to_numpy()
    texts = np.full(len(values), '', object)
    present = values.is_not_null().to_numpy()
    texts[present] = as_text(values.drop_nulls())
    return texts
