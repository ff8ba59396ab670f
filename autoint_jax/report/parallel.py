"""Parallel coordinates: an axis for each option and for a figure, and a line for each run."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from autoint_jax.report import theme

AXIS_WIDTH, HEIGHT = 130, 300
MOST_TEXTS = 12  # values of an axis that are written at it
LOGARITHMIC = 50  # an axis of positive numbers is logarithmic if the largest is so many times the least


class Coordinate(NamedTuple):
    """An axis.

    Attributes:
      name: what it measures.
      values: a value for each run: numbers, or texts, of which each has a place of its own.
      form: how its numbers are written, as Python's format reads it.
    """

    name: str
    values: Sequence[float | str]
    form: str = '.4g'


def parallel(axes: Sequence[Coordinate], names: Sequence[str], figure: Coordinate) -> dict[str, Any]:
    """Returns the specification of parallel coordinates.

    Args:
      axes: the options.
      names: of the runs, [n].
      figure: the last axis, by which lines are coloured; its values are numbers.
    """
    everything = [*axes, figure]
    titles = _distinct([axis.name for axis in everything])
    rows, texts = [], []
    for title, axis in zip(titles, everything, strict=True):
        places, written = _places(axis)
        texts += [{'axis': title, 'at': at, 'label': label} for at, label in written]
        rows += [
            {'axis': title, 'at': at, 'run': f'{number} {name}', 'value': _text(value, axis.form), 'figure': shade}
            for number, (at, name, value, shade) in enumerate(
                zip(places, names, axis.values, figure.values, strict=True), start=1
            )
        ]
    x = {
        'field': 'axis',
        'type': 'nominal',
        'sort': titles,
        'title': None,
        'axis': {'orient': 'top', 'labelAngle': 0, 'labelLimit': AXIS_WIDTH - 10},
        'scale': {'type': 'point', 'padding': 0.5},
    }
    y = {'field': 'at', 'type': 'quantitative', 'scale': {'domain': [0, 1], 'nice': False}, 'axis': None}
    shades = [float(value) for value in figure.values]
    # The palest third of the range is left out, because lines in it would not be seen.
    faint = min(shades) - 0.5 * ((max(shades) - min(shades)) or 1.0)
    colour = {
        'field': 'figure',
        'type': 'quantitative',
        'scale': {'domain': [faint, max(shades)], 'nice': False, 'range': 'ramp'},
        'legend': {'title': figure.name, 'orient': 'bottom'},
    }
    return {
        'width': AXIS_WIDTH * len(everything),
        'height': HEIGHT,
        'layer': [
            {
                'data': {'values': [{'axis': title, 'at': 0, 'end': 1} for title in titles]},
                'mark': {'type': 'rule', 'style': theme.MUTED, 'strokeWidth': 1},
                'encoding': {'x': x, 'y': y, 'y2': {'field': 'end'}},
            },
            {
                'data': {'values': rows},
                'mark': {'type': 'line', 'opacity': 0.75, 'point': {'size': 30}},
                'encoding': {
                    'x': x,
                    'y': y,
                    'detail': {'field': 'run'},
                    'color': colour,
                    'tooltip': [
                        {'field': 'run', 'title': 'run'},
                        {'field': 'axis', 'title': 'option'},
                        {'field': 'value', 'title': 'value'},
                    ],
                },
            },
            {
                'data': {'values': texts},
                'mark': {
                    'type': 'text',
                    'style': theme.NOTE,
                    'align': 'left',
                    'dx': 6,
                    'dy': -7,
                    'limit': AXIS_WIDTH - 20,
                },
                'encoding': {'x': x, 'y': y, 'text': {'field': 'label'}},
            },
        ],
    }


def _places(axis: Coordinate) -> tuple[list[float], list[tuple[float, str]]]:
    """Returns the place of each value on an axis from 0 to 1, and the texts at the axis with their places."""
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in axis.values):
        known = sorted({str(value) for value in axis.values})
        at = {text: (number + 0.5) / len(known) for number, text in enumerate(known)}
        step = math.ceil(len(known) / MOST_TEXTS)
        return [at[str(value)] for value in axis.values], [(at[text], text) for text in known[::step]]
    numbers = [float(value) for value in axis.values]
    low, high = min(numbers), max(numbers)
    scaled = math.log if low > 0 and high >= LOGARITHMIC * low else float
    width = scaled(high) - scaled(low) or 1.0

    def place(number: float) -> float:
        return 0.04 + 0.92 * (scaled(number) - scaled(low)) / width if high > low else 0.5

    known_numbers = sorted(set(numbers))
    shown = known_numbers if len(known_numbers) <= MOST_TEXTS // 2 else [low, high]
    return [place(number) for number in numbers], [(place(number), _text(number, axis.form)) for number in shown]


def _distinct(names: Sequence[str]) -> list[str]:
    """Returns names of axes, of which no two are equal."""
    found: list[str] = []
    for name in names:
        found.append(name if name not in found else f'{name} ({len(found) + 1})')
    return found


def _text(value: Any, form: str) -> str:
    return format(value, form) if isinstance(value, float) else str(value)
