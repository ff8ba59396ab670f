"""Transforms of numeric columns, and what of them is fitted."""

import zlib
from collections.abc import Callable, Iterable

import numpy as np
import polars as pl

from autoint_jax.data.encoding.plan import FieldPlan
from autoint_jax.errors import UsageError

QUANTILE_ROWS = 10_000_000
_NAMES = {
    'standard': 'the mean or the standard deviation',
    'min_max': 'the difference of the largest and the smallest value',
    'quantiles': 'a quantile',
}
_MEND = (
    'correct the value, list it under missing_values of the field if it means that there is none, or choose another transform, '
    'such as quantiles'
)


def log_square(values: np.ndarray) -> np.ndarray:
    """The authors' int(log(x)^2), natural log, for x > 2; other values, negative ones too, are unchanged. float64 [n]."""
    numbers, large = values.copy(), np.flatnonzero(values > 2)
    numbers[large] = np.trunc(np.log(values[large]) ** 2)
    return numbers


def transformed(field: FieldPlan, values: pl.Series, parameters: tuple[float, ...]) -> np.ndarray:
    """A numeric field's values, float32 [n], NaN where missing. Raises UsageError where one is too large for float32."""
    raw = numbers = as_numbers(field, values)
    if field.transform == 'log_square':
        numbers = log_square(numbers)
    elif field.transform == 'standard':
        numbers = (numbers - parameters[0]) / (parameters[1] or 1.0)
    elif field.transform == 'min_max':
        numbers = (numbers - parameters[0]) / ((parameters[1] - parameters[0]) or 1.0)
    with np.errstate(over='ignore'):
        result = numbers.astype(np.float32)
    if np.isinf(result).any():
        at = int(np.flatnonzero(np.isinf(result))[0])
        raise UsageError(
            f'field {field.name!r}: the value {raw[at]:g} of column {field.column!r} becomes {numbers[at]:g} by '
            f'transform {field.transform!r}, which is too large for float32: {_MEND}'
        )
    return result


def as_numbers(field: FieldPlan, values: pl.Series) -> np.ndarray:
    """float64 [n], NaN where missing."""
    numbers = values.cast(pl.Float64).fill_null(np.nan)  # not by `to_numpy`, which would keep other threads waiting
    for value in field.missing_values:
        numbers = numbers.set(numbers == float(value), np.nan)
    return numbers.to_numpy()


def keys(field: FieldPlan, values: pl.Series) -> pl.Series:
    """The values that a vocabulary knows: those of the column, or their buckets; null where missing."""
    if field.transform == 'log_square_bucket':
        numbers = as_numbers(field, values)
        if field.missing == 'zero':
            numbers = np.nan_to_num(numbers, nan=0.0)
        numbers = np.trunc(log_square(numbers))
        large = np.abs(numbers) >= 2.0**63
        if large.any():
            raise UsageError(
                f'field {field.name!r}: the value {numbers[large][0]:g} of column {field.column!r} is too large for a '
                f'bucket: {_MEND}'
            )
        buckets = pl.Series(values.name, numbers, nan_to_null=True)
        return buckets.cast(pl.Int64)
    for value in field.missing_values:
        missing = value if values.dtype == pl.String else int(value)
        values = values.set(values == missing, None)
    return values


def hashed(values: pl.Series, buckets: int) -> pl.Series:
    """Texts -> ids from 1 to `buckets` by CRC-32, which is the same everywhere; 0 where null."""
    distinct = values.drop_nulls().unique().cast(pl.String)
    ids = pl.Series([1 + zlib.crc32(value.encode()) % buckets for value in distinct], dtype=pl.Int32)
    return values.cast(pl.String).replace_strict(distinct, ids, default=0, return_dtype=pl.Int32)


def fitted_parameters(field: FieldPlan, blocks: Callable[[], Iterable[pl.Series]], rows: int) -> tuple[float, ...]:
    """Mean and standard deviation, minimum and maximum, or inner quantiles of a column; () where nothing is fitted.

    Quantiles of more than 10 million rows are those of every second, third, ... row. Raises UsageError where a parameter is
    not finite, or where a standard deviation is 0 because it is too small for a number.
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
        f'{how}: {_MEND}'
    )


def _fitted(
    field: FieldPlan, blocks: Callable[[], Iterable[pl.Series]], rows: int
) -> tuple[tuple[float, ...], float, float]:
    """The parameters, and the smallest and the largest value."""
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
            # Means and sums of squares of two parts join as in Chan, Golub and LeVeque (1979).
            difference, total = values.mean() - mean, count + len(values)
            squares += ((values - values.mean()) ** 2).sum() + difference**2 * count * len(values) / total
            mean += difference * len(values) / total
            count, low, high = total, min(low, values.min()), max(high, values.max())
    if not count:
        return (0.0, 1.0), 0.0, 0.0
    if low == high:  # exactly, where rounding would leave a tiny deviation
        mean, squares = low, 0.0
    parameters = (mean, np.sqrt(squares / count)) if field.transform == 'standard' else (low, high)
    return (float(parameters[0]), float(parameters[1])), low, high
