"""Measures the rates at which models train on prepared data, in turn (paper, Figure 4)."""

import pathlib
from collections.abc import Mapping

import jax
import jax.numpy as jnp
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from autoint_jax.benchmarks.stepping import CHUNK_STEPS, Rounds
from autoint_jax.benchmarks.windows import Timing, in_turn
from autoint_jax.config.configuration import Config
from autoint_jax.data.store.columns import Columns
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.training.fields import fitted_schema
from autoint_jax.training.step import order, placement, slices, steps
from autoint_jax.training.step.columns import resident_columns
from autoint_jax.training.step.state import initial_state, make_setup

# The windows use at most so many training rows, so that rows of any data set fit on the device. Caches hold far fewer.
MEASURED_ROWS = 1 << 20
COLOUR, MARKED = '#4477aa', '#cc6677'  # colour-blind readers can tell them apart, and so can all in grey


def training_rates(configs: Mapping[str, Config], data: PreparedData, timing: Timing) -> dict[str, list[float]]:
    """Measures rows per second of the training step of each configuration.

    A step gathers rows in the order of the first epoch, makes a forward and a backward pass, and updates parameters and
    tables. Compilation, evaluation, checkpoints and flushes of tables are not measured. The first MEASURED_ROWS rows
    are kept on the device, and an incomplete last batch is left out. The states of all models are held at the same
    time.

    Args:
      configs: {name: configuration}.
      data: the prepared data.
      timing: the windows of each configuration.

    Returns:
      {name: rate of each window in rows per second}.

    Raises:
      UsageError: a configuration does not run on this machine.
    """
    mesh, train = placement.data_mesh(), data.split('train')
    columns = train.part(slice(MEASURED_ROWS))
    resident = resident_columns(columns, mesh)
    return in_turn(
        {name: _rounds(config, data, columns, resident, mesh).window for name, config in configs.items()}, timing
    )


def _rounds(config: Config, data: PreparedData, columns: Columns, resident: Columns, mesh: jax.sharding.Mesh) -> Rounds:
    setup, rows = make_setup(config, fitted_schema(config, data)), len(columns)
    batch = min(config.training.batch_size, rows)
    cut = slices.cut(batch, setup, mesh)
    ordered = order.epoch_order(config.seed, 0, rows=rows, batch_size=batch, padded_batch=cut.padded_batch)[
        : rows // batch
    ]
    return Rounds(
        steps.make_chunk(setup, mesh, cut, max_steps=CHUNK_STEPS),
        placement.replicate(initial_state(setup), mesh),
        resident,
        placement.replicate(jnp.asarray(ordered), mesh),
        rows_of_step=batch,
    )


def save_bars(seconds: Mapping[str, float], marked: str, title: str, path: pathlib.Path) -> None:
    """Writes a PNG with a bar for each model, on a logarithmic axis.

    Args:
      seconds: {model: seconds of an epoch}.
      marked: the model whose bar has another colour.
      title: the title of the figure.
      path: the PNG file.
    """
    figure = Figure(figsize=(0.8 * len(seconds) + 1.6, 3.6), layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    bars = axes.bar(
        list(seconds), list(seconds.values()), color=[MARKED if name == marked else COLOUR for name in seconds]
    )
    axes.bar_label(bars, [f'{value:.3g}' for value in seconds.values()])
    axes.set_yscale('log')
    axes.margins(y=0.15)
    axes.set_ylabel('seconds an epoch')
    axes.tick_params('x', rotation=30)
    axes.set_title(title)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
