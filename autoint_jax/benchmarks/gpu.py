"""Checks and measures everything worth knowing about a GPU, in less than eight minutes."""

import pathlib
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from autoint_jax.benchmarks import report
from autoint_jax.benchmarks.epoch import epoch
from autoint_jax.benchmarks.growth import batch_growth, of_each
from autoint_jax.benchmarks.replicas import replicas
from autoint_jax.benchmarks.report import Outcome
from autoint_jax.benchmarks.roofline import measured_peak, roofline
from autoint_jax.benchmarks.row_updates import row_updates
from autoint_jax.benchmarks.shaped_run import shaped_run
from autoint_jax.benchmarks.shapes import SHAPES, Shape, criteo, made_up
from autoint_jax.benchmarks.stepping import StepBenchmark
from autoint_jax.benchmarks.windows import Timing, in_turn, medians
from autoint_jax.config.configuration import Config, replace
from autoint_jax.config.optimizer_config import TABLE_OPTIMIZERS
from autoint_jax.diagnosis import checks as diagnosed
from autoint_jax.diagnosis import half_precision, operations, programs, resumed
from autoint_jax.diagnosis.checks import BAD, Check
from autoint_jax.errors import UsageError
from autoint_jax.models.interacting.gpu import unavailable as lacking_kernel
from autoint_jax.models.layers.tables import table_of, table_rows
from autoint_jax.training.run_folder.provenance import without_paths

LIMIT_SECONDS = 390.0  # no part starts later, so that all parts take less than eight minutes
KNOWN_BAD_RATIO = (
    20  # scatter-add is bad if it is so many times slower than the sum over sorted rows, as in jaxlib 0.10.2 and 0.11.0
)
DTYPES = ('float32', 'bfloat16')


def checked(found: list[Check]) -> Outcome:
    """Returns checks as an outcome: their lines, verdicts and texts, and how many are bad."""
    figures = {
        'bad': sum(check.verdict == BAD for check in found),
        'checks': [{'verdict': check.verdict, 'text': without_paths(check.text)} for check in found],
    }
    return Outcome(diagnosed.lines(found).splitlines(), figures)


def _resumed() -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        return checked([resumed.check(pathlib.Path(folder))])


def scatter_check(shape: Shape, timing: Timing) -> Outcome:
    """Measures the milliseconds of adding gradients of 1,024 rows of data to a table, and of reading these rows.

    Args:
      shape: the shape of the data.
      timing: the windows of each way.
    """
    schema, columns = made_up(shape, 1024, seed=1)
    numbers = jnp.asarray(table_rows(table_of(schema, 16, 0.0), columns.ids).reshape(-1))
    gradients = jnp.asarray(np.random.default_rng(0).normal(size=(len(numbers), 16)), jnp.float32)
    table = jnp.zeros((schema.num_ids, 16))

    def sorted_sum(numbers):
        order = jnp.argsort(numbers)
        return jax.ops.segment_sum(gradients[order], numbers[order], num_segments=len(table), indices_are_sorted=True)

    ways: dict[str, Callable[[jax.Array], jax.Array]] = {
        'scatter-add': lambda numbers: jnp.zeros_like(table).at[numbers].add(gradients),
        'sort and segment sum': sorted_sum,
        'gather': lambda numbers: table[numbers],
    }
    rates = in_turn({name: _calls(jax.jit(way), numbers) for name, way in ways.items()}, timing)
    milliseconds = {name: 1000 / rate for name, rate in medians(rates).items()}
    ratio = milliseconds['scatter-add'] / milliseconds['sort and segment sum']
    known_bad = ratio > KNOWN_BAD_RATIO
    verdict = 'known to be bad: use another jaxlib' if known_bad else 'good'
    return Outcome(
        [
            f'rows {len(numbers):,} with repeats, table {schema.num_ids:,} x 16',
            *report.table(['ms', 'of'], [(value, name) for name, value in milliseconds.items()]),
            f'scatter-add takes {ratio:.1f} times the sorted sum: {verdict} (bad above {KNOWN_BAD_RATIO})',
        ],
        {'milliseconds': milliseconds, 'ratio': ratio, 'known_bad': known_bad, 'known_bad_above': KNOWN_BAD_RATIO},
    )


def _calls(program: Callable[[jax.Array], jax.Array], numbers: jax.Array) -> Callable[[float], float]:
    jax.block_until_ready(program(numbers))

    def window(seconds: float) -> float:
        began, calls = time.perf_counter(), 0
        while True:
            # Several calls are dispatched ahead. Otherwise a GPU would wait for the host.
            jax.block_until_ready([program(numbers) for _ in range(4)])
            calls += 4
            if (passed := time.perf_counter() - began) >= seconds:
                return calls / passed

    return window


def forms(config: Config, shape: Shape, timing: Timing, *, quick: bool) -> Outcome:
    """Measures rows per second of a step by form, type of the products and, on a GPU, with sums in one order."""
    on_gpu = jax.default_backend() == 'gpu'
    named = ['einsum'] + ['gpu_kernel'] * (on_gpu and not lacking_kernel())
    choices = {
        f'{form} {dtype}{" deterministic" if ordered else ""}': {
            'execution.form': form,
            'model.compute_dtype': dtype,
            'execution.deterministic': ordered,
        }
        for ordered in ([False, True] if on_gpu else [False])
        for form in named
        for dtype in DTYPES
    }
    rates, built = of_each(config, choices, lambda chosen: StepBenchmark(chosen, shape), timing)
    middle, peaks = medians(rates), {dtype: measured_peak(dtype, quick=quick) for dtype in DTYPES}
    reached = {name: roofline(rate, built[name].work, peaks[name.split()[1]]) for name, rate in middle.items()}
    lines = report.table(
        ['rows/s', 'times einsum', 'share of peak', 'form'],
        [
            (rate, rate / middle[f'einsum {name.split()[1]}'], reached[name]['share'], name)
            for name, rate in middle.items()
        ],
    )
    lines += [
        f'peak in {dtype}: {peak.operations / 1e12:.2f} Top/s, {peak.bytes / 1e9:,.0f} GB/s ({peak.how})'
        for dtype, peak in peaks.items()
    ]
    return Outcome(lines, {'rows_per_second': rates, 'medians': middle, 'roofline': reached})


def tables(config: Config, sizes: list[int], timing: Timing) -> Outcome:
    """Measures the milliseconds of a step by number of table rows (Criteo's fields) and optimizer of the table."""
    figures: dict[str, Any] = {}
    for size in sizes:
        choices = {name: {'optimizer.tables': name} for name in TABLE_OPTIMIZERS}
        rates, _ = of_each(config, choices, lambda chosen: StepBenchmark(chosen, criteo(size)), timing)  # noqa: B023
        figures[str(size)] = {name: 1000 * config.training.batch_size / rate for name, rate in medians(rates).items()}
    return Outcome(
        report.table(
            ['table rows', *(f'{name}, ms' for name in TABLE_OPTIMIZERS)],
            [
                (int(size), *(of_size.get(name, 'out of memory') for name in TABLE_OPTIMIZERS))
                for size, of_size in figures.items()
            ],
        ),
        {'milliseconds': figures},
    )


def parts(config: Config, timing: Timing, *, quick: bool) -> Iterator[tuple[str, Callable[[], Outcome]]]:
    """Yields (name, function that measures) of each part: checks, then what tells most, then what takes longest."""
    shape = 'ml1m' if quick else 'criteo'
    copies = [2] if quick else [1, 2, 4, 8, 16, 32]
    batches = [32] if quick else [1 << power for power in range(10, 17)]
    yield 'operations', lambda: checked(operations.checks() + half_precision.checks())
    yield 'programs', lambda: checked(programs.checks(400_000 if quick else 1_000_000))
    yield 'resumed', _resumed
    yield 'scatter_add', lambda: scatter_check(SHAPES[shape], timing)
    yield 'forms', lambda: forms(config, SHAPES[shape], timing, quick=quick)
    yield 'epoch', lambda: epoch(config, shape, 200 if quick else 1_000_000, timing._replace(windows=1), quick=quick)

    def half() -> Config:
        return replace(config, {'model.compute_dtype': 'bfloat16'})

    rows = 200 if quick else 4_000_000
    yield 'epoch_bfloat16', lambda: epoch(half(), shape, rows, timing._replace(windows=1), quick=quick)
    yield 'row_updates', lambda: row_updates(config, timing, quick=quick)
    yield 'replicas', lambda: replicas(config, 'ml1m', copies, timing, quick=quick)
    yield 'replicas_bfloat16', lambda: replicas(half(), 'ml1m', copies, timing, quick=quick)
    yield 'movielens_1m_shape', lambda: shaped_run(config, epochs=3 if quick else 10, quick=quick)
    yield 'tables', lambda: tables(config, [2000] if quick else [1_000_000, 6_000_000], timing)
    yield 'batches_bfloat16', lambda: batch_growth(half(), shape, batches, timing, quick=quick)
    yield 'batches', lambda: batch_growth(config, shape, batches, timing, quick=quick)


def gpu(config: Config, timing: Timing, *, quick: bool) -> Iterator[tuple[str, Outcome]]:
    """Yields (name, outcome) of each part when it is done.

    A part that would start too late is left out, and its outcome says so.

    If a part fails, its outcome says so, and its error is raised after the last part, so that the other parts are still
    measured.

    Sums are in no fixed order where a part does not say otherwise, because that is fastest.

    Args:
      config: the configuration of the model.
      timing: the windows.
      quick: whether everything is small, to try the parts out without a GPU.

    Raises:
      UsageError: this machine has neither a GPU nor another accelerator, and `quick` is false.
    """
    if jax.default_backend() == 'cpu' and not quick:
        raise UsageError(
            '--suite=gpu needs a GPU, but JAX runs on cpu here: install the GPU build of jaxlib (see '
            'requirements.txt), or try the suite out with --quick'
        )
    config = replace(config, {'execution.deterministic': False})
    if quick:
        config = replace(config, {'training.batch_size': min(32, config.training.batch_size), 'model.num_layers': 1})
    began, failures = time.perf_counter(), []
    for name, measure in parts(config, timing, quick=quick):
        passed = time.perf_counter() - began
        if passed > LIMIT_SECONDS:
            yield name, Outcome([f'left out: {passed:.0f} s have passed'], {'left_out_after_seconds': passed})
            continue
        try:
            outcome = measure()
        except UsageError:
            raise
        except Exception as error:  # any error is raised after the last part
            failures.append(error)
            outcome = Outcome([f'failed: {error}'], {'failed': type(error).__name__})
        yield name, outcome
    if failures:
        raise failures[0]
