"""Compares a training step, and scoring, with peers."""

import jax

from autoint_jax.benchmarks import report
from autoint_jax.benchmarks.autoint_sizes import named_shape
from autoint_jax.benchmarks.full_rate import beside_peers
from autoint_jax.benchmarks.report import Outcome
from autoint_jax.benchmarks.roofline import measured_peak, roofline, sentence
from autoint_jax.benchmarks.shapes import SHAPES
from autoint_jax.benchmarks.stepping import ScoringBenchmark, StepBenchmark
from autoint_jax.benchmarks.windows import Timing, medians
from autoint_jax.config.configuration import Config
from autoint_jax.models.interacting.forms import chosen_form
from autoint_jax.training.run_folder.provenance import without_paths

OURS = 'autoint_jax'


def step(config: Config, shape: str, peers: list[str], timing: Timing, *, quick: bool) -> Outcome:
    """Measures rows per second of a training step, with tables and optimizer. Raises UsageError if a peer fails."""
    return _beside_peers(StepBenchmark(config, SHAPES[shape]), config, shape, peers, timing, quick)


def inference(config: Config, shape: str, peers: list[str], timing: Timing, *, quick: bool) -> Outcome:
    """Measures rows per second of scoring. Raises UsageError if a peer fails."""
    return _beside_peers(ScoringBenchmark(config, SHAPES[shape]), config, shape, peers, timing, quick)


def described(config: Config, shape: str) -> dict[str, str | int | bool]:
    """Describes the measured step or scoring, for records."""
    found: dict[str, str | int | bool] = {
        'shape': shape,
        'batch': config.training.batch_size,
        'tables': config.optimizer.tables,
        'form': chosen_form(config.execution.form, config.model, fields=len(named_shape(shape).cardinalities)),
        'dtype': config.model.compute_dtype,
        'variant': config.model.variant,
    }
    if jax.default_backend() == 'gpu':
        found['deterministic'] = config.execution.deterministic
    return found


def headline(config: Config, shape: str) -> str:
    """Returns the description of what is measured as one line."""
    return ', '.join(f'{name} {value}' for name, value in described(config, shape).items())


def _beside_peers(
    ours: StepBenchmark | ScoringBenchmark, config: Config, shape: str, peers: list[str], timing: Timing, quick: bool
) -> Outcome:
    measured, slow_windows = beside_peers({OURS: ours.window}, peers, timing, quick=quick)
    rates = {without_paths(name): windows for name, windows in measured.items()}
    middle = medians(rates)
    ratios = {name: middle[OURS] / rate for name, rate in middle.items() if name != OURS}
    reached = roofline(middle[OURS], ours.work, measured_peak(config.model.compute_dtype, quick=quick))
    lines = [
        headline(config, shape),
        f'slices of {ours.cut.slice_rows} rows; the first call took {ours.first_seconds:.1f} s with compilation',
    ]
    lines += report.table(
        ['rows/s', 'from', 'to', 'ours is', 'times'],
        [
            (middle[name], min(windows), max(windows), middle[OURS] / middle[name], name)
            for name, windows in rates.items()
        ],
    )
    return Outcome(
        [*lines, sentence(reached)],
        {
            **described(config, shape),
            'slice_rows': ours.cut.slice_rows,
            'first_seconds': ours.first_seconds,
            'rows_per_second': rates,
            'slow_windows': slow_windows,
            'medians': middle,
            'ratios': ratios,
            'roofline': reached,
        },
    )
