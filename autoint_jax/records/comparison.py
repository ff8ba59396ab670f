"""Comparison of measured figures with published ones: mean and deviation over seeds, and PASS or FAIL."""

import contextlib
import contextvars
import statistics
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rich.measure import Measurement
from rich.table import Table

from autoint_jax.console import Console
from autoint_jax.evaluation.metrics import METRICS
from autoint_jax.terminal import shown

if TYPE_CHECKING:  # this import takes seconds, because of JAX, and --help of experiments would wait for it
    from autoint_jax.records.runs import RunRecord

NO_VERDICT = 'no verdict'
_judging = contextvars.ContextVar('judging', default=True)
MOST_COLUMNS = 1000  # characters that a printed table may be wide


class Measured(NamedTuple):
    """The mean and the deviation of a figure over runs.

    Attributes:
      mean: the mean.
      deviation: the sample standard deviation; None for a single value.
      count: how many values there are.
    """

    mean: float
    deviation: float | None
    size: int  # number of the values

    def __str__(self) -> str:
        spread = '' if self.deviation is None else f' ± {self.deviation:.4f}'
        return f'{self.mean:.4f}{spread}'


def measured(values: Sequence[float]) -> Measured:
    """Returns the mean and the sample standard deviation of some values."""
    deviation = statistics.stdev(values) if len(values) > 1 else None
    return Measured(statistics.fmean(values), deviation, len(values))


def test_figures(records: 'Sequence[RunRecord]') -> dict[str, Measured]:
    """Returns {metric: mean and deviation} of the test split, for the metrics that all records have."""
    return {
        name: measured([record.test[name] for record in records])
        for name in METRICS
        if all(name in record.test for record in records)
    }


def verdict(passed: bool) -> str:
    """Returns the verdict on a criterion: 'PASS' or 'FAIL', or NO_VERDICT within `without_verdicts`."""
    return ('PASS' if passed else 'FAIL') if _judging.get() else NO_VERDICT


@contextlib.contextmanager
def without_verdicts() -> Iterator[None]:
    """Within this context nothing is judged, because the figures are those of a trial with few rows."""
    token = _judging.set(False)
    try:
        yield
    finally:
        _judging.reset(token)


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints a table. It may become wider than the terminal, so that no figure is cut off."""
    table = Table(title=shown(title))
    for column in columns:
        table.add_column(shown(column))
    for row in rows:
        table.add_row(*map(shown, row))
    console = Console(soft_wrap=True, markup=False, emoji=False)
    needed = Measurement.get(console, console.options.update(max_width=MOST_COLUMNS), table).maximum
    console.width = max(console.width, needed)
    console.print(table)
