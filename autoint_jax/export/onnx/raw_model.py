"""A model that takes raw values: the encoding of rows and the model in one graph of ONNX."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
import onnx
from onnx import TensorProto

from autoint_jax.bundle.manifest import RawInput
from autoint_jax.bundle.weights import Tensor
from autoint_jax.data.datasets.row_plan import RowPlan
from autoint_jax.data.encoding.plan import FieldPlan
from autoint_jax.errors import UsageError
from autoint_jax.export.onnx.converter import add_function
from autoint_jax.export.onnx.graph import Graph, Port
from autoint_jax.export.onnx.raw_columns import Column, any_of, is_number, number_column, text_column
from autoint_jax.export.onnx.raw_crosses import CrossMaker
from autoint_jax.export.onnx.raw_derived import DERIVED, derived_column
from autoint_jax.export.onnx.raw_fields import encoded_field
from autoint_jax.export.onnx.raw_texts import ANY_TEXT, is_missing
from autoint_jax.schema import NUMERIC, Schema


class EncodedRows(NamedTuple):
    """Some rows, encoded in a graph.

    Attributes:
      ports: the inputs of the graph, one for each raw column.
      ids: name and type of the tensor int32 [rows, slots] of the id fields that are made of these columns.
      numeric: name and type of the tensor float32 [rows, numeric fields].
      bad: name of a tensor bool [rows]: rows with a cell that is not of its column's type.
    """

    ports: list[Port]
    ids: tuple[str, jax.ShapeDtypeStruct]
    numeric: tuple[str, jax.ShapeDtypeStruct]
    bad: str


def raw_model(
    plan: RowPlan,
    inputs: Sequence[RawInput],
    function: Callable[..., Any],
    tensors: Mapping[str, Tensor],
    schema: Schema,
    name: str,
) -> onnx.ModelProto:
    """Returns a model with an input for each raw column, and the outputs `logits` and `probability`, float32 [b].

    Rows that a raw file would call bad, because a cell is not of its column's type, have NaN as their score.

    Args:
      plan: how raw rows are encoded.
      inputs: the raw columns. The input of one of kind 'number' is double [b], with NaN for a missing value; all others
        are texts [b], with '' for a missing value.
      function: the scoring function, (weights, ids, numeric) -> logits.
      tensors: places of the weights in weights.bin.
      schema: the fields.
      name: of the model.

    Raises:
      UsageError: ONNX cannot express the encoding of a field, or an operation of the model.
    """
    graph = Graph(tensors)
    (b,) = jax.export.symbolic_shape('b')
    rows = encoded_rows(graph, plan, inputs, schema, b)
    (logits,) = add_function(graph, function, tensors, [rows.ids, rows.numeric], name)
    return graph.model(name, rows.ports, scores(graph, logits.tensor, rows.bad))


def scores(graph: Graph, logits: str, bad: str) -> list[tuple[Port, str]]:
    """Returns the outputs `logits` and `probability` of a graph; both are NaN in bad rows.

    Args:
      graph: the graph.
      logits: tensor float32 [b].
      bad: tensor bool [b].
    """
    logits = graph.node('Where', bad, graph.constant(np.float32(np.nan)), logits)
    probability = graph.node('Sigmoid', graph.node('Cast', logits, to=TensorProto.DOUBLE))
    probability = graph.node('Cast', probability, to=TensorProto.FLOAT)
    return [(Port('logits', 'float32', ('b',)), logits), (Port('probability', 'float32', ('b',)), probability)]


def encoded_rows(
    graph: Graph,
    plan: RowPlan,
    inputs: Sequence[RawInput],
    schema: Schema,
    rows: Any,
    columns: Collection[str] | None = None,
) -> EncodedRows:
    """Adds inputs for raw columns to a graph, and encodes the fields that are made of them.

    Args:
      graph: the graph.
      plan: how raw rows are encoded.
      inputs: the raw columns.
      schema: the fields.
      rows: the number of rows: 1, or a size of `jax.export.symbolic_shape`.
      columns: names of the raw columns to take; None for all.

    Raises:
      UsageError: ONNX cannot express the encoding of a field, or a field of a request is a cross.
    """
    if plan.table.crosses and columns is not None:
        raise UsageError(
            f'field {plan.table.crosses[0].name!r} is a cross of other fields, which a program of requests cannot '
            'make: export without --context'
        )
    taken = [column for column in inputs if columns is None or column.name in columns]
    size = int(rows) if isinstance(rows, int) else str(rows)
    ports = [Port(column.name, 'float64' if is_number(column) else 'text', (size,)) for column in taken]
    sources, kinds = DERIVED.get(plan.table.derivation, {}), dict(plan.layout.columns)
    raw = {column.name: _raw_column(graph, plan, column) for column in taken}
    length = graph.node('Shape', ports[0].name, start=0, end=1)
    slots: list[tuple[str, str]] = []
    numbers: list[tuple[str, str]] = []
    bad: list[str] = []
    for name, column in raw.items():
        bad += column.bad
        if name in plan.layout.required:
            missing = graph.node('IsNaN', column.values) if column.numbers else is_missing(graph, column.values)
            bad.append(missing)
    for field in plan.table.fields:
        source = sources.get(field.column, field.column)
        if source not in raw:
            continue
        derived = source != field.column
        column = derived_column(graph, field.column, raw[source]) if derived else raw[source]
        found = encoded_field(graph, field, plan.fitted, column, _kind(field, column, kinds))
        bad += found.bad
        (numbers if field.kind == NUMERIC else slots).append((field.name, found.values))
    make = CrossMaker(graph, plan, dict([*slots, *numbers]), length)
    slots += [(cross.name, make(cross)) for cross in plan.table.crosses]
    widths = {field.name: field.max_values for field in schema.id_fields}
    return EncodedRows(
        ports,
        _joined(graph, [value for _, value in slots], length, rows, sum(widths[name] for name, _ in slots), np.int32),
        _joined(graph, [value for _, value in numbers], length, rows, len(numbers), np.float32),
        any_of(graph, bad, length),
    )


def _raw_column(graph: Graph, plan: RowPlan, column: RawInput) -> Column:
    """Returns a raw column as a file with it would give it."""
    kind = dict(plan.layout.columns).get(column.name, 'integer')
    if is_number(column):
        return number_column(graph, column.name, kind, plan.layout)
    known: list[str] = []
    for field in plan.table.fields:
        if field.column == column.name and field.has_vocabulary:
            known += [*plan.fitted.vocabularies[field.name].values, *field.missing_values]
        elif field.column == column.name and field.transform == 'hash':
            known.append(ANY_TEXT)
    return text_column(graph, column.name, kind, plan.layout, known)


def _kind(field: FieldPlan, column: Column, kinds: Mapping[str, str]) -> str:
    """Returns the type of the column of a field."""
    return kinds.get(field.column, 'integer' if column.numbers else 'text')


def _joined(
    graph: Graph, parts: Sequence[str], length: str, rows: Any, width: int, dtype: Any
) -> tuple[str, jax.ShapeDtypeStruct]:
    """Returns the tensor of some columns side by side, and its type."""
    like = jax.ShapeDtypeStruct((rows, width), dtype)
    if parts:
        return graph.node('Concat', *parts, axis=1), like
    shape = graph.node('Concat', length, graph.whole_numbers(0), axis=0)
    return graph.node('Expand', graph.constant(np.zeros((1, 0), dtype)), shape), like
