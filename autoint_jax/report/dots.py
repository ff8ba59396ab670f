"""Dot plots: values with intervals, one line for each group."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from autoint_jax.report import theme

STEP = 19  # height of a line


class Dot(NamedTuple):
    """A value with its interval.

    Attributes:
      group: the line that it stands in.
      value: the value.
      low, high: ends of its interval, or None.
      series: its series, if there are several.
      note: a text that is shown when a reader points at it.
    """

    group: str
    value: float
    low: float | None = None
    high: float | None = None
    series: str = ''
    note: str = ''


def dots(
    values: Sequence[Dot],
    title: str,
    *,
    zero: bool = True,
    level: float | None = None,
    heading: str = '',
    width: int = 480,
) -> dict[str, Any]:
    """Returns the specification of a dot plot; groups stand in the order in which they are given.

    Args:
      values: the dots.
      title: what the axis measures.
      zero: whether the axis begins at 0.
      level: where a dashed vertical line is drawn.
      heading: text above the chart.
      width: width of the drawing area.
    """
    groups = list(dict.fromkeys(dot.group for dot in values))
    series = list(dict.fromkeys(dot.series for dot in values))
    rows = [{name: value for name, value in dot._asdict().items() if value is not None} for dot in values]
    y = {'field': 'group', 'type': 'nominal', 'sort': groups, 'title': None}
    x = {'field': 'value', 'type': 'quantitative', 'title': title, 'scale': {'zero': zero}}
    colour: dict[str, Any] = {}
    if len(series) > 1:
        y_offset = {'field': 'series', 'type': 'nominal', 'sort': series}
        legend = {'title': None, 'orient': 'top', 'columns': 4, 'symbolOpacity': 1}
        colour = {
            'color': {'field': 'series', 'type': 'nominal', 'sort': series, 'legend': legend},
            'yOffset': y_offset,
        }
    tips: list[dict[str, Any]] = [{'field': 'group', 'title': 'of'}]
    if len(series) > 1:
        tips.append({'field': 'series', 'title': 'series'})
    for name in ('value', 'low', 'high'):
        tips.append({'field': name, 'type': 'quantitative', 'format': '.4~g'})
    if any(dot.note for dot in values):
        tips.append({'field': 'note', 'title': 'note'})
    layers: list[dict[str, Any]] = []
    if level is not None:
        layers.append(
            {
                'data': {'values': [{'value': level}]},
                'mark': {'type': 'rule', 'style': theme.REFERENCE},
                'encoding': {'x': {**x, 'scale': {'zero': zero}}},
            }
        )
    layers += [
        {
            'transform': [{'filter': 'isValid(datum.low) && isValid(datum.high)'}],
            'mark': {'type': 'rule', 'style': theme.INTERVAL} if not colour else {'type': 'rule', 'opacity': 0.55},
            'encoding': {'y': y, 'x': {**x, 'field': 'low'}, 'x2': {'field': 'high'}, **colour},
        },
        {'mark': {'type': 'circle', 'opacity': 1}, 'encoding': {'y': y, 'x': x, 'tooltip': tips, **colour}},
    ]
    return {
        'title': heading,
        'data': {'values': rows},
        'width': width,
        'height': {'step': STEP if len(series) < 2 else 12 * len(series), 'for': 'position'},
        'layer': layers,
    }
