"""The ONNX programs of a bundle. It is imported only if one is wanted, because the package onnx is optional."""

import pathlib
from collections.abc import Mapping

import jax
import numpy as np
import onnx

from autoint_jax.bundle.manifest import FORMATS
from autoint_jax.bundle.weights import Tensor
from autoint_jax.export.onnx.converter import onnx_model
from autoint_jax.export.scored_function import ScoringFunction
from autoint_jax.schema import Schema

IDS = 'onnx'


def write_programs(
    folder: pathlib.Path,
    formats: tuple[str, ...],
    function: ScoringFunction,
    tensors: Mapping[str, Tensor],
    schema: Schema,
    name: str,
) -> None:
    """Writes the wanted ONNX programs of a bundle, whose weights are there.

    Args:
      folder: the bundle.
      formats: the wanted formats; those that are not ONNX are not looked at.
      function: the scoring function of the run.
      tensors: the places of the weights.
      schema: the fields.
      name: of the model, for errors.

    Raises:
      UsageError: the model has an operation that cannot be converted.
    """
    if IDS in formats:
        (b,) = jax.export.symbolic_shape('b')
        inputs = {
            'ids': jax.ShapeDtypeStruct((b, schema.num_slots), np.int32),
            'numeric': jax.ShapeDtypeStruct((b, len(schema.numeric_fields)), np.float32),
        }
        onnx.save(onnx_model(function, tensors, inputs, ['logits'], name), folder / FORMATS[IDS])
