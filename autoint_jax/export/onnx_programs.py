"""The ONNX programs of a bundle. It is imported only if one is wanted, because the package onnx is optional."""

import pathlib
from collections.abc import Mapping, Sequence

import jax
import numpy as np
import onnx

from autoint_jax.bundle.manifest import FORMATS, RawInput
from autoint_jax.bundle.weights import Tensor
from autoint_jax.config.model_config import ModelConfig
from autoint_jax.data.datasets.row_plan import RowPlan
from autoint_jax.export.onnx.converter import onnx_model
from autoint_jax.export.onnx.raw_model import raw_model
from autoint_jax.export.request_model import request_model
from autoint_jax.export.scored_function import ScoringFunction
from autoint_jax.schema import Schema

IDS, RAW, REQUEST = 'onnx', 'onnx_raw', 'onnx_request'


def write_programs(
    folder: pathlib.Path,
    formats: tuple[str, ...],
    function: ScoringFunction,
    config: ModelConfig,
    tensors: Mapping[str, Tensor],
    schema: Schema,
    plan: RowPlan,
    inputs: Sequence[RawInput],
    context: Sequence[str],
) -> None:
    """Writes the wanted ONNX programs of a bundle, whose weights are there.

    Args:
      folder: the bundle.
      formats: the wanted formats; those that are not ONNX are not looked at.
      function: the scoring function of the run.
      config: the options of its model.
      tensors: the places of the weights.
      schema: the fields.
      plan: how raw rows are encoded.
      inputs: the raw columns.
      context: those of them that the candidates of a request share; read for REQUEST only.

    Raises:
      UsageError: the model has an operation, or a field an encoding, that ONNX cannot express.
    """
    if IDS in formats:
        (b,) = jax.export.symbolic_shape('b')
        of_ids = {
            'ids': jax.ShapeDtypeStruct((b, schema.num_slots), np.int32),
            'numeric': jax.ShapeDtypeStruct((b, len(schema.numeric_fields)), np.float32),
        }
        onnx.save(onnx_model(function, tensors, of_ids, ['logits'], config.name), folder / FORMATS[IDS])
    if RAW in formats:
        onnx.save(raw_model(plan, inputs, function, tensors, schema, config.name), folder / FORMATS[RAW])
    if REQUEST in formats:
        onnx.save(request_model(plan, inputs, context, config, tensors, schema), folder / FORMATS[REQUEST])
