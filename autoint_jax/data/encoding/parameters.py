"""Fits the parameters of a field's transform to its column."""

from collections.abc import Callable, Iterable

import numpy as np
import polars as pl

from autoint_jax.data.encoding.plan import FieldPlan
from autoint_jax.data.encoding.transforms import ADVICE, as_numbers
from autoint_jax.errors import UsageError

QUANTILE_ROWS = 10_000_000
_NAMES = {
    'standard': 'the mean or the standard deviation',
    'min_max': 'the difference of the largest and the smallest value',
    'quantiles': 'a quantile',
}


def fitted_parameters(field: FieldPlan, blocks: Callable[[], Iterable[pl.Series]], rows: int) -> tuple[float, ...]:
    """Returns mean and standard deviation, minimum and maximum, or inner quantiles of a column.

    Other transforms have no parameters, (). Quantiles of more than 10 million rows are those of every second, third,
    ... row.

    Args:
      field: plan of the field.
      blocks: returns the raw column, block by block.
      rows: of the whole column.

    Raises:
      UsageError: a parameter is not finite, or a standard deviation is 0 because it is too small for a number.
    """
    with np.errstate(all='ignore'):
        parameters, low, high = _fitted(field, blocks, rows)
    spread = parameters[1] - parameters[0] if field.transform == 'min_max' and parameters else 0.0
    if not np.isfinite([*parameters, spread]).all():
        name, how = _NAMES[field.transform], 'overflows: it is larger than any number'
    elif field.transform == 'standard' and parameters[1] == 0 and low < high:
        name, how = _NAMES[field.transform], 'vanishes: it is smaller than any number'
    else:
        return parameters
    raise UsageError(
        f'field {field.name!r}: {name} of column {field.column!r}, whose values go from {low:g} to {high:g}, '
        f'{how}: {ADVICE}'
    )


def _fitted(
    field: FieldPlan, blocks: Callable[[], Iterable[pl.Series]], rows: int
) -> tuple[tuple[float, ...], float, float]:
    """Returns the parameters, and the smallest and the largest value."""
    if field.transform == 'quantiles':
        step = max(-(-rows // QUANTILE_ROWS), 1)
        values = np.concatenate([as_numbers(field, block)[::step] for block in blocks()] or [np.zeros(0)])
        values = values[np.isfinite(values)]
        if not len(values):
            return (), 0.0, 0.0
        edges = np.quantile(values, np.arange(1, field.buckets) / field.buckets)
        return tuple(np.unique(edges).tolist()), values.min(), values.max()
    if field.transform not in ('standard', 'min_max'):
        return (), 0.0, 0.0
    count, mean, squares, low, high = 0, 0.0, 0.0, np.inf, -np.inf
    for block in blocks():
        values = as_numbers(field, block)
        values = values[np.isfinite(values)]
        if len(values):
            # Joins the means and sums of squares of two parts (Chan, Golub and LeVeque, 1979).
            difference, total = values.mean() - mean, count + len(values)
            squares += ((values - values.mean()) ** 2).sum() + difference**2 * count * len(values) / total
            mean += difference * len(values) / total
            count, low, high = total, min(low, values.min()), max(high, values.max())
    if not count:
        return (0.0, 1.0), 0.0, 0.0
    if low == high:  # rounding could leave a tiny deviation
        mean, squares = low, 0.0
    parameters = (mean, np.sqrt(squares / count)) if field.transform == 'standard' else (low, high)
    return (float(parameters[0]), float(parameters[1])), low, high
