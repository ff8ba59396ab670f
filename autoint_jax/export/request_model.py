"""The ONNX program of requests: raw values of one context and of many candidates in, scores out."""

from collections.abc import Collection, Mapping, Sequence

import jax
import onnx

from autoint_jax.bundle.manifest import RawInput
from autoint_jax.bundle.weights import Tensor
from autoint_jax.config.model_config import ModelConfig
from autoint_jax.data.datasets.row_plan import RowPlan
from autoint_jax.export.onnx.converter import add_function
from autoint_jax.export.onnx.graph import Graph
from autoint_jax.export.onnx.raw_derived import DERIVED
from autoint_jax.export.onnx.raw_model import encoded_rows, scores
from autoint_jax.export.request_function import request_function
from autoint_jax.schema import Schema


def request_model(
    plan: RowPlan,
    inputs: Sequence[RawInput],
    context: Collection[str],
    config: ModelConfig,
    tensors: Mapping[str, Tensor],
    schema: Schema,
) -> onnx.ModelProto:
    """Returns a model with an input for each raw column, and the outputs `logits` and `probability`, float32 [b].

    Inputs are as those of `raw_model`, but those of the context are [1], for all candidates. What the context alone
    decides is computed once.

    Args:
      plan: how raw rows are encoded.
      inputs: the raw columns.
      context: names of those that all candidates share; neither none nor all of them.
      config: the options of the model.
      tensors: places of the weights in weights.bin.
      schema: the fields.

    Raises:
      UsageError: ONNX cannot express the encoding of a field or an operation of the model, or the context or the
        candidates have no field.
    """
    graph = Graph(tensors)
    (b,) = jax.export.symbolic_shape('b')
    others = {column.name for column in inputs} - set(context)
    shared = encoded_rows(graph, plan, inputs, schema, 1, context)
    own = encoded_rows(graph, plan, inputs, schema, b, others)
    function = request_function(config, schema, fields_of(plan, context))
    operands = [shared.ids, shared.numeric, own.ids, own.numeric]
    (logits,) = add_function(graph, function, tensors, operands, config.name)
    bad = graph.node('Or', shared.bad, own.bad)
    return graph.model(config.name, [*shared.ports, *own.ports], scores(graph, logits.tensor, bad))


def fields_of(plan: RowPlan, columns: Collection[str]) -> list[str]:
    """Returns the names of the fields that are made of some raw columns."""
    sources = DERIVED.get(plan.table.derivation, {})
    return [field.name for field in plan.table.fields if sources.get(field.column, field.column) in columns]
