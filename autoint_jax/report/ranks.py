"""Critical-difference diagrams: mean ranks on a line, and bars over those that do not differ significantly."""

from collections.abc import Sequence
from typing import Any

from autoint_jax.report import theme

WIDTH, STEP = 460, 22


def critical_difference(
    names: Sequence[str], ranks: Sequence[float], difference: float, groups: Sequence[Sequence[int]]
) -> dict[str, Any]:
    """Returns the specification of a critical-difference diagram (Demšar, JMLR 2006, Figure 1).

    Args:
      names: of what is ranked, [k].
      ranks: mean ranks, [k]; 1 is the best.
      difference: the critical difference.
      groups: places of those that do not differ significantly.
    """
    order = sorted(range(len(names)), key=lambda place: ranks[place])
    count, half = len(names), (len(names) + 1) // 2
    low, high = 1.0, float(count)
    left, right = low - 0.04 * (high - low), high + 0.04 * (high - low)
    first = 1 + len(groups)  # level of the first name, below the bars
    paths, texts = [], []
    for number, place in enumerate(order):
        level = first + (number if number < half else count - 1 - number)
        edge = left if number < half else right
        points = [(ranks[place], 0.0), (ranks[place], level), (edge, level)]
        paths += [
            {'name': names[place], 'rank': x, 'level': y, 'place': corner} for corner, (x, y) in enumerate(points)
        ]
        texts.append(
            {
                'name': names[place],
                'label': f'{names[place]}  {ranks[place]:.2f}'
                if number < half
                else f'{ranks[place]:.2f}  {names[place]}',
                'rank': edge,
                'level': level,
                'left': number < half,
                'mean': ranks[place],
            }
        )
    bars = [
        {
            'rank': min(ranks[place] for place in group) - 0.03,
            'end': max(ranks[place] for place in group) + 0.03,
            'level': 0.6 + number,
            'names': ', '.join(names[place] for place in group),
        }
        for number, group in enumerate(groups)
    ]
    scale = {'domain': [left, right], 'nice': False, 'zero': False}
    ticks = {'orient': 'top', 'values': list(range(1, count + 1)), 'format': 'd', 'grid': False}
    x = {'field': 'rank', 'type': 'quantitative', 'scale': scale, 'axis': ticks, 'title': 'mean rank (1 is the best)'}
    levels = {'domain': [0, first + half + 0.7], 'reverse': True, 'nice': False, 'zero': False}
    y = {'field': 'level', 'type': 'quantitative', 'scale': levels, 'axis': None}
    shown = min(difference, right - low)
    ruler = [
        {'rank': low, 'end': low + shown, 'level': first + half + 0.4, 'label': f'critical difference {difference:.2f}'}
    ]

    def label(side: bool) -> dict[str, Any]:
        return {
            'data': {'values': [text for text in texts if text['left'] == side]},
            'mark': {'type': 'text', 'align': 'right' if side else 'left', 'dx': -6 if side else 6},
            'encoding': {
                'x': x,
                'y': y,
                'text': {'field': 'label'},
                'tooltip': [
                    {'field': 'name', 'title': 'of'},
                    {'field': 'mean', 'title': 'mean rank', 'type': 'quantitative', 'format': '.3f'},
                ],
            },
        }

    return {
        'width': WIDTH,
        'height': STEP * (first + half + 1),
        'layer': [
            {
                'data': {'values': ruler},
                'mark': {'type': 'rule', 'style': theme.ACCENT, 'strokeWidth': 2},
                'encoding': {'x': x, 'x2': {'field': 'end'}, 'y': y},
            },
            {
                'data': {'values': ruler},
                'mark': {'type': 'text', 'style': theme.NOTE, 'align': 'left', 'dy': -8},
                'encoding': {'x': x, 'y': y, 'text': {'field': 'label'}},
            },
            {
                'data': {'values': paths},
                'mark': {'type': 'line', 'style': theme.MUTED, 'strokeWidth': 1},
                'encoding': {'x': x, 'y': y, 'detail': {'field': 'name'}, 'order': {'field': 'place'}},
            },
            {
                'data': {'values': bars},
                'mark': {'type': 'rule', 'style': theme.ACCENT, 'strokeWidth': 5},
                'encoding': {
                    'x': x,
                    'x2': {'field': 'end'},
                    'y': y,
                    'tooltip': [{'field': 'names', 'title': 'no significant difference'}],
                },
            },
            label(True),
            label(False),
        ],
    }
