"""Transforms of numeric columns, and what of them is fitted."""

import zlib
from collections.abc import Callable, Iterable

import numpy as np
import polars as pl

from autoint_jax.data.field_plan import FieldPlan

QUANTILE_ROWS = 10_000_000


def log_square(values: np.ndarray) -> np.ndarray:
    """The authors' int(log(x)^2), natural log, for x > 2; other values, negative ones too, are unchanged. float64 [n]."""
    numbers, large = values.copy(), np.flatnonzero(values > 2)
    numbers[large] = np.trunc(np.log(values[large]) ** 2)
    return numbers


def transformed(field: FieldPlan, values: pl.Series, parameters: tuple[float, ...]) -> np.ndarray:
    """A numeric field's values, float32 [n], NaN where missing."""
    numbers = as_numbers(field, values)
    if field.transform == 'log_square':
        numbers = log_square(numbers)
    elif field.transform == 'standard':
        numbers = (numbers - parameters[0]) / (parameters[1] or 1.0)
    elif field.transform == 'min_max':
        numbers = (numbers - parameters[0]) / ((parameters[1] - parameters[0]) or 1.0)
    return numbers.astype(np.float32)


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
        buckets = pl.Series(values.name, np.trunc(log_square(numbers)), nan_to_null=True)
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

    Quantiles of more than 10 million rows are those of every second, third, ... row.
    """
    if field.transform == 'quantiles':
        step = max(-(-rows // QUANTILE_ROWS), 1)
        values = np.concatenate([as_numbers(field, block)[::step] for block in blocks()] or [np.zeros(0)])
        values = values[np.isfinite(values)]
        edges = np.quantile(values, np.arange(1, field.buckets) / field.buckets) if len(values) else []
        return tuple(np.unique(edges).tolist())
    if field.transform not in ('standard', 'min_max'):
        return ()
    count, mean, squares, low, high = 0, 0.0, 0.0, np.inf, -np.inf
    for block in blocks():
        values = as_numbers(field, block)
        values = values[np.isfinite(values)]
        if len(values):
            # Means and sums of squares of two parts join as in Chan, Golub and LeVeque (1979).
            difference, total = values.mean() - mean, count + len(values)
            squares += ((values - values.mean()) ** 2).sum() + difference ** 2 * count * len(values) / total
            mean += difference * len(values) / total
            count, low, high = total, min(low, values.min()), max(high, values.max())
    if not count:
        return (0.0, 1.0)
    return (float(mean), float(np.sqrt(squares / count))) if field.transform == 'standard' else (float(low), float(high))
