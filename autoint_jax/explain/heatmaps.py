"""Attention as field-by-field heat maps (paper Figure 7)."""

import pathlib

import matplotlib
import numpy as np

matplotlib.use('Agg')
from matplotlib import pyplot  # noqa: E402  (after the backend is chosen)

COLOURS = 'viridis'  # sequential and safe for colour-blind readers


def save_grid(attention: np.ndarray, names: list[str], title: str, path: pathlib.Path) -> None:
    """Writes a PNG with one map for each layer (down) and head (across).

    Args:
      attention: [l, n, f, g], rows sum to 1 (DESTINE: 2).
      names: the fields' names, [f].
      title: above the figure.
      path: where the PNG goes; the folder is made.
    """
    layers, heads = attention.shape[:2]
    size = 1.6 + 0.28 * len(names)
    figure, axes = pyplot.subplots(layers, heads, figsize=(size * heads + 1, size * layers + 0.6), squeeze=False,
                                   layout='constrained')
    for layer in range(layers):
        for head in range(heads):
            image = _draw(axes[layer, head], attention[layer, head], names, f'layer {layer + 1}, head {head + 1}',
                          top=attention.max())
    figure.colorbar(image, ax=axes, label='attention weight')
    _save(figure, title, path)


def save_mean(attention: np.ndarray, names: list[str], title: str, path: pathlib.Path) -> None:
    """Writes a PNG with one map, the mean over layers and heads of `attention` [l, n, f, g]."""
    size = 3 + 0.35 * len(names)
    figure, axes = pyplot.subplots(figsize=(size + 1, size), layout='constrained')
    mean = attention.mean((0, 1))
    image = _draw(axes, mean, names, 'mean of layers and heads', top=mean.max())
    figure.colorbar(image, ax=axes, label='attention weight')
    _save(figure, title, path)


def _draw(axes, weights: np.ndarray, names: list[str], title: str, top: float):
    image = axes.imshow(weights, cmap=COLOURS, vmin=0, vmax=top)
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel('attends to')
    axes.set_title(title)
    return image


def _save(figure, title: str, path: pathlib.Path) -> None:
    figure.suptitle(title)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
