"""Measures how the time of a step grows with the tables and with the batch."""

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

GOAL_RATIO = 1.15  # step time with the largest table divided by that with the smallest
GOAL_EXTRA_BYTES = 1_000_000_000  # memory of a process beyond tables and their optimizer


class _Child:
    """A step benchmark in its own process, so that its peak memory can be measured. It is idle between its windows."""

    def __init__(self, config: Config, table_rows: int):
        processes = multiprocessing.get_context('spawn')
        self._connection, theirs = processes.Pipe()
        self._table_rows = table_rows
        self._process = processes.Process(target=_serve, args=(theirs, config, table_rows), daemon=True)
        self._process.start()
        theirs.close()

    def answer(self, question: Any) -> Any:
        """Answers a question.

        Args:
          question: the seconds of a window, 'memory' or 'work'.

        Returns:
          The rate of the window in rows per second, the bytes of the state and of the peaks, or the work of a row.

        Raises:
          UsageError: the process has ended.
        """
        try:
            self._connection.send(question)
            return self._connection.recv()
        except (EOFError, OSError):
            self._process.join()
            raise UsageError(
                f'the process with a table of {self._table_rows:,} rows ended with status '
                f'{self._process.exitcode}: if memory ran out, choose smaller --table_rows'
            ) from None

    def close(self) -> None:
        """Ends the process."""
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
    except (EOFError, OSError):  # the parent process is done
        pass


def _memory(benchmark: StepBenchmark) -> dict[str, int]:
    while_stepping = peak_bytes()
    benchmark.flush()
    return {'state_bytes': benchmark.table_bytes(), 'peak_bytes': while_stepping, 'peak_bytes_with_flush': peak_bytes()}


def peak_bytes() -> int:
    """Returns the peak memory of this process in bytes: device memory if the device counts it, else RAM."""
    counted = jax.local_devices()[0].memory_stats()
    if counted and 'peak_bytes_in_use' in counted:
        return counted['peak_bytes_in_use']
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def table_growth(config: Config, sizes: list[int], timing: Timing, *, quick: bool) -> Outcome:
    """Measures step time and peak memory by number of table rows (Criteo's fields). Each size has its own process.

    Args:
      config: the configuration of the model.
      sizes: the numbers of table rows.
      timing: the windows of each size, measured in turn.
      quick: whether the peak of the machine is measured from small arrays.

    Raises:
      UsageError: a process ends early.
    """
    os.environ.setdefault(
        'XLA_PYTHON_CLIENT_PREALLOCATE', 'false'
    )  # otherwise the first process takes all memory of a GPU
    children: dict[str, _Child] = {}
    try:
        for size in sizes:
            children[str(size)] = _Child(config, size)
            children[str(size)].answer(0.0)  # this waits until the process has compiled its step
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
        f'a step with {int(largest):,} rows takes {ratio:.2f} times as long as with {int(smallest):,} '
        f'(goal: {GOAL_RATIO})',
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
    """Measures benchmarks that differ in options, in turn.

    Benchmarks that do not fit into the device's memory are left out.

    Args:
      config: the configuration that the options change.
      choices: {name: {option: value}}.
      build: makes the benchmark of a configuration.
      timing: the windows of each benchmark.

    Returns:
      {name: rate of each window in rows per second} and {name: benchmark}.

    Raises:
      UsageError: no benchmark fits.
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
            f'none of {", ".join(choices)} fits into the memory of {jax.local_devices()[0].device_kind}: '
            'choose smaller ones'
        )
    return in_turn({name: benchmark.window for name, benchmark in built.items()}, timing), built


def batch_growth(config: Config, shape: str, batches: list[int], timing: Timing, *, quick: bool) -> Outcome:
    """Measures rows per second of a step by batch size. Batches that do not fit into memory are left out."""
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
