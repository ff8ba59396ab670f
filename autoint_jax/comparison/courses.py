"""The courses of runs, as curves by epoch, and their options, as parallel coordinates."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from autoint_jax.comparison.figures import Compared
from autoint_jax.comparison.settings import NOT_READ, Setting
from autoint_jax.evaluation.metrics import METRICS
from autoint_jax.report.blocks import Block, Chart, Text
from autoint_jax.report.curves import Axis, Curve, beside, lines
from autoint_jax.report.parallel import Coordinate, parallel
from autoint_jax.units import counted

MOST_CURVES = 5  # settings whose learning curves are drawn
MOST_AXES = 9  # options in parallel coordinates


def by_figure(settings: Sequence[Setting], of: Compared) -> list[int]:
    """Returns the places of settings, the best mean validation figure first."""
    return sorted(range(len(settings)), key=lambda place: METRICS[of.metric].rank(of.valid[place].mean))


def learning_curves(settings: Sequence[Setting], of: Compared) -> list[Block]:
    """Returns the validation figures of the best settings by epoch."""
    able = [setting for setting in settings if any(run.evaluations for run in setting.runs)]
    if not able:
        return [Text('The folders of these runs keep no evaluations, so there is no curve to draw.')]
    drawn = able[:MOST_CURVES]
    metrics = list(dict.fromkeys([of.metric, 'logloss']))
    epochs = Axis('epoch')
    charts = [
        lines(
            {setting.label: _curve(setting, metric) for setting in drawn},
            epochs,
            Axis(f'validation {METRICS[metric].title}'),
        )
        for metric in metrics
    ]
    titles = [METRICS[metric].title for metric in metrics]
    left_out = f' The other {len(able) - len(drawn)} are left out.' if len(able) > len(drawn) else ''
    caption = (
        'Mean over the seeds that are still training, with the range of these seeds as a band. Where seeds stop '
        f'early, a curve may jump.{left_out}'
    )
    return [
        Chart(
            'learning_curves',
            beside(*charts),
            caption,
            f'Validation {" and ".join(titles)} by epoch of {len(drawn)} settings.',
        )
    ]


def _curve(setting: Setting, metric: str) -> Curve:
    by_epoch: dict[float, list[float]] = {}
    for run in setting.runs:
        for one in run.evaluations:
            if metric in one.valid:
                by_epoch.setdefault(one.epoch, []).append(one.valid[metric])
    epochs = sorted(by_epoch)
    values = [by_epoch[epoch] for epoch in epochs]
    several = len(setting.runs) > 1
    return Curve(
        np.array(epochs, float),
        np.array([np.mean(own) for own in values]),
        np.array([min(own) for own in values]) if several else None,
        np.array([max(own) for own in values]) if several else None,
    )


def coordinates(settings: Sequence[Setting], of: Compared) -> list[Block]:
    """Returns parallel coordinates of all runs: the options in which they differ, and the validation figure."""
    runs = [(setting, run) for setting in settings for run in setting.runs]
    read = [option for option in settings[0].options if all(one.options[option] != NOT_READ for one in settings)]
    options = read[:MOST_AXES]
    short = [option.rpartition('.')[2] for option in options]
    titles = short if len(set(short)) == len(short) else options
    axes = [
        Coordinate(title, [_value(setting.options[option]) for setting, _ in runs])
        for title, option in zip(titles, options, strict=True)
    ]
    seeds = [run.config.seed for _, run in runs]
    if len(axes) < MOST_AXES and len(set(seeds)) > 1:
        axes.append(Coordinate('seed', seeds, '.0f'))
    title = f'validation {METRICS[of.metric].title}'
    figure = Coordinate(title, [run.result.valid[of.metric] for _, run in runs], '.4f')
    cut = len(settings[0].options) - len(options)
    return [
        Chart(
            'parallel_coordinates',
            parallel(axes, [setting.name for setting, _ in runs], figure),
            f'A line is a run. It crosses each axis at the value of that option, and ends at its {title}.'
            + f' {cut} further options are left out.' * bool(cut),
            f'Options and {title} of {counted(len(runs), "run")}.',
        )
    ]


def _value(value: Any) -> float | str:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
