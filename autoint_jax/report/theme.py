"""The looks of charts, light and dark: Vega-Lite's `config` that a specification is drawn with.

Charts name styles and ranges of this file and no colours, so that one specification serves both themes and print.
"""

from typing import Any

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif"

# Names of styles of marks: the point of a chart, what it is compared with, intervals, and texts within a picture.
ACCENT, MUTED, INTERVAL, REFERENCE, NOTE, CURSOR = 'accent', 'muted', 'interval', 'reference', 'note', 'cursor'
INVERSE, CELL = 'inverse', 'cell'  # texts on strong colours; cells of a map


def _config(
    ink: str,
    muted: str,
    line: str,
    surface: str,
    accent: str,
    category: list[str],
    diverging: list[str],
    ramp: list[str],
) -> dict[str, Any]:
    text = {'labelColor': muted, 'titleColor': ink, 'labelFontSize': 11, 'titleFontSize': 11.5, 'titleFontWeight': 500}
    return {
        'font': FONT,
        'background': surface,
        'padding': 4,
        'view': {'stroke': None, 'continuousWidth': 420, 'continuousHeight': 260},
        'axis': {
            **text,
            'domainColor': line,
            'tickColor': line,
            'gridColor': line,
            'gridOpacity': 0.65,
            'tickSize': 4,
            'titlePadding': 8,
            'labelPadding': 4,
            'labelFlush': False,
            'labelLimit': 260,
            'titleLimit': 420,
        },
        'axisBand': {'grid': False, 'ticks': False, 'domain': False},
        'legend': {**text, 'titlePadding': 6, 'symbolStrokeWidth': 2, 'labelLimit': 260, 'titleLimit': 420},
        'header': {**text, 'labelFontWeight': 600, 'labelColor': ink, 'labelPadding': 6},
        'title': {'color': ink, 'fontSize': 12, 'fontWeight': 600, 'anchor': 'start', 'subtitleColor': muted},
        'concat': {'spacing': 24},
        'facet': {'spacing': 18},
        'range': {'category': category, 'diverging': diverging, 'heatmap': ramp, 'ramp': ramp, 'ordinal': ramp},
        'line': {'color': accent, 'strokeWidth': 1.8},
        'point': {'color': accent, 'filled': True, 'size': 46},
        'circle': {'color': accent, 'size': 42},
        'bar': {'color': accent},
        'rule': {'color': muted},
        'area': {'color': accent, 'opacity': 0.16, 'line': False},
        'text': {'color': ink, 'fontSize': 11},
        'style': {
            ACCENT: {'color': accent},
            MUTED: {'color': muted},
            INTERVAL: {'color': accent, 'strokeWidth': 1.6, 'opacity': 0.55},
            REFERENCE: {'color': muted, 'strokeDash': [4, 4], 'strokeWidth': 1},
            NOTE: {'color': muted, 'fontSize': 10.5},
            INVERSE: {'color': surface},
            CELL: {'stroke': surface, 'strokeWidth': 1},
            CURSOR: {'fill': None, 'stroke': ink, 'strokeWidth': 2},
        },
    }


LIGHT = _config(
    ink='#1c2430',
    muted='#5b6675',
    line='#d8dce3',
    surface='#ffffff',
    accent='#2a68b0',
    category=['#2a68b0', '#c9631a', '#2f8a63', '#8256ad', '#b03a5b', '#6f7d12', '#4a5568', '#1f8fa8'],
    diverging=['#1f5da6', '#7fb2dc', '#f4f3f0', '#eea27c', '#b3321f'],
    ramp=['#f1f4f8', '#b9d0e8', '#6ea0cf', '#2a68b0', '#123a6b'],
)
DARK = _config(
    ink='#e7eaee',
    muted='#9ba6b5',
    line='#343c48',
    surface='#171b21',
    accent='#7db4f0',
    category=['#7db4f0', '#f0a25c', '#74c7a0', '#bda2ea', '#ef8aa8', '#c3cf5c', '#b6bfcc', '#6cc7dd'],
    diverging=['#6cb2f5', '#2f6293', '#262b33', '#94482b', '#ff9165'],
    ramp=['#1f262f', '#24415f', '#32689e', '#5c9bdb', '#b8dafb'],
)
THEMES = {'light': LIGHT, 'dark': DARK}
