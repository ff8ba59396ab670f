"""Attention as field-by-field heat maps (paper Figure 7)."""

import math
import pathlib
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from autoint_jax.explain import excerpt
from autoint_jax.explain.labels import fonts, labels, width

COLOURS = 'viridis'  # sequential and safe for colour-blind readers
DOTS_PER_INCH, MOST_DOTS = 120, 40_000_000  # of a figure at most: larger ones are drawn coarser
LABELLED_MAPS = 6  # figures of more maps have the names on their left and lower sides only: drawing text takes longest


def save_grid(attention: np.ndarray, names: Sequence[str], title: str, path: pathlib.Path) -> None:
    """Writes a PNG with one map for each layer (down) and head (across); with fewer where those are too many (`excerpt.of_maps`).

    Args:
      attention: [l, n, f, g], rows sum to 1 (DESTINE: 2).
      names: the fields' names, [f], at most excerpt.MOST_FIELDS; any text can be drawn.
      title: above the figure.
      path: where the PNG goes; the folder is made.
    """
    maps, titles = excerpt.of_maps(attention)
    down, across = maps.shape[:2]
    size = _side(names, 0.28, least=1.6)
    figure = _figure(size * across + 1, size * down + 0.6, title)
    axes = figure.subplots(down, across, squeeze=False)
    for at, above in enumerate(titles):
        of_map = np.unravel_index(at, (down, across))
        image = _draw(axes[of_map], maps[of_map], names, above, top=maps.max())
        if len(titles) > LABELLED_MAPS:
            axes[of_map].label_outer(remove_inner_ticks=True)
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


def _side(names: Sequence[str], of_field: float, *, least: float) -> float:
    """Inches of a map with the labels beside it; the usual `least` has room for names of eleven characters."""
    return of_field * len(names) + least + 0.09 * max(0, max(map(width, labels(names))) - 11)


def _figure(across: float, down: float, title: str) -> Figure:
    """A figure of its own, of so many inches, which pyplot's state neither changes nor knows."""
    figure = Figure(figsize=(max(across, 0.11 * len(title)), down), layout='constrained')
    FigureCanvasAgg(figure)
    figure.suptitle(title, parse_math=False, usetex=False, fontfamily=fonts())
    return figure


def _draw(axes: Axes, weights: np.ndarray, names: Sequence[str], title: str, top: float) -> AxesImage:
    image = axes.imshow(weights, cmap=COLOURS, vmin=0, vmax=top)
    as_they_are = {'parse_math': False, 'usetex': False, 'fontfamily': fonts()}
    axes.set_xticks(range(len(names)), labels(names), rotation=90, **as_they_are)
    axes.set_yticks(range(len(names)), labels(names), **as_they_are)
    axes.set_xlabel('attends to')
    axes.set_title(title)
    return image


def _save(figure: Figure, path: pathlib.Path) -> None:
    across, down = figure.get_size_inches()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=min(DOTS_PER_INCH, math.sqrt(MOST_DOTS / (across * down))))
