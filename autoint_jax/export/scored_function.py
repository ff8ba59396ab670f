"""The scoring function of a run as a pure function of its weights: (weights, ids, numeric) -> logits.

It computes interacting layers in einsum, because compiled kernels cannot be exported. Tables may have half or a quarter
of their size. A row that was looked up is turned into float32 before the model sees it; no whole table ever is.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import flax.traverse_util
import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np

from autoint_jax.config.execution_config import AUTOMATIC
from autoint_jax.config.model_config import ModelConfig
from autoint_jax.errors import UsageError
from autoint_jax.models import registry
from autoint_jax.models.layers.batch_norm import STATISTICS
from autoint_jax.models.layers.tables import TableSpec, table_rows
from autoint_jax.schema import Batch, Schema
from autoint_jax.training.trained import TrainedRun

FLOAT32, BFLOAT16, INT8 = 'float32', 'bfloat16', 'int8'
PRECISIONS = (FLOAT32, BFLOAT16, INT8)  # of tables
TABLES = 'tables'  # the first part of the names of tables
SCALE = '.scale'  # the end of the name of the scales of an int8 table
LARGEST = 127  # of the whole numbers of an int8 table
AT_ONCE = 1 << 16  # rows of a table that are converted at a time
BLOCK = 1 << 13  # rows that `exported_logits` scores at a time

Weights = Mapping[str, Any]
ScoringFunction = Callable[[Weights, Any, Any], jax.Array]


def scored_function(run: TrainedRun, precision: str = FLOAT32) -> 'tuple[ScoringFunction, ExportedWeights]':
    """Returns the scoring function of a run and its weights.

    Args:
      run: the run.
      precision: of its tables, one of PRECISIONS.

    Returns:
      A function (weights, ids int32 [b, slots], numeric float32 [b, numeric]) -> logits float32 [b], which JAX can
      trace with a symbolic b; and the weights, arrays of NumPy by name, each made when it is asked for.

    Raises:
      UsageError: the precision is unknown.
    """
    config, schema = run.setup.config.model, run.setup.schema
    return function_of(config, schema, precision), ExportedWeights(
        run.state.variables, run.state.tables, run.setup.table_specs, precision
    )


def function_of(config: ModelConfig, schema: Schema, precision: str = FLOAT32, form: str = 'einsum') -> ScoringFunction:
    """Returns the function of `scored_function` for the model of a configuration.

    `form` is that of its interacting layers. In the form 'heads' ONNX Runtime swaps no axes, which makes it faster.
    """
    if precision not in PRECISIONS:
        raise UsageError(f'the precision of tables is {precision!r}, but must be one of {", ".join(PRECISIONS)}')
    model, specs = registry.build(config, schema, form if registry.model_class(config).HAS_FORMS else AUTOMATIC)

    def function(weights: Weights, ids: jax.Array, numeric: jax.Array) -> jax.Array:
        b = ids.shape[0]
        batch = Batch(ids, numeric, jnp.zeros((b,), jnp.float32), jnp.ones((b,), jnp.float32))
        rows = {name: rows_of(weights, name, spec, ids) for name, spec in specs.items()}
        logits: Any = model.apply(variables_of(weights), rows, batch, training=None)
        return logits

    return function


def exported_logits(function: ScoringFunction, weights: Weights, ids: np.ndarray, numeric: np.ndarray) -> np.ndarray:
    """Returns the logits of rows by a scoring function, float32 [b]; the rows are scored in blocks of one size.

    Args:
      function: of `scored_function`.
      weights: of the function.
      ids: int32 [b, slots].
      numeric: float32 [b, numeric].
    """
    compiled, held = jax.jit(function), jax.device_put(dict(weights))
    size, parts = min(len(ids), BLOCK), []
    for first in range(0, len(ids), size or 1):
        rows = np.minimum(np.arange(first, first + size), len(ids) - 1)  # the last row fills the last block
        parts.append(np.asarray(compiled(held, ids[rows], numeric[rows]))[: len(ids) - first])
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def variables_of(weights: Weights) -> dict[str, Any]:
    """Returns the variables of a model, as `model.apply` takes them, from the weights of `scored_function`."""
    dense = {name: value for name, value in weights.items() if not name.startswith(f'{TABLES}/')}
    return {'params': {}, STATISTICS: {}} | flax.traverse_util.unflatten_dict(dense, sep='/')


def rows_of(weights: Weights, table: str, spec: TableSpec, ids: jax.Array) -> jax.Array:
    """Returns the rows of a table that ids ask for, float32 [b, slots of the table, d].

    Args:
      weights: of `scored_function`.
      table: its name.
      spec: the table.
      ids: int32 [b, slots of the batch].
    """
    if not spec.rows:
        return jnp.zeros((ids.shape[0], 0, spec.width), jnp.float32)
    name, numbers = f'{TABLES}/{table}', table_rows(spec, ids)
    rows = jnp.take(weights[name], numbers, axis=0, mode='clip').astype(jnp.float32)
    if f'{name}{SCALE}' in weights:
        rows = rows * jnp.take(weights[f'{name}{SCALE}'], numbers, axis=0, mode='clip')[..., None]
    return rows


class ExportedWeights(Mapping[str, np.ndarray]):
    """The weights of a run by name: dense parameters in float32, then tables in their precision.

    A table is converted when it is asked for, and not kept. So no more than one table is in memory twice.

    Names: `params/PATH` and `batch_stats/PATH` of dense parameters, `tables/NAME` [v, d], and for int8
    `tables/NAME.scale` [v], by which the row's whole numbers are multiplied.
    """

    def __init__(self, variables: Any, tables: Mapping[str, Any], specs: Mapping[str, TableSpec], precision: str):
        """Takes the variables of the model, its tables, whole or split, and their precision."""
        self._dense = flax.traverse_util.flatten_dict(dict(variables), sep='/')
        self._dense = {name: value for name, value in self._dense.items() if hasattr(value, 'shape')}
        self._tables, self._specs = tables, specs
        self._precisions = {name: table_precision(specs[name], precision) for name in tables}
        self._names = list(self._dense)
        for name in tables:
            self._names.append(f'{TABLES}/{name}')
            if self._precisions[name] == INT8:
                self._names.append(f'{TABLES}/{name}{SCALE}')

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __getitem__(self, name: str) -> np.ndarray:
        if name in self._dense:
            return np.asarray(self._dense[name])
        if name not in self._names:
            raise KeyError(name)
        table = name.removeprefix(f'{TABLES}/').removesuffix(SCALE)
        spec = self._specs[table]
        whole = np.asarray(self._tables[table]).reshape(-1, spec.width)[: spec.rows]
        if name.endswith(SCALE):
            return row_scales(whole)
        precision = self._precisions[table]
        return whole if precision == FLOAT32 else _converted(whole, precision)

    @property
    def shapes(self) -> dict[str, jax.ShapeDtypeStruct]:
        """Shape and type of each tensor; no table is converted."""
        types = {FLOAT32: np.float32, BFLOAT16: ml_dtypes.bfloat16, INT8: np.int8}
        shapes = {name: jax.ShapeDtypeStruct(value.shape, value.dtype) for name, value in self._dense.items()}
        for table in self._tables:
            spec, name = self._specs[table], f'{TABLES}/{table}'
            shapes[name] = jax.ShapeDtypeStruct((spec.rows, spec.width), types[self._precisions[table]])
            if self._precisions[table] == INT8:
                shapes[f'{name}{SCALE}'] = jax.ShapeDtypeStruct((spec.rows,), np.float32)
        return shapes


def table_precision(spec: TableSpec, precision: str) -> str:
    """Returns the precision in which a table is exported: that of the tables, but a table of one value a row stays in
    float32 instead of int8, because the scale of a row would take more bytes than it saves.
    """
    return FLOAT32 if precision == INT8 and spec.width == 1 else precision


def row_scales(table: np.ndarray) -> np.ndarray:
    """Returns the scale of each row of a table [v, d], float32 [v]: the largest absolute value / 127, 1 if that is 0.

    A scale that float32 cannot divide by is 1, too; then the row is taken as zeros.
    """
    largest = np.maximum(table.max(1, initial=0), -table.min(1, initial=0))
    scales = largest / np.float32(LARGEST)
    return np.where(scales >= np.finfo(np.float32).tiny, scales, np.float32(1)).astype(np.float32)


def _converted(table: np.ndarray, precision: str) -> np.ndarray:
    """Returns a table [v, d] in bfloat16, or in int8 by the scales of its rows: the nearest whole numbers."""
    converted = np.empty(table.shape, ml_dtypes.bfloat16 if precision == BFLOAT16 else np.int8)
    for first in range(0, len(table), AT_ONCE):
        part = table[first : first + AT_ONCE]
        if precision == BFLOAT16:
            converted[first : first + AT_ONCE] = part.astype(ml_dtypes.bfloat16)
        else:
            converted[first : first + AT_ONCE] = np.rint(part / row_scales(part)[:, None]).astype(np.int8)
    return converted
