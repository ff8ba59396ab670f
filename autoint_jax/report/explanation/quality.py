"""The section about quality: how well the run ranks, whether its probabilities are right, and for whom."""

from typing import Any

import numpy as np

from autoint_jax.evaluation.metrics import METRICS
from autoint_jax.evaluation.quality import Curve, Quality, Segment
from autoint_jax.report import curves, dots
from autoint_jax.report.blocks import Block, Chart, Section, Table, Text
from autoint_jax.report.explanation import words
from autoint_jax.report.names import shortened
from autoint_jax.units import counted

MOST_SEGMENTS, MOST_TABLE_ROWS = 40, 300  # dots of the chart of segments, and rows of their table


def section(quality: Quality | None) -> Section:
    """Returns the section; without labels it says that nothing can be judged."""
    heading = 'How good the predictions are'
    if quality is None:
        text = 'These rows have no labels, so that their predictions cannot be judged. The sections below need none.'
        return Section('quality', heading, [Text(text)])
    ranked = len(quality.roc.y) > 0 and bool(np.isfinite(quality.roc.y).all())
    one_class = Text('All of these rows have the same label, so that it cannot be judged how well the scores rank.')
    blocks: list[Block] = [_metrics(quality), _ranking(quality) if ranked else one_class, _calibration(quality)]
    if any(quality.learning.values()):
        blocks.append(_learning(quality))
    blocks += _segments(quality)
    return Section('quality', heading, blocks)


def _metrics(quality: Quality) -> Table:
    rows: list[list[str | int]] = [
        [METRICS[name].title if name in METRICS else name, words.interval(found)]
        for name, found in quality.metrics.items()
    ]
    if quality.group_auc is not None:
        of = quality.group_auc
        rows += [
            [f'AUC within {of.key}, weighted by rows', f'{of.weighted:.4f}'],
            [f'AUC within {of.key}, each group once ({counted(of.groups, "group")})', f'{of.plain:.4f}'],
        ]
    caption = 'Figures of these rows, with 95 % intervals by resampling rows.'
    if quality.group_auc is not None:
        caption += f' Groups with both labels hold {100 * quality.group_auc.share:.0f} % of the rows.'
    return Table('metrics', ['figure', 'value (95 % interval)'], rows, caption, frozenset({1}))


def _ranking(quality: Quality) -> Chart:
    def line(curve: Curve) -> dict[str, curves.Curve]:
        return {'this run': curves.Curve(curve.x, curve.y)}

    positives = quality.precision_recall.y[-1] if len(quality.precision_recall.y) else 0.0
    roc = curves.lines(
        line(quality.roc),
        curves.Axis('share of negatives above the threshold'),
        curves.Axis('share of positives above it', zero=True),
        title='ROC',
        diagonal=True,
    )
    precision = curves.lines(
        line(quality.precision_recall),
        curves.Axis('recall'),
        curves.Axis('precision', zero=True),
        title='Precision and recall',
        level=float(positives),
    )
    return Chart(
        'ranking',
        curves.beside(roc, precision),
        'How well the scores rank. Dashed: scores at random. The right picture shows what the left one hides when '
        'positives are rare.',
        'Two curves: true against false positive rate, and precision against recall.',
    )


def _calibration(quality: Quality) -> Chart:
    bins = quality.calibration
    least = min(_positive(bins.predicted), _positive(bins.observed))
    rows = [
        {
            'x': float(bins.predicted[place]),
            'y': max(float(bins.observed[place]), least / 2),
            'low': max(float(bins.low[place]), least / 2),
            'high': float(bins.high[place]),
            'rows': int(bins.rows[place]),
        }
        for place in range(len(bins.predicted))
        if bins.predicted[place] > 0
    ]
    ends = [value for row in rows for value in (row['x'], row['y'])] or [1.0]
    x = curves.Axis('mean prediction', logarithmic=True, form='~g').channel('x')
    y = curves.Axis('observed rate of positives', logarithmic=True, form='~g').channel('y')
    for channel in (x, y):
        channel['axis']['values'] = curves.decades(ends)
        channel['scale'] |= {'nice': False, 'domain': [min(ends) / 1.2, max(ends) * 1.1]}
    tips = [{'field': name, 'type': 'quantitative', 'format': ',.4~g'} for name in ('x', 'y', 'low', 'high', 'rows')]
    for tip, title in zip(tips, ('predicted', 'observed', 'low', 'high', 'rows'), strict=True):
        tip['title'] = title
    line = [{'x': end, 'y': end} for end in (min(ends), max(ends))]
    layers: list[dict[str, Any]] = [
        {'data': {'values': line}, 'mark': {'type': 'line', 'style': 'reference'}, 'encoding': {'x': x, 'y': y}},
        {
            'mark': {'type': 'rule', 'style': 'interval'},
            'encoding': {'x': x, 'y': {**y, 'field': 'low'}, 'y2': {'field': 'high'}},
        },
        {'mark': {'type': 'circle', 'opacity': 1}, 'encoding': {'x': x, 'y': y, 'tooltip': tips}},
    ]
    return Chart(
        'calibration',
        {'data': {'values': rows}, 'width': 420, 'height': 320, 'layer': layers},
        f'Predictions beside what happened, in {len(rows)} bins of equally many rows, on logarithmic axes. Vertical '
        'lines: 95 % intervals of the rate. On the dashed line predictions are right; above it they are too low.',
        'Observed rate against mean prediction in bins of equal size.',
    )


def _positive(values: np.ndarray) -> float:
    return float(values[values > 0].min(initial=1.0))


def _learning(quality: Quality) -> Chart:
    def series(name: str) -> dict[str, curves.Curve]:
        found = {
            run: [(line['epoch'], line[name]) for line in lines if name in line and 'epoch' in line]
            for run, lines in quality.learning.items()
        }
        return {run: curves.Curve(*np.array(points, np.float64).T) for run, points in found.items() if points}

    specs = [
        curves.lines(
            made, curves.Axis('epoch', form='~f', whole=True), curves.Axis(title), points=True, width=215, height=200
        )
        for name, title in (
            ('train_logloss', 'logloss in training'),
            ('valid_logloss', 'logloss, validation'),
            ('valid_auc', 'AUC, validation'),
        )
        if (made := series(name))
    ]
    return Chart(
        'learning',
        curves.beside(*specs, columns=3),
        'How the run learned. Where the loss in training falls on and the validation figures get worse, it fits what '
        'does not repeat.',
        'Learning curves by epoch.',
    )


def _segments(quality: Quality) -> list[Block]:
    segments = quality.segments
    if not segments:
        return []

    def called(one: Segment) -> str:
        return f'{shortened(one.by, 24)}: {shortened(one.value, 24)}'

    judged = [one for one in segments if np.isfinite(one.auc)]
    values = [
        dots.Dot(called(one), one.auc, *_finite(one.low, one.high), note=counted(one.rows, 'row'))
        for one in judged[:MOST_SEGMENTS]
    ]
    whole = quality.metrics.get('auc')
    level = whole.value if whole and np.isfinite(whole.value) else None
    chart = Chart(
        'segments',
        dots.dots(values, 'AUC', zero=False, level=level),
        'AUC of the rows that have something in common, with 95 % intervals. Dashed: all rows. Within a segment the '
        'AUC is often lower, because what tells its rows from others no longer helps; a wide interval means few rows.'
        + (f' The first {MOST_SEGMENTS} of {len(judged)} segments are drawn.' if len(judged) > MOST_SEGMENTS else ''),
        'AUC by segment.',
    )
    rows: list[list[str | int]] = [
        [
            shortened(one.by),
            shortened(one.value),
            f'{one.rows:,}',
            f'{one.observed:.4f}',
            f'{one.predicted:.4f}',
            words.number(one.predicted / one.observed) if one.observed else 'none observed',
            f'{one.auc:.4f}' if np.isfinite(one.auc) else 'one class',
            f'{one.logloss:.4f}',
        ]
        for one in segments[:MOST_TABLE_ROWS]
    ]
    caption = 'The same segments in figures. Predicted over observed is 1 where probabilities are right on average.'
    if len(segments) > MOST_TABLE_ROWS:
        caption += f' {len(segments):,} segments are in numbers/segments.parquet; these are the first.'
    heads = ['by', 'value', 'rows', 'observed', 'predicted', 'predicted / observed', 'AUC', 'logloss']
    table = Table('segment_figures', heads, rows, caption, frozenset(range(2, 8)))
    return [chart, table] if values else [table]


def _finite(low: float, high: float) -> tuple[float | None, float | None]:
    return (low, high) if np.isfinite(low) and np.isfinite(high) else (None, None)
