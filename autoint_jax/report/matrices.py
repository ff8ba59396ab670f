"""Maps of names by names as charts: small multiples, and correlations."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from autoint_jax.report import theme

LABELLED = 9  # the least size of cells beside which names are written


def maps(
    weights: Sequence[np.ndarray],
    titles: Sequence[str],
    names: Sequence[str],
    middle: float,
    *,
    columns: int = 4,
    title: str = '',
) -> dict[str, Any]:
    """Returns the specification of several maps with one scale of colours.

    Args:
      weights: the maps, [f, g] each.
      titles: a text above each map, all different.
      names: names of the rows and columns, all different.
      middle: the number that has the colour in the middle; equal distances from it have colours of equal strength.
      columns: number of maps beside each other.
      title: what the colours measure.
    """
    values = np.stack(weights)
    reach = max(float(np.abs(values - middle).max()), 1e-9)
    rows = [
        {
            'of': titles[number],
            'from': names[down],
            'to': names[across],
            'value': round(float(values[number, down, across]), 5),
        }
        for number, down, across in np.ndindex(values.shape)
    ]
    size = _cell(len(names), columns)
    axis = {'labelLimit': 90, 'labelFontSize': 10 if size > 12 else 8.5, 'title': None} if size > LABELLED else None
    upright = axis and {**axis, 'labelAngle': -90}
    tips = [
        {'field': 'of', 'title': 'map'},
        {'field': 'from', 'title': 'row'},
        {'field': 'to', 'title': 'column'},
        {'field': 'value', 'type': 'quantitative', 'format': '.4f'},
    ]
    return {
        'data': {'values': rows},
        'facet': {'field': 'of', 'type': 'nominal', 'sort': list(titles), 'title': None},
        'columns': columns,
        'spec': {
            'width': {'step': size},
            'height': {'step': size},
            'mark': {'type': 'rect', 'style': theme.CELL, 'strokeWidth': 0.5 if size < 12 else 1},
            'encoding': {
                'x': {'field': 'to', 'type': 'nominal', 'sort': list(names), 'axis': upright},
                'y': {'field': 'from', 'type': 'nominal', 'sort': list(names), 'axis': axis},
                'color': {
                    'field': 'value',
                    'type': 'quantitative',
                    'scale': {'domain': [middle - reach, middle + reach], 'range': 'diverging', 'interpolate': 'lab'},
                    'legend': {
                        'title': title,
                        'orient': 'bottom',
                        'gradientLength': 260,
                        'gradientThickness': 10,
                        'values': [middle + part * reach for part in (-1, -0.5, 0, 0.5, 1)],
                        'format': '.3f',
                    },
                },
                'tooltip': tips,
            },
        },
    }


def named(count: int, columns: int) -> bool:
    """Returns whether the cells of maps of so many fields are large enough for names beside them."""
    return _cell(count, columns) > LABELLED


def _cell(count: int, columns: int) -> float:
    return max(5.0, min(26.0, 800 / columns / count))


def correlations(values: np.ndarray, names: Sequence[str], *, title: str = 'rank correlation') -> dict[str, Any]:
    """Returns the specification of a square of correlations, with their numbers in it.

    Args:
      values: [k, k] between -1 and 1; those that are not finite are left empty.
      names: names of the rows and columns, all different.
      title: what the numbers are.
    """
    rows = [
        {'row': names[down], 'column': names[across], 'value': float(values[down, across])}
        for down, across in np.ndindex(values.shape)
        if np.isfinite(values[down, across])
    ]
    x = {'field': 'column', 'type': 'nominal', 'sort': list(names), 'title': None, 'axis': {'labelAngle': -35}}
    y = {'field': 'row', 'type': 'nominal', 'sort': list(names), 'title': None}
    colour = {
        'field': 'value',
        'type': 'quantitative',
        'scale': {'domain': [-1, 1], 'range': 'diverging', 'interpolate': 'lab'},
        'legend': {'title': title, 'values': [-1, 0, 1], 'gradientLength': 120},
    }
    return {
        'data': {'values': rows},
        'width': {'step': 56},
        'height': {'step': 30},
        'layer': [
            {'mark': {'type': 'rect', 'style': theme.CELL}, 'encoding': {'x': x, 'y': y, 'color': colour}},
            *(
                {
                    'transform': [{'filter': test}],
                    'mark': {'type': 'text', 'fontSize': 12, 'style': style},
                    'encoding': {'x': x, 'y': y, 'text': {'field': 'value', 'type': 'quantitative', 'format': '.2f'}},
                }
                for test, style in (('abs(datum.value) <= 0.7', []), ('abs(datum.value) > 0.7', theme.INVERSE))
            ),
        ],
    }
