"""Compares the training loop, as users run it, with the step alone.

Both have one configuration and are measured in turn.
"""

import pathlib
import statistics
import tempfile
import time

from autoint_jax.benchmarks import report
from autoint_jax.benchmarks.report import Outcome
from autoint_jax.benchmarks.roofline import measured_peak, roofline, sentence
from autoint_jax.benchmarks.shapes import SHAPES, made_up
from autoint_jax.benchmarks.speed import described, headline
from autoint_jax.benchmarks.stepping import StepBenchmark
from autoint_jax.benchmarks.windows import Timing
from autoint_jax.config.configuration import Config, replace
from autoint_jax.data.store.columns import Columns
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.data.store.writing import write_prepared
from autoint_jax.evaluation.evaluation import Evaluation
from autoint_jax.schema import Schema
from autoint_jax.training.loop import fit

EPOCHS = 3  # the first evaluation compiles, so only the last epoch is timed with its evaluation
GOAL_SHARE = 0.95
CRITEO_ROWS = 36_672_493  # training rows of Criteo, eight in ten of its rows


class Clock:
    """A reporter that keeps the times at which chunks of steps ended.

    Attributes:
      ended: (steps taken so far, time in seconds) of each chunk.
      first_rate: the rows per second of the first chunk.
    """

    def __init__(self) -> None:
        self.ended: list[tuple[int, float]] = []
        self.first_rate = 0.0

    def doing(self, what: str) -> None:
        """Does nothing."""

    def steps(self, done: int, total: int, rate: float) -> None:
        """Keeps the present time."""
        self.first_rate = self.first_rate or rate
        self.ended.append((done, time.perf_counter()))

    def evaluated(self, evaluation: Evaluation, *, best: bool, copy: str) -> None:
        """Does nothing."""

    def say(self, sentence: str) -> None:
        """Does nothing."""

    def close(self) -> None:
        """Does nothing."""


def prepared(folder: pathlib.Path, schema: Schema, columns: Columns, train_rows: int) -> PreparedData:
    """Writes made-up rows as prepared data: `train_rows` for training, the rest in halves for validation and test."""
    middle = (train_rows + len(columns)) // 2
    borders = {'train': (0, train_rows), 'valid': (train_rows, middle), 'test': (middle, len(columns))}
    splits = {name: columns.part(slice(start, end)) for name, (start, end) in borders.items()}
    return write_prepared(
        folder,
        schema=schema,
        vocabularies={},
        splits=splits,
        description={'dataset': 'made_up', 'recipe': 'log_uniform'},
    )


def trained(config: Config, data: PreparedData, folder: pathlib.Path) -> tuple[float, float, float]:
    """Trains a run of EPOCHS epochs.

    Returns:
      Three rates in rows per second. Without evaluation: from the training seconds of the run (order of rows and losses
      included), without the first step, which
        compiles.
      With evaluation: from the last step of the second epoch to that of the third, which takes one evaluation, one save
      and one
        epoch.
      As reported: `train_rows_per_second` of the result, compilation included.
    """
    clock, batch = Clock(), config.training.batch_size
    result = fit(replace(config, {'training.epochs': EPOCHS}), data, folder, clock)
    rows = data.manifest['splits']['train']['rows']
    steady = (EPOCHS * rows - batch) / (result.train_seconds - batch / clock.first_rate)
    ended, epoch_steps = dict(clock.ended), result.steps // EPOCHS
    return steady, rows / (ended[3 * epoch_steps] - ended[2 * epoch_steps]), result.train_rows_per_second


def epoch(config: Config, shape: str, rows: int, timing: Timing, *, quick: bool) -> Outcome:
    """Measures the rate of the loop as a fraction of the rate of the step alone.

    Args:
      config: the configuration of both.
      shape: the name of a shape in SHAPES.
      rows: the number of training rows, which are kept on the device.
      timing: the windows. A window measures the step, then one run.
      quick: whether the peak of the machine is measured from small arrays.
    """
    step = StepBenchmark(config, SHAPES[shape])
    schema, columns = made_up(SHAPES[shape], rows + 2 * max(1, rows // 8), seed=2)
    steps, loops = [], []
    with tempfile.TemporaryDirectory() as folder:
        data = prepared(pathlib.Path(folder) / 'data', schema, columns, rows)
        for window in range(timing.windows):
            steps.append(step.window(timing.seconds))
            loops.append(trained(config, data, pathlib.Path(folder) / f'run_{window}'))
    pure = statistics.median(steps)
    steady, evaluated, reported = (statistics.median(kind) for kind in zip(*loops, strict=True))
    reached = roofline(steady, step.work, measured_peak(config.model.compute_dtype, quick=quick))
    lines = [f'{headline(config, shape)}, {rows:,} rows, {EPOCHS} epochs']
    lines += report.table(
        ['rows/s', 'share', 'of'],
        [
            (pure, 1.0, 'the step alone'),
            (steady, steady / pure, f'the loop without evaluation (goal: {GOAL_SHARE:.2f})'),
            (evaluated, evaluated / pure, 'the loop with evaluation and save, once an epoch'),
            (reported, reported / pure, 'the loop as its result reports it, compilation included'),
        ],
    )
    minutes = CRITEO_ROWS / steady / 60
    if shape == 'criteo':
        lines.append(f"an epoch of Criteo's {CRITEO_ROWS:,} rows takes {minutes:,.1f} minutes at the rate of the loop")
    return Outcome(
        [*lines, sentence(reached)],
        {
            **described(config, shape),
            'rows': rows,
            'epochs': EPOCHS,
            'rows_trained': timing.windows * EPOCHS * rows,
            'step_rows_per_second': steps,
            'loop_rows_per_second': [loop[0] for loop in loops],
            'loop_with_evaluation_rows_per_second': [loop[1] for loop in loops],
            'reported_rows_per_second': [loop[2] for loop in loops],
            'share': steady / pure,
            'share_with_evaluation': evaluated / pure,
            'goal_share': GOAL_SHARE,
            'roofline': reached,
            **({'criteo_rows': CRITEO_ROWS, 'criteo_epoch_minutes': minutes} if shape == 'criteo' else {}),
        },
    )
