"""Attention as field-by-field heat maps (paper Figure 7)."""

import math
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from autoint_jax.explain import excerpt
from autoint_jax.explain.labels import fonts, labels, width

COLOURS = 'viridis'  # a sequential colour map that colour-blind people can read
# Resolution of a figure, and its most dots; a larger figure is drawn at a lower resolution.
DOTS_PER_INCH, MOST_DOTS = 120, 40_000_000
# A figure of more maps has labels only on its left and lower sides, because most of the time goes into drawing text.
LABELLED_MAPS = 6


def save_grid(attention: np.ndarray, names: Sequence[str], title: str, path: pathlib.Path) -> None:
    """Writes a PNG with a map for each layer (down) and head (across), or fewer maps if these are too many for a
    figure.

    `excerpt.drawn_maps` says which maps are drawn.

    Args:
      attention: [l, n, f, g]; rows sum to 1 (DESTINE: 2).
      names: names of the fields, [f], at most excerpt.MOST_FIELDS; any text can be drawn.
      title: text above the figure.
      path: file of the PNG; its folder is created.
    """
    maps, titles = excerpt.drawn_maps(attention)
    down, across = maps.shape[:2]
    size = _side(names, 0.28, least=1.6)
    figure = _figure(size * across + 1, size * down + 0.6, title)
    axes = figure.subplots(down, across, squeeze=False)
    for number, map_title in enumerate(titles):
        place = np.unravel_index(number, (down, across))
        image = _draw(axes[place], maps[place], names, map_title, top=maps.max())
        if len(titles) > LABELLED_MAPS:
            axes[place].label_outer(remove_inner_ticks=True)
    figure.colorbar(image, ax=axes, label='attention weight')
    _save(figure, path)


def save_mean(attention: np.ndarray, names: Sequence[str], title: str, path: pathlib.Path) -> None:
    """Writes a PNG with one map, the mean over layers and heads of `attention` [l, n, f, g]."""
    size = _side(names, 0.35, least=3)
    figure = _figure(size + 1, size, title)
    axes = figure.subplots()
    mean = attention.mean((0, 1))
    image = _draw(axes, mean, names, 'mean of layers and heads', top=mean.max())
    figure.colorbar(image, ax=axes, label='attention weight')
    _save(figure, path)


def _side(names: Sequence[str], field_inches: float, *, least: float) -> float:
    """Returns the inches of a map with the labels beside it; `least` leaves room for labels of eleven characters."""
    return field_inches * len(names) + least + 0.09 * max(0, max(map(width, labels(names))) - 11)


def _figure(across: float, down: float, title: str) -> Figure:
    """Returns a figure of a size in inches that is independent of pyplot's state."""
    figure = Figure(figsize=(max(across, 0.11 * len(title)), down), layout='constrained')
    FigureCanvasAgg(figure)
    figure.suptitle(title, parse_math=False, usetex=False, fontfamily=fonts())
    return figure


def _draw(axes: Axes, weights: np.ndarray, names: Sequence[str], title: str, top: float) -> AxesImage:
    image = axes.imshow(weights, cmap=COLOURS, vmin=0, vmax=top)
    verbatim: dict[str, Any] = {'parse_math': False, 'usetex': False, 'fontfamily': fonts()}
    axes.set_xticks(range(len(names)), labels(names), rotation=90, **verbatim)
    axes.set_yticks(range(len(names)), labels(names), **verbatim)
    axes.set_xlabel('attends to')
    axes.set_title(title)
    return image


def _save(figure: Figure, path: pathlib.Path) -> None:
    across, down = figure.get_size_inches()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=min(DOTS_PER_INCH, math.sqrt(MOST_DOTS / (across * down))))
