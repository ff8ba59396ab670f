"""The picture of the front page: a stack of interacting layers, with lines as wide as the learned attention."""

import csv
import hashlib
import io
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from autoint_jax import stored
from autoint_jax.records.record_lines import MEND

# Two colours of Okabe and Ito (2008) for the heads of a layer; colour-blind readers can tell them apart.
HEADS = ('#0072B2', '#D55E00')
NODE = '#222222'  # the colour of nodes and of text
TEXT: dict[str, Any] = {'color': NODE, 'parse_math': False}
WEIGHTS = 'figure7_attention_movielens_1m_weights.csv'  # a file in results/
WEIGHTS_KEY = 'Weights'  # the key of the PNG's text that holds the SHA-256 of the weights
LAYER_GAP = 2.6  # distance of columns of the picture; rows have distance 1
WIDEST = 14.0  # width in points of a line with weight 1
COLOURS = 48  # few colours keep the PNG small


def read_weights(path: pathlib.Path, seed: int) -> tuple[np.ndarray, list[str]]:
    """Reads the attention of one seed from the CSV file that `attention.write_weights` wrote.

    Returns:
      The weights [l, n, f, g], averaged over rows of data, and the names of the fields [f].

    Raises:
      UsageError: the file has another form.
    """
    with stored.of_form(path, mend=MEND), open(path, newline='') as file:
        rows = [row for row in csv.DictReader(file) if row['seed'] == str(seed)]
        names = list(dict.fromkeys(row['field'] for row in rows))
        layers, heads = (max(int(row[key]) for row in rows) for key in ('layer', 'head'))
        weights = np.full((layers, heads, len(names), len(names)), np.nan)
        for row in rows:
            place = int(row['layer']) - 1, int(row['head']) - 1, names.index(row['field'])
            weights[(*place, names.index(row['attends_to']))] = float(row['weight'])
        if np.isnan(weights).any():
            raise ValueError(f'{np.isnan(weights).sum()} weights are missing')
    return weights, names


def digest(weights: np.ndarray) -> str:
    """Returns the SHA-256 of weights in float32, which tells whether a picture shows them."""
    return hashlib.sha256(weights.astype(np.float32).tobytes()).hexdigest()


def save(weights: np.ndarray, names: Sequence[str], path: pathlib.Path) -> None:
    """Writes the picture as a PNG, which records the `digest` of its weights.

    Args:
      weights: how much field f attends to field g in head n of layer l, [l, n, f, g]. At most two heads are drawn.
      names: the names of the fields [f].
      path: the path of the PNG. Its folder is made.
    """
    layers, fields = len(weights), len(names)
    figure = Figure(figsize=(11.5, 4.6))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(-2.1, layers * LAYER_GAP + 4.4)
    axes.set_ylim(-1.15, fields + 0.35)
    heights = np.arange(fields - 1.0, -1.0, -1.0)
    for layer, of_layer in enumerate(weights):
        for head, of_head in enumerate(of_layer[: len(HEADS)]):
            _draw_head(axes, of_head, layer * LAYER_GAP, heights + 0.07 * (1 - 2 * head), HEADS[head])
    for column in range(layers + 1):
        axes.scatter([column * LAYER_GAP] * fields, heights, s=150, color='white', edgecolors=NODE, zorder=3)
        title = f'layer {column}' if column else 'embeddings'
        axes.text(column * LAYER_GAP, fields - 0.25, title, ha='center', weight='bold', **TEXT)
    for name, height in zip(names, heights, strict=True):
        axes.text(-0.35, float(height), name, ha='right', va='center', **TEXT)
    _draw_output(axes, layers * LAYER_GAP, heights)
    caption = (
        'The wider a line, the more a field (right end) attends to another (left end). '
        'The two colours are the two heads.'
    )
    axes.text(LAYER_GAP * layers / 2, -0.95, caption, ha='center', size=9, **TEXT)
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=110)
    text = PngInfo()
    text.add_text(WEIGHTS_KEY, digest(weights))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.open(drawn).convert('RGB').quantize(COLOURS).save(path, optimize=True, pnginfo=text)


def _draw_head(axes: Axes, weights: np.ndarray, left: float, heights: np.ndarray, colour: str) -> None:
    """Draws the lines of one head [f, g] from the column at `left` to the next. Heavier lines are less transparent."""
    even = 1 / weights.shape[1]  # the weight of every pair before training
    for field, attended in np.ndindex(*weights.shape):
        weight = weights[field, attended]
        axes.plot(
            [left, left + LAYER_GAP],
            [heights[attended], heights[field]],
            color=colour,
            linewidth=WIDEST * weight * min(1.0, weight / even) ** 2,
            alpha=min(0.9, 0.35 * (weight / even) ** 2),
            solid_capstyle='round',
        )


def _draw_output(axes: Axes, left: float, heights: np.ndarray) -> None:
    """Draws the output: the vectors of the last layer are concatenated and give one logit (Eq. 9)."""
    middle = heights.mean()
    for height in heights:
        axes.plot([left, left + 1.5], [height, middle], color='#999999', linewidth=0.8)
    axes.scatter([left + 1.5], [middle], s=260, color=NODE, zorder=3)
    axes.text(left + 1.5, middle + 0.55, 'logit', ha='center', weight='bold', **TEXT)
    axes.annotate('', (left + 2.6, middle), (left + 1.7, middle), arrowprops={'arrowstyle': '->', 'color': NODE})
    axes.text(left + 2.75, middle, 'probability\nof a click', va='center', **TEXT)
