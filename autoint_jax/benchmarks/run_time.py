"""Rates at which models train on prepared data, measured in turn (paper, Figure 4)."""

import pathlib
from collections.abc import Mapping
from typing import NamedTuple

import jax
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
from autoint_jax.training.step.state import initial_state, setup

# Training rows that the windows go round at most, so that rows of any data set are resident; many times what caches hold.
MEASURED_ROWS = 1 << 20
COLOUR, MARKED = '#4477aa', '#cc6677'  # told apart by colour-blind readers, and in grey


class _Epoch(NamedTuple):
    """What `Rounds` reads of a benchmark's preparation."""

    columns: Columns
    order: jax.Array


def training_rates(configs: Mapping[str, Config], data: PreparedData, timing: Timing) -> dict[str, list[float]]:
    """Rows per second of each configuration's training step, one a window: {name: [rate]}.

    A step is that of training, in the order of its first epoch: rows gathered, forward and backward pass, optimizers of
    parameters and tables. Compiling is not in it, nor evaluation, checkpoints, or bringing tables up to date. Rows are
    resident, the first MEASURED_ROWS at most; a last batch that is not whole is left out. All models' states are held at
    the same time. Raises UsageError on a configuration that does not run here.
    """
    mesh, train = placement.data_mesh(), data.split('train')
    columns = train.part(slice(MEASURED_ROWS))
    resident = resident_columns(columns, mesh)
    return in_turn(
        {name: _rounds(config, data, columns, resident, mesh).window for name, config in configs.items()}, timing
    )


def _rounds(config: Config, data: PreparedData, columns: Columns, resident: Columns, mesh: jax.sharding.Mesh) -> Rounds:
    made, rows = setup(config, fitted_schema(config, data)), len(columns)
    batch = min(config.training.batch_size, rows)
    cut = slices.cut(batch, config, made.schema, mesh)
    ordered = order.epoch_order(config.seed, 0, rows=rows, batch_size=batch, padded_batch=cut.padded_batch)[
        : rows // batch
    ]
    return Rounds(
        steps.make_chunk(made, mesh, cut, max_steps=CHUNK_STEPS),
        placement.replicate(initial_state(made), mesh),
        _Epoch(resident, placement.replicate(ordered, mesh)),
        rows_of_step=batch,
    )


def save_bars(seconds: Mapping[str, float], marked: str, title: str, path: pathlib.Path) -> None:
    """Writes a PNG with a bar for each model's seconds of an epoch, on a logarithmic axis; one model is marked by its colour."""
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
