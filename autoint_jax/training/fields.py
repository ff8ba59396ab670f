"""The schema a run is made for: prepared data's, with what the configuration fits to the training split."""

import dataclasses
import functools
import pathlib
from typing import Any

import numpy as np

from autoint_jax.config.configuration import Config
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.errors import UsageError
from autoint_jax.schema import NUMERIC, Schema
from autoint_jax.training.run_folder import records

QUANTILE_ENCODINGS = ('buckets', 'piecewise_linear')


def fitted_schema(config: Config, data: PreparedData, recorded: Any = None) -> Schema:
    """The schema of `data`; numeric fields have quantile boundaries where `model.numeric_encoding` reads them.

    A function of configuration and data, so every opening of a run gives the same. Boundaries are taken once a process, and not at all
    where a run recorded them.

    Args:
      config: of the run.
      data: that it is trained on.
      recorded: what run.json has as `boundaries`, {field: numbers}; older runs have none.
    """
    if config.model.numeric_encoding not in QUANTILE_ENCODINGS or not data.schema.numeric_fields:
        return data.schema
    bins, names = config.model.numeric_bins, [field.name for field in data.schema.numeric_fields]
    if _is_whole(recorded, names, bins):
        taken = {name: tuple(map(float, recorded[name])) for name in names}
    else:
        data.split('train')  # refuses damaged data
        taken = dict(zip(names, _boundaries(data.folder / 'train' / 'numeric.npy', data.hash, bins), strict=True))
    return Schema(
        tuple(
            dataclasses.replace(field, boundaries=taken[field.name]) if field.kind == NUMERIC else field
            for field in data.schema.fields
        )
    )


def recorded_boundaries(folder: pathlib.Path, data_hash: str) -> Any:
    """The quantile boundaries in run.json of a run on data of that hash, not checked; None where there are none."""
    try:
        run = records.read_run(folder)
    except (UsageError, OSError):  # for the run to meet when it is opened
        return None
    return run.get('boundaries') if run.get('data_hash') == data_hash else None


def boundaries(schema: Schema) -> dict[str, list[float]]:
    """The quantile boundaries of a schema, as run.json records them; {} where none were taken."""
    return {field.name: list(field.boundaries) for field in schema.fields if field.boundaries}


def _is_whole(recorded: Any, names: list[str], bins: int) -> bool:
    return isinstance(recorded, dict) and all(
        isinstance(recorded.get(name), list)
        and len(recorded[name]) == bins + 1
        and all(type(number) in (int, float) for number in recorded[name])
        for name in names
    )


@functools.lru_cache(maxsize=16)
def _boundaries(path: pathlib.Path, data_hash: str, bins: int) -> tuple[tuple[float, ...], ...]:
    """Boundaries of all numeric columns of a split, of data of that hash; a column at a time is in memory."""
    values = np.load(path, mmap_mode='r')
    return tuple(quantiles(np.array(values[:, column]), bins) for column in range(values.shape[1]))


def quantiles(values: np.ndarray, bins: int) -> tuple[float, ...]:
    """Boundaries of `bins` bins of equal counts, bins + 1 numbers, NaN left out; zeros where there is no value."""
    known = values[~np.isnan(values)]
    if not len(known):
        return (0.0,) * (bins + 1)
    return tuple(map(float, np.quantile(known, np.linspace(0, 1, bins + 1)).astype(np.float32)))
