"""How a step's time grows with the tables, and with the batch."""

import multiprocessing
import os
import resource
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import jax

from autoint_jax.benchmarks import report
from autoint_jax.benchmarks.report import Outcome
from autoint_jax.benchmarks.roofline import measured_peak, roofline
from autoint_jax.benchmarks.shapes import SHAPES, criteo
from autoint_jax.benchmarks.speed import described, headline
from autoint_jax.benchmarks.stepping import StepBenchmark
from autoint_jax.benchmarks.windows import Timing, in_turn, medians
from autoint_jax.config.configuration import Config, replace
from autoint_jax.errors import UsageError

GOAL_RATIO = 1.15  # step time of the largest table over that of the smallest
GOAL_EXTRA_BYTES = 1_000_000_000  # of a process beyond tables and their optimizer


class _Child:
    """A step benchmark in a process of its own, so that its peak memory is its own. Idle between its windows."""

    def __init__(self, config: Config, table_rows: int):
        processes = multiprocessing.get_context('spawn')
        self._connection, theirs = processes.Pipe()
        self._table_rows = table_rows
        self._process = processes.Process(target=_serve, args=(theirs, config, table_rows), daemon=True)
        self._process.start()
        theirs.close()

    def answer(self, question: Any) -> Any:
        """A window's rate for its seconds; for 'memory' its peaks and the state's; for 'work' a row's."""
        try:
            self._connection.send(question)
            return self._connection.recv()
        except (EOFError, OSError):
            self._process.join()
            raise UsageError(
                f'the process with a table of {self._table_rows:,} rows ended with status '
                f'{self._process.exitcode}: if out of memory, choose smaller --table_rows'
            ) from None

    def close(self) -> None:
        self._connection.close()
        self._process.join(10)
        if self._process.is_alive():
            self._process.terminate()


def _serve(connection: Connection, config: Config, table_rows: int) -> None:
    benchmark = StepBenchmark(config, criteo(table_rows))
    try:
        while True:
            question = connection.recv()
            connection.send(
                benchmark.work
                if question == 'work'
                else _memory(benchmark)
                if question == 'memory'
                else benchmark.window(question)
            )
    except (EOFError, OSError):  # the parent is done
        pass


def _memory(benchmark: StepBenchmark) -> dict[str, int]:
    while_stepping = peak_bytes()
    benchmark.flush()
    return {'state_bytes': benchmark.table_bytes(), 'peak_bytes': while_stepping, 'peak_bytes_with_flush': peak_bytes()}


def peak_bytes() -> int:
    """Most memory this process has held: the device's where it counts, else that of the process."""
    counted = jax.local_devices()[0].memory_stats()
    if counted and 'peak_bytes_in_use' in counted:
        return counted['peak_bytes_in_use']
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def table_growth(config: Config, sizes: list[int], timing: Timing, *, quick: bool) -> Outcome:
    """Step time and peak memory by table rows (Criteo's fields), windows in turn, each size in its own process.

    Raises UsageError where a process ends early.
    """
    os.environ.setdefault('XLA_PYTHON_CLIENT_PREALLOCATE', 'false')  # or the first process would take a GPU's memory
    children: dict[str, _Child] = {}
    try:
        for size in sizes:
            children[str(size)] = _Child(config, size)
            children[str(size)].answer(0.0)  # built one after the other
        rates = in_turn({size: child.answer for size, child in children.items()}, timing)
        memory = {size: child.answer('memory') for size, child in children.items()}
        work = {size: child.answer('work') for size, child in children.items()}
    finally:
        for child in children.values():
            child.close()
    middle, batch = medians(rates), config.training.batch_size
    milliseconds = {size: 1000 * batch / rate for size, rate in middle.items()}
    peak = measured_peak(config.model.compute_dtype, quick=quick)
    reached = {size: roofline(rate, work[size], peak) for size, rate in middle.items()}
    smallest, largest = str(min(sizes)), str(max(sizes))
    ratio = milliseconds[largest] / milliseconds[smallest]
    extra = {size: held['peak_bytes'] - held['state_bytes'] for size, held in memory.items()}
    lines = [f'criteo fields, {headline(config, "criteo").partition(", ")[2]}']
    header = [
        'table rows',
        'ms a step',
        'times smallest',
        'tables and optimizer, GB',
        'peak, GB',
        'beyond, GB',
        'beyond with a flush, GB',
        'share of peak',
    ]
    lines += report.table(
        header,
        [
            (
                int(size),
                milliseconds[size],
                milliseconds[size] / milliseconds[smallest],
                held['state_bytes'] / 1e9,
                held['peak_bytes'] / 1e9,
                extra[size] / 1e9,
                (held['peak_bytes_with_flush'] - held['state_bytes']) / 1e9,
                reached[size]['share'],
            )
            for size, held in memory.items()
        ],
    )
    extra_gb, goal_gb = max(extra.values()) / 1e9, GOAL_EXTRA_BYTES / 1e9
    lines += [
        f'{int(largest):,} rows take {ratio:.2f} times the time of {int(smallest):,} (goal: {GOAL_RATIO})',
        f'at most {extra_gb:.2f} GB beyond tables and optimizer (goal: {goal_gb:.0f})',
    ]
    return Outcome(
        lines,
        {
            **described(config, 'criteo'),
            'table_rows': sizes,
            'rows_per_second': rates,
            'milliseconds': milliseconds,
            'ratio': ratio,
            'goal_ratio': GOAL_RATIO,
            'memory': memory,
            'extra_bytes': extra,
            'goal_extra_bytes': GOAL_EXTRA_BYTES,
            'roofline': reached,
        },
    )


def of_each(
    config: Config, choices: dict[str, dict[str, Any]], build: Callable[[Config], Any], timing: Timing
) -> tuple[dict[str, list[float]], dict[str, Any]]:
    """Windows in turn of benchmarks that differ in options, {name: {option: value}}; and the benchmarks.

    Those that do not fit into the device's memory are left out. Raises UsageError where none fits.
    """
    built = {}
    for name, options in choices.items():
        try:
            built[name] = build(replace(config, options))
        except jax.errors.JaxRuntimeError as error:
            if 'RESOURCE_EXHAUSTED' not in str(error):
                raise
    if not built:
        raise UsageError(
            f'the memory of {jax.local_devices()[0].device_kind} holds none of {", ".join(choices)}: '
            'choose smaller ones'
        )
    return in_turn({name: benchmark.window for name, benchmark in built.items()}, timing), built


def batch_growth(config: Config, shape: str, batches: list[int], timing: Timing, *, quick: bool) -> Outcome:
    """Rows per second of a step by batch size."""
    rates, built = of_each(
        config,
        {str(batch): {'training.batch_size': batch} for batch in batches},
        lambda chosen: StepBenchmark(chosen, SHAPES[shape]),
        timing,
    )
    middle, peak = medians(rates), measured_peak(config.model.compute_dtype, quick=quick)
    reached = {batch: roofline(rate, built[batch].work, peak) for batch, rate in middle.items()}
    lines = [headline(config, shape).replace(f'batch {config.training.batch_size}, ', '')]
    lines += report.table(
        ['batch', 'rows/s', 'ms a step', 'share of peak'],
        [(int(batch), rate, 1000 * int(batch) / rate, reached[batch]['share']) for batch, rate in middle.items()],
    )
    left_out = [batch for batch in batches if str(batch) not in built]
    if left_out:
        lines.append(f'out of memory: batches of {", ".join(map(str, left_out))}')
    return Outcome(
        lines,
        {
            **described(config, shape),
            'batch': batches,
            'out_of_memory': left_out,
            'rows_per_second': rates,
            'medians': middle,
            'roofline': reached,
        },
    )
