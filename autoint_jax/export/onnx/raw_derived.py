"""Columns that are derived from raw ones, in a graph: Avazu's calendar, the periods of MovieLens."""

import numpy as np
from onnx import TensorProto

from autoint_jax.data.raw.derived import AGE_GROUPS
from autoint_jax.export.onnx.graph import Graph
from autoint_jax.export.onnx.raw_columns import Column

# {derivation: {derived column: the raw column that it is made of}}
DERIVED = {
    'avazu_calendar': dict.fromkeys(('hour_of_day', 'weekday', 'is_weekend'), 'hour'),
    'movielens_groups': {'ReleaseTime': 'Year', 'AgeGroup': 'Age'},
}


def derived_column(graph: Graph, name: str, source: Column) -> Column:
    """Returns a column of DERIVED from the column that it is made of, which holds whole numbers."""
    missing = graph.node('IsNaN', source.values)
    filled = graph.node('Where', missing, graph.constant(np.float64(0)), source.values)
    numbers = graph.node('Cast', filled, to=TensorProto.INT64)
    present = graph.node('Not', missing)
    if name in ('ReleaseTime', 'AgeGroup'):
        texts, wrong = (_release_period if name == 'ReleaseTime' else _age_group)(graph, numbers)
        texts = graph.node('Where', missing, graph.constant(np.array('', object)), texts)
        bad = () if wrong is None else (graph.node('And', present, wrong),)
        return Column(texts, False, (*source.bad, *bad))
    values, wrong = _calendar(graph, name, numbers)
    derived = graph.node(
        'Where', missing, graph.constant(np.float64(np.nan)), graph.node('Cast', values, to=TensorProto.DOUBLE)
    )
    return Column(derived, True, (*source.bad, graph.node('And', present, wrong)))


def _whole(graph: Graph, value: int) -> str:
    return graph.constant(np.int64(value))


def _divided(graph: Graph, numbers: str, by: int) -> str:
    """Returns the quotients of numbers of at least 0, without their fractions."""
    return graph.node('Div', numbers, _whole(graph, by))


def _rest(graph: Graph, numbers: str, by: int) -> str:
    return graph.node('Mod', numbers, _whole(graph, by))


def _calendar(graph: Graph, name: str, hours: str) -> tuple[str, str]:
    """Returns a column of `derived.avazu_calendar` from numbers YYMMDDHH, and which numbers are none."""
    outside = graph.node(
        'Or', graph.node('Less', hours, _whole(graph, 0)), graph.node('GreaterOrEqual', hours, _whole(graph, 10**8))
    )
    hours = graph.node('Where', outside, _whole(graph, 10100), hours)
    year, month = _divided(graph, hours, 10**6), _rest(graph, _divided(graph, hours, 10**4), 100)
    day, hour = _rest(graph, _divided(graph, hours, 100), 100), _rest(graph, hours, 100)
    wrong_month = graph.node(
        'Or', graph.node('Less', month, _whole(graph, 1)), graph.node('Greater', month, _whole(graph, 12))
    )
    month = graph.node('Where', wrong_month, _whole(graph, 1), month)
    leap = graph.node('Equal', _rest(graph, year, 4), _whole(graph, 0))  # from 2000 to 2099
    # Days before each month, and days of each month, in years without and with a 29 February.
    lengths = np.array([[31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]] * 2, np.int64)
    lengths[1, 1] = 29
    before = np.cumsum(lengths, 1) - lengths
    leap_number = graph.node('Cast', leap, to=TensorProto.INT64)
    place = graph.node('Add', graph.node('Mul', leap_number, _whole(graph, 12)), month)
    place = graph.node('Sub', place, _whole(graph, 1))
    length, start = (graph.node('Gather', graph.constant(table.ravel()), place, axis=0) for table in (lengths, before))
    wrong = graph.node('Or', outside, wrong_month)
    for condition in (
        graph.node('Less', day, _whole(graph, 1)),
        graph.node('Greater', day, length),
        graph.node('GreaterOrEqual', hour, _whole(graph, 24)),
    ):
        wrong = graph.node('Or', wrong, condition)
    if name == 'hour_of_day':
        return hour, wrong
    # 1 January 2000 was a Saturday, day 6; a year adds a day, and two if the year before had a 29 February.
    leaps = _divided(graph, graph.node('Add', year, _whole(graph, 3)), 4)
    days = graph.node('Add', graph.node('Add', year, leaps), graph.node('Add', start, day))
    weekday = _rest(graph, graph.node('Add', days, _whole(graph, 5)), 7)
    if name == 'weekday':
        return weekday, wrong
    weekend = graph.node(
        'Or', graph.node('Equal', weekday, _whole(graph, 0)), graph.node('Equal', weekday, _whole(graph, 6))
    )
    return graph.node('Cast', weekend, to=TensorProto.INT64), wrong


def _release_period(graph: Graph, years: str) -> tuple[str, None]:
    """Returns the texts of `derived.release_period` for years."""
    ten = _whole(graph, 10)
    within = graph.node('Clip', years, _whole(graph, 1930), _whole(graph, 1970))
    decade = graph.node('Mul', graph.node('Div', within, ten), ten)
    texts = graph.node('StringConcat', _digits(graph, decade), graph.constant(np.array('s', object)))
    texts = graph.node('Where', graph.node('Less', years, _whole(graph, 1970)), texts, _digits(graph, years))
    first = graph.node('Less', years, _whole(graph, 1930))
    return graph.node('Where', first, graph.constant(np.array('1919-1929', object)), texts), None


def _age_group(graph: Graph, ages: str) -> tuple[str, str]:
    """Returns the texts of `derived.age_group` for ages, and which ages are none."""
    reached = graph.node(
        'GreaterOrEqual', graph.node('Unsqueeze', ages, graph.whole_numbers(1)), graph.constant(np.array([AGE_GROUPS]))
    )
    count = graph.node(
        'ReduceSum', graph.node('Cast', reached, to=TensorProto.INT64), graph.whole_numbers(1), keepdims=0
    )
    place = graph.node('Max', graph.node('Sub', count, _whole(graph, 1)), _whole(graph, 0))
    groups = graph.constant(np.array(list(map(str, AGE_GROUPS)), object))
    return graph.node('Gather', groups, place, axis=0), graph.node('Less', ages, _whole(graph, AGE_GROUPS[0]))


def _digits(graph: Graph, numbers: str) -> str:
    return graph.node('Cast', numbers, to=TensorProto.STRING)
