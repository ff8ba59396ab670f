"""Raw columns in a graph, typed as in raw files. A cell that is not of its column's type makes its row bad."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from onnx import TensorProto

from autoint_jax.bundle.manifest import RawInput
from autoint_jax.data.text.layout import Layout
from autoint_jax.export.onnx.graph import Graph
from autoint_jax.export.onnx.raw_texts import is_missing, stripped, without_marks

WHOLE = ('integer', 'unsigned')  # types of columns of whole numbers
_INT64, _UINT64 = 2**63 - 1, 2**64 - 1


class Column(NamedTuple):
    """A column of some rows.

    Attributes:
      values: tensor double [b] of numbers, in which NaN is missing, or of texts [b], in which '' is missing.
      numbers: whether these are numbers.
      bad: tensors bool [b]; a row is bad if one of them is true.
      lists: tensor of texts [b] that may have blanks around them, for multivalued fields; '' for numbers.
    """

    values: str
    numbers: bool
    bad: tuple[str, ...] = ()
    lists: str = ''


def number_column(graph: Graph, values: str, kind: str, layout: Layout) -> Column:
    """Returns a column of numbers, double [b], as a raw file with the numbers would give it.

    Args:
      graph: the graph.
      values: the tensor.
      kind: the type of the raw column: 'integer', 'unsigned' or 'real'.
      layout: of the raw files.
    """
    values = _without_numbers(graph, values, layout)
    if kind == 'real':
        infinite = graph.node('IsInf', graph.node('Cast', values, to=TensorProto.FLOAT))
        if layout.infinite == 'bad':
            return Column(values, True, (infinite,))
        return Column(graph.node('Where', infinite, _number(graph, np.nan), values), True)
    large = graph.node('GreaterOrEqual', graph.node('Abs', values), _number(graph, 2.0**63))
    different = graph.node('Not', graph.node('Equal', values, graph.node('Floor', values)))
    fraction = graph.node('And', different, graph.node('Not', graph.node('IsNaN', values)))
    negative = (graph.node('Less', values, _number(graph, 0.0)),) if kind == 'unsigned' else ()
    return Column(values, True, (large, fraction, *negative))


def text_column(graph: Graph, values: str, kind: str, layout: Layout, known: Iterable[str]) -> Column:
    """Returns a column of texts [b], as a raw file with the texts would give it.

    Args:
      graph: the graph.
      values: the tensor.
      kind: the type of the raw column. Whole numbers come out without signs and zeros that they do not need.
      layout: of the raw files.
      known: the values that the texts are compared with.
    """
    bad: tuple[str, ...] = ()
    given = values
    if layout.strip:
        values, failed = stripped(graph, values, (*known, *layout.missing))
        bad = (failed,)
    values = without_marks(graph, values, layout.missing)
    if kind == 'text':
        lists = graph.node('Where', is_missing(graph, values), values, given)
        return Column(values, False, bad, lists)
    missing = is_missing(graph, values)
    if kind == 'hexadecimal':
        right = graph.node('RegexFullMatch', values, pattern='[0-9a-f]{8}')
    else:
        right, values = _whole_numbers(graph, values, kind)
    return Column(values, False, (*bad, graph.node('Not', graph.node('Or', right, missing))))


def _whole_numbers(graph: Graph, texts: str, kind: str) -> tuple[str, str]:
    """Returns which texts [b] are whole numbers of a kind, bool [b], and the texts as digits.

    Numbers of at most 18 digits are read and written again, so that 007 becomes 7. Longer ones must be digits only.
    """
    sign = r'\+?' if kind == 'unsigned' else '[+-]?'
    short = graph.node('RegexFullMatch', texts, pattern=rf'{sign}0*\d{{1,18}}')
    long = _at_most(_UINT64) if kind == 'unsigned' else f'-?(?:{_at_most(_INT64)})|-{_INT64 + 1}'
    right = graph.node('Or', short, graph.node('RegexFullMatch', texts, pattern=long))
    numbers = graph.node('Where', short, texts, graph.constant(np.array('0', object)))
    digits = graph.node('Cast', graph.node('Cast', numbers, to=TensorProto.INT64), to=TensorProto.STRING)
    return right, graph.node('Where', short, digits, texts)


def _at_most(largest: int) -> str:
    """Returns a regular expression of the whole numbers from 10^18 up to a number of more digits."""
    digits = str(largest)
    forms = [digits]
    for place, digit in enumerate(digits):
        lowest = 1 if place == 0 else 0
        if int(digit) > lowest:
            forms.append(rf'{digits[:place]}[{lowest}-{int(digit) - 1}]\d{{{len(digits) - place - 1}}}')
    if len(digits) > 19:
        forms.append(r'[1-9]\d{18}')
    return '|'.join(forms)


def _without_numbers(graph: Graph, values: str, layout: Layout) -> str:
    """Returns numbers, in which NaN takes the place of those that mean a missing value."""
    for mark in layout.missing:
        try:
            number = float(mark.replace(layout.thousands, '') if layout.thousands else mark)
        except ValueError:
            continue
        if math.isfinite(number):
            values = without_number(graph, values, number)
    return values


def without_number(graph: Graph, values: str, number: float) -> str:
    """Returns numbers, in which NaN takes the place of a number."""
    return graph.node('Where', graph.node('Equal', values, _number(graph, number)), _number(graph, np.nan), values)


def _number(graph: Graph, value: float) -> str:
    return graph.constant(np.float64(value))


def is_number(column: RawInput) -> bool:
    """Returns whether the input of a raw column is of numbers, not of texts."""
    return column.kind == 'number'


def any_of(graph: Graph, conditions: Sequence[str], size: str) -> str:
    """Returns where one of some conditions bool [b] is true; `size` is a tensor int64 [1] with b."""
    result = graph.node('ConstantOfShape', size, value=_false())
    for condition in dict.fromkeys(conditions):
        result = graph.node('Or', result, condition)
    return result


def _false() -> TensorProto:
    return TensorProto(data_type=TensorProto.BOOL, dims=[1], raw_data=b'\0')
