"""Draws test AUC and logloss over the values of one option (paper, Figures 5 and 6)."""

import math
import pathlib

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from autoint_jax.evaluation.metrics import ALWAYS, METRICS
from autoint_jax.records.comparison import Measured
from autoint_jax.reproduction.paper.published import Figures

# Two colours of Okabe and Ito (2008), which colour-blind readers can tell apart. The markers differ as well.
OURS, PAPER = '#0072B2', '#D55E00'
PANELS = {name: f'test {METRICS[name].title}' for name in ALWAYS}


def save(
    path: pathlib.Path, title: str, label: str, ours: dict[int, dict[str, Measured]], paper: tuple[int, Figures] | None
) -> None:
    """Writes a PNG with a panel of AUC and one of logloss.

    Args:
      path: the path of the PNG. Its folder is made.
      title: the title above the panels.
      label: the label of the horizontal axis, which names the option.
      ours: {value: {figure: mean and deviation}}. A bar is one standard deviation over seeds up and down; one seed has
        no bar.
      paper: the value for which the paper publishes figures (Table 2), and these figures.
    """
    figure = Figure(figsize=(9, 3.6), layout='constrained')
    FigureCanvasAgg(figure)
    values = sorted(ours)
    for axes, (name, text) in zip(figure.subplots(1, len(PANELS)), PANELS.items(), strict=True):
        measured = [ours[value][name] for value in values]
        bars = [math.nan if one.deviation is None else one.deviation for one in measured]
        axes.errorbar(
            values,
            [one.mean for one in measured],
            yerr=bars,
            color=OURS,
            marker='o',
            capsize=3,
            label=_account([one.size for one in measured]),
        )
        if paper is not None:
            axes.plot(
                paper[0],
                getattr(paper[1], name),
                color=PAPER,
                marker='D',
                markersize=8,
                markerfacecolor='none',
                linestyle='none',
                zorder=3,
                label='paper, Table 2',
            )
        axes.set_xticks(values if paper is None else sorted({*values, paper[0]}))
        axes.set_xlabel(label)
        axes.set_ylabel(text)
        axes.grid(alpha=0.3)
        axes.legend()
    figure.suptitle(title)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def _account(counts: list[int]) -> str:
    """Returns the legend of our points from the number of seeds of each point."""
    least, most = min(counts), max(counts)
    if most == 1:
        return 'ours, one seed'
    return f'ours, mean ± deviation of {most if least == most else f"{least} to {most}"} seeds'
