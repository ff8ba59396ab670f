"""Transforms of the values of a column, before a vocabulary or a model gets them."""

import zlib

import numpy as np
import polars as pl

from autoint_jax.data.encoding.plan import FieldPlan
from autoint_jax.errors import UsageError

ADVICE = (
    'correct the value, list it under missing_values of the field if it means that there is none, or choose another '
    'transform, such as quantiles'
)


def log_square(values: np.ndarray) -> np.ndarray:
    """Numbers float64 [n] -> int(log(x)^2), natural logarithm, for x > 2; other values stay (the authors' scale.py)."""
    numbers, large = values.copy(), np.flatnonzero(values > 2)
    numbers[large] = np.trunc(np.log(values[large]) ** 2)
    return numbers


def transformed(field: FieldPlan, values: pl.Series, parameters: tuple[float, ...]) -> np.ndarray:
    """Returns a numeric field's values, float32 [n]; NaN = missing.

    Args:
      field: plan of the field.
      values: raw column [n].
      parameters: of the field's transform, as `parameters.fitted_parameters` returns them.

    Raises:
      UsageError: a value is too large for float32.
    """
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
            f'transform {field.transform!r}, which is too large for float32: {ADVICE}'
        )
    return result


def as_numbers(field: FieldPlan, values: pl.Series) -> np.ndarray:
    """Raw column [n] -> numbers float64 [n]; NaN = missing."""
    numbers = values.cast(pl.Float64).fill_null(np.nan)  # `to_numpy` would do the same, but block other threads
    for value in field.missing_values:
        numbers = numbers.set(numbers == float(value), np.nan)
    return numbers.to_numpy()


def keys(field: FieldPlan, values: pl.Series) -> pl.Series:
    """Raw column [n] -> the values [n] that a vocabulary holds: the raw ones, or their buckets; null = missing."""
    if field.transform == 'log_square_bucket':
        numbers = as_numbers(field, values)
        if field.missing == 'zero':
            numbers = np.nan_to_num(numbers, nan=0.0)
        numbers = np.trunc(log_square(numbers))
        large = np.abs(numbers) >= 2.0**63
        if large.any():
            raise UsageError(
                f'field {field.name!r}: the value {numbers[large][0]:g} of column {field.column!r} is too large for a '
                f'bucket: {ADVICE}'
            )
        buckets = pl.Series(values.name, numbers, nan_to_null=True)
        return buckets.cast(pl.Int64)
    for value in field.missing_values:
        missing = value if values.dtype == pl.String else int(value)
        values = values.set(values == missing, None)
    return values


def split_values(field: FieldPlan, values: pl.Series) -> pl.Series:
    """Texts [n] of a multivalued field -> lists of its values [n]; null = no value."""
    stripped = (
        values.str.split(field.separator)
        .list.eval(pl.element().str.strip_chars())
        .list.eval(pl.element().filter(pl.element() != ''))
    )
    return stripped.set(stripped.list.len() == 0, None) if len(stripped) else stripped


def hashed(values: pl.Series, buckets: int) -> pl.Series:
    """Texts [n] -> ids int32 [n], 1 to `buckets`, by CRC-32, which is the same on all machines; 0 for null."""
    distinct = values.drop_nulls().unique().cast(pl.String)
    ids = pl.Series([1 + zlib.crc32(value.encode()) % buckets for value in distinct], dtype=pl.Int32)
    return values.cast(pl.String).replace_strict(distinct, ids, default=0, return_dtype=pl.Int32)
