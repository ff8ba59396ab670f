"""Line charts: curves of several series over a common axis."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from autoint_jax.report import theme

WIDTH, HEIGHT = 370, 240


class Axis(NamedTuple):
    """An axis of numbers.

    Attributes:
      title: what it measures, with its unit.
      logarithmic: whether equal steps are equal factors.
      zero: whether it begins at 0.
      form: how its numbers are written, as d3-format reads it; '' for the usual form.
      whole: whether it has ticks at whole numbers only.
    """

    title: str
    logarithmic: bool = False
    zero: bool = False
    form: str = ''
    whole: bool = False

    def channel(self, field: str) -> dict[str, Any]:
        """Returns the encoding of a field by this axis."""
        scale: dict[str, Any] = {'type': 'log'} if self.logarithmic else {'zero': self.zero, 'nice': True}
        axis: dict[str, Any] = {'format': self.form} if self.form else {}
        if self.whole:
            axis['tickMinStep'] = 1
        return {'field': field, 'type': 'quantitative', 'title': self.title, 'scale': scale, 'axis': axis}


class Curve(NamedTuple):
    """A curve of one series.

    Attributes:
      x, y: its points, [p]; points that are not finite are left out.
      low, high: a band around it, [p], or None.
    """

    x: np.ndarray
    y: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None


def lines(
    series: Mapping[str, Curve],
    across: Axis,
    up: Axis,
    *,
    title: str = '',
    diagonal: bool = False,
    points: bool = False,
    level: float | None = None,
    width: int = WIDTH,
    height: int = HEIGHT,
) -> dict[str, Any]:
    """Returns the specification of a line chart.

    Args:
      series: {name: curve}; a legend names them if there are several.
      across, up: the axes.
      title: text above the chart.
      diagonal: whether a dashed line shows x = y.
      points: whether every point is marked.
      level: where a dashed horizontal line is drawn.
      width, height: size of the drawing area.
    """
    rows = [row for name, curve in series.items() for row in _rows(name, curve)]
    x, y = across.channel('x'), up.channel('y')
    colour = series_colour(list(series))
    layers: list[dict[str, Any]] = []
    ends = [value for row in rows for value in (row['x'], row['y'])]
    if diagonal and ends:
        layers.append(
            {
                'data': {'values': [{'x': end, 'y': end} for end in (min(ends), max(ends))]},
                'mark': {'type': 'line', 'style': theme.REFERENCE},
                'encoding': {'x': x, 'y': y},
            }
        )
    if level is not None:
        layers.append(
            {
                'data': {'values': [{'y': level}]},
                'mark': {'type': 'rule', 'style': theme.REFERENCE},
                'encoding': {'y': y},
            }
        )
    if any(curve.low is not None for curve in series.values()):
        layers.append(
            {
                'transform': [{'filter': 'isValid(datum.low)'}],
                'mark': {'type': 'area'},
                'encoding': {'x': x, 'y': {**y, 'field': 'low'}, 'y2': {'field': 'high'}, **colour},
            }
        )
    tips = [{'field': 'series', 'title': 'series'}] if len(series) > 1 else []
    tips += [
        {'field': 'x', 'type': 'quantitative', 'title': across.title, 'format': across.form or '.4~g'},
        {'field': 'y', 'type': 'quantitative', 'title': up.title, 'format': up.form or '.4~g'},
    ]
    layers.append(
        {
            'mark': {'type': 'line', 'point': {'size': 28} if points else False},
            'encoding': {'x': x, 'y': y, 'order': {'field': 'place'}, 'tooltip': tips, **colour},
        }
    )
    return {'title': title, 'data': {'values': rows}, 'width': width, 'height': height, 'layer': layers}


def series_colour(names: Sequence[str]) -> dict[str, Any]:
    """Returns the encoding of the field `series` by colour, empty for a single series."""
    if len(names) < 2:
        return {}
    legend = {'title': None, 'orient': 'top', 'columns': 6, 'symbolType': 'stroke'}
    return {'color': {'field': 'series', 'type': 'nominal', 'sort': list(names), 'legend': legend}}


def beside(*specs: Mapping[str, Any], columns: int = 2) -> dict[str, Any]:
    """Returns the specification of charts that stand side by side, each with scales of its own."""
    return {
        'concat': list(specs),
        'columns': columns,
        'spacing': 36,
        'resolve': {'scale': {'color': 'shared', 'x': 'independent', 'y': 'independent'}},
    }


def decades(values: Sequence[float]) -> list[float]:
    """Returns round numbers for the ticks of a logarithmic axis, from below the least value to above the largest."""
    least, most = math.log10(min(values)), math.log10(max(values))
    steps = (1.0,) if most - least > 2 else (1.0, 2.0, 5.0)
    found = [step * 10.0**power for power in range(math.floor(least) - 1, math.ceil(most) + 1) for step in steps]
    return [float(f'{value:.3g}') for value in found if 10**least / 3 <= value <= 10**most * 3]


def _rows(name: str, curve: Curve) -> list[dict[str, Any]]:
    low = curve.y * np.nan if curve.low is None else curve.low
    high = curve.y * np.nan if curve.high is None else curve.high
    return [
        {'series': name, 'place': place, 'x': float(x), 'y': float(y)}
        | ({'low': float(down), 'high': float(top)} if np.isfinite(down) and np.isfinite(top) else {})
        for place, (x, y, down, top) in enumerate(zip(curve.x, curve.y, low, high, strict=True))
        if np.isfinite(x) and np.isfinite(y)
    ]
