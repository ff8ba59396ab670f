"""The schema a run is made for: prepared data's, with what the configuration fits to the training split."""

import dataclasses

import numpy as np

from autoint_jax.config import Config
from autoint_jax.data.prepared import PreparedData
from autoint_jax.schema import NUMERIC, Schema

QUANTILE_ENCODINGS = ('buckets', 'piecewise_linear')


def fitted_schema(config: Config, data: PreparedData) -> Schema:
    """The schema of `data`; numeric fields have quantile boundaries where `model.numeric_encoding` reads them.

    A function of configuration and data, so every opening of a run gives the same.
    """
    if config.model.numeric_encoding not in QUANTILE_ENCODINGS or not data.schema.numeric_fields:
        return data.schema
    values = np.asarray(data.split('train').numeric)
    columns = iter(values.T)
    return Schema(tuple(
        dataclasses.replace(field, boundaries=quantiles(next(columns), config.model.numeric_bins))
        if field.kind == NUMERIC else field for field in data.schema.fields))


def quantiles(values: np.ndarray, bins: int) -> tuple[float, ...]:
    """Boundaries of `bins` bins of equal counts, bins + 1 numbers, NaN left out; zeros where there is no value."""
    known = values[~np.isnan(values)]
    if not len(known):
        return (0.0,) * (bins + 1)
    return tuple(map(float, np.quantile(known, np.linspace(0, 1, bins + 1)).astype(np.float32)))
