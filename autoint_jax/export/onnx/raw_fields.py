"""Fields in a graph: columns to ids and numbers, by the plan of a table and what was fitted to its rows."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from onnx import TensorProto

from autoint_jax.data.encoding.fitted import Fitted
from autoint_jax.data.encoding.plan import UNKNOWN, FieldPlan
from autoint_jax.data.encoding.transforms import log_square
from autoint_jax.errors import UsageError
from autoint_jax.export.onnx import raw_texts
from autoint_jax.export.onnx.graph import Graph
from autoint_jax.export.onnx.raw_columns import Column, without_number
from autoint_jax.export.onnx.raw_hashes import hashed
from autoint_jax.schema import MULTIVALUED, NUMERIC

LARGEST = 1e39  # larger numbers are infinite in float32


class EncodedField(NamedTuple):
    """A field of some rows.

    Attributes:
      values: tensor float32 [b, 1] of a numeric field, or int32 [b, slots].
      bad: tensors bool [b]; a row is bad if one of them is true.
    """

    values: str
    bad: tuple[str, ...]


def encoded_field(graph: Graph, field: FieldPlan, fitted: Fitted, column: Column, kind: str) -> EncodedField:
    """Encodes a column as `data/encoding/field_encoder.py` does.

    Args:
      graph: the graph.
      field: plan of the field.
      fitted: of the whole table.
      column: the column.
      kind: the type of the raw column; 'text' for derived texts.

    Raises:
      UsageError: ONNX cannot express the transform for a column of this type.
    """
    by_number = field.kind == NUMERIC or field.transform in ('quantiles', 'log_square_bucket')
    unfit = (
        not column.numbers
        if by_number
        else column.numbers and (kind == 'real' or field.transform == 'hash')
        if field.kind != MULTIVALUED
        else column.numbers or kind != 'text'
    )
    if unfit:
        raise UsageError(
            f'field {field.name!r} is made of {"numbers" if column.numbers else "texts"} of type {kind!r} in column '
            f'{field.column!r}, which ONNX cannot encode for it: export without --onnx_inputs=raw'
        )
    if field.kind == NUMERIC:
        return _numeric(graph, field, fitted, column)
    if field.kind == MULTIVALUED:
        return _lists(graph, field, fitted, column)
    if field.transform == 'hash':
        found, bad = _bucket_of_text(graph, field, column)
    elif field.transform == 'quantiles':
        found, bad = _quantile(graph, field, fitted, column), column.bad
    elif field.transform == 'log_square_bucket':
        found, bad = _bucket(graph, field, fitted, column)
    elif column.numbers:
        found, bad = _known_number(graph, field, fitted, column.values), column.bad
    else:
        table, unknown = _table(field, fitted, field.missing_values)
        found, bad = raw_texts.ids(graph, column.values, table, unknown), column.bad
    found = graph.node('Unsqueeze', found, graph.whole_numbers(1))
    return EncodedField(graph.node('Cast', found, to=TensorProto.INT32), bad)


def _table(field: FieldPlan, fitted: Fitted, marks: Sequence[str] = ()) -> tuple[dict[str, int], int]:
    """Returns {text: id} of known values, '' and marks of missing values, and the id of all others."""
    texts = fitted.vocabularies[field.name].values
    table = {text: 1 + place for place, text in enumerate(texts) if (place, text) != (0, UNKNOWN)}
    unknown = 1 if field.kind != MULTIVALUED and field.missing == 'nothing' else 0
    return table | dict.fromkeys(('', *marks), table.get('', 0)), unknown


def _numbers(graph: Graph, field: FieldPlan, column: Column) -> str:
    """Returns the numbers of a column, double [b]; NaN = missing."""
    values = column.values
    for value in field.missing_values:
        values = without_number(graph, values, float(value))
    return values


def _log_square(graph: Graph, values: str) -> str:
    """Returns int(log(x)^2) for x > 2; other values stay.

    Logarithms of runtimes may differ in the last bit, which matters where log(x)^2 is nearly whole. So the result is
    corrected by the smallest numbers that have it.
    """
    least = _least_numbers()
    large = graph.node('Greater', values, graph.constant(2.0))
    number = graph.node('Min', graph.node('Where', large, values, graph.constant(2.0)), graph.constant(LARGEST))
    logarithm = graph.node('Log', number)
    place = graph.node('Cast', graph.node('Mul', logarithm, logarithm), to=TensorProto.INT64)
    place = graph.node('Min', place, graph.constant(np.int64(len(least) - 2)))
    table = graph.constant(least)
    next_place = graph.node('Add', place, graph.constant(np.int64(1)))
    below = graph.node('Less', number, graph.node('Gather', table, place, axis=0))
    above = graph.node('GreaterOrEqual', number, graph.node('Gather', table, next_place, axis=0))
    for condition, operator in ((below, 'Sub'), (above, 'Add')):
        place = graph.node(operator, place, graph.node('Cast', condition, to=TensorProto.INT64))
    return graph.node('Where', large, graph.node('Cast', place, to=TensorProto.DOUBLE), values)


@functools.cache
def _least_numbers() -> np.ndarray:
    """Returns the smallest numbers x above 2 whose int(log(x)^2) is 0, 1, 2, ..., up to LARGEST; then infinity."""
    wanted = np.arange(1, int(np.log(LARGEST) ** 2) + 1)
    middle = np.exp(np.sqrt(wanted))
    low, high = (np.maximum(middle * factor, 2.0).view(np.int64) for factor in (1 - 1e-12, 1 + 1e-12))
    while (high - low > 1).any():  # numbers between these are halved, as bits
        half = low + (high - low) // 2
        reached = log_square(half.view(np.float64)) >= wanted
        low, high = np.where(reached, low, half), np.where(reached, half, high)
    return np.concatenate([[0.0], high.view(np.float64), [np.inf]])


def _numeric(graph: Graph, field: FieldPlan, fitted: Fitted, column: Column) -> EncodedField:
    values, parameters = _numbers(graph, field, column), fitted.parameters.get(field.name, ())
    if field.transform == 'log_square':
        values = _log_square(graph, values)
    elif field.transform in ('standard', 'min_max'):
        first, second = parameters
        width = (second if field.transform == 'standard' else second - first) or 1.0
        values = graph.node('Sub', values, graph.constant(np.float64(first)))
        values = graph.node('Div', values, graph.constant(np.float64(width)))
    result = graph.node('Cast', values, to=TensorProto.FLOAT)
    infinite = graph.node('IsInf', result)
    return EncodedField(graph.node('Unsqueeze', result, graph.whole_numbers(1)), (*column.bad, infinite))


def _quantile(graph: Graph, field: FieldPlan, fitted: Fitted, column: Column) -> str:
    values = _numbers(graph, field, column)
    edges = np.array([fitted.parameters.get(field.name, ())], np.float64)
    above = graph.node('GreaterOrEqual', graph.node('Unsqueeze', values, graph.whole_numbers(1)), graph.constant(edges))
    count = graph.node('ReduceSum', graph.node('Cast', above, to=TensorProto.INT64), graph.whole_numbers(1), keepdims=0)
    number = graph.node('Add', count, graph.constant(np.int64(1)))
    return graph.node('Where', graph.node('IsNaN', values), graph.constant(np.int64(0)), number)


def _bucket(graph: Graph, field: FieldPlan, fitted: Fitted, column: Column) -> tuple[str, tuple[str, ...]]:
    values = _numbers(graph, field, column)
    if field.missing == 'zero':
        values = graph.node('Where', graph.node('IsNaN', values), graph.constant(0.0), values)
    values = _log_square(graph, values)
    large = graph.node('GreaterOrEqual', graph.node('Abs', values), graph.constant(2.0**63))
    return _known_number(graph, field, fitted, values), (*column.bad, large)


def _bucket_of_text(graph: Graph, field: FieldPlan, column: Column) -> tuple[str, tuple[str, ...]]:
    texts = raw_texts.without_marks(graph, column.values, field.missing_values)
    found, failed = hashed(graph, texts, field.buckets, field.name)
    return found, (*column.bad, failed)


def _known_number(graph: Graph, field: FieldPlan, fitted: Fitted, values: str) -> str:
    """Returns the ids int64 [b] of numbers double [b], cut to whole ones, by the vocabulary of a field."""
    marks = () if field.transform == 'log_square_bucket' else field.missing_values
    texts, unknown = _table(field, fitted, marks)
    missing = texts.pop('')
    absent = graph.node('IsNaN', values)
    filled = graph.node('Where', absent, graph.constant(0.0), values)
    bound = 2.0**63 - 1024  # the largest double that int64 holds
    filled = graph.node('Clip', filled, graph.constant(-bound), graph.constant(bound))
    whole = graph.node('Cast', filled, to=TensorProto.INT64)
    found = raw_texts.ids(graph, whole, {int(text): number for text, number in texts.items()}, unknown)
    return graph.node('Where', absent, graph.constant(np.int64(missing)), found)


def _lists(graph: Graph, field: FieldPlan, fitted: Fitted, column: Column) -> EncodedField:
    """Encodes texts that hold several values. Known values come first in a row's slots, in their order."""
    by_hash, table, unknown = field.transform == 'hash', dict[str, int](), 0
    if not by_hash:
        table, unknown = _table(field, fitted, field.missing_values)
    slots = fitted.max_values[field.name]
    texts = graph.node(
        'Where',
        raw_texts.is_missing(graph, raw_texts.without_marks(graph, column.values, field.missing_values)),
        graph.constant(np.array('', object)),
        column.lists,
    )
    parts, _ = graph.nodes('StringSplit', [texts], 2, delimiter=field.separator)  # [b, m]
    flat = graph.node('Reshape', parts, graph.whole_numbers(-1))
    flat, failed = raw_texts.stripped(graph, flat, (raw_texts.ANY_TEXT,) if by_hash else table)
    if by_hash:
        flat = raw_texts.without_marks(graph, flat, field.missing_values)
        ids, unfit = hashed(graph, flat, field.buckets, field.name)
        failed = graph.node('Or', failed, unfit)
    else:
        ids = raw_texts.ids(graph, flat, table | {'': 0}, unknown)
    shape = graph.node('Shape', parts)
    failed = graph.node('Reshape', graph.node('Cast', failed, to=TensorProto.INT32), shape, allowzero=1)
    wrong = graph.node('ReduceSum', failed, graph.whole_numbers(1), keepdims=0)
    found = graph.node('Reshape', ids, shape, allowzero=1)
    found = graph.node(
        'Pad', found, graph.whole_numbers(0, 0, 0, slots), graph.constant(np.int64(0))
    )  # [b, m + slots], so that every slot has a value
    width = graph.node('Shape', found, start=1, end=2)
    last = graph.node('Squeeze', width, graph.whole_numbers(0))
    places = graph.node('Range', graph.constant(np.int64(0)), last, graph.constant(np.int64(1)))
    known = graph.node('Greater', found, graph.constant(np.int64(0)))
    places = graph.node('Where', known, places, graph.node('Add', places, width))  # known values come first
    _, first = graph.nodes('TopK', [places, graph.whole_numbers(slots)], 2, axis=1, largest=0, sorted=1)
    found = graph.node('GatherElements', found, first, axis=1)
    bad = graph.node('Cast', wrong, to=TensorProto.BOOL)
    return EncodedField(graph.node('Cast', found, to=TensorProto.INT32), (*column.bad, bad))
