"""The schema of a run: that of its data, with quantile boundaries of numeric fields if its configuration uses them."""

import dataclasses
import functools
import pathlib
from typing import Any

import numpy as np

from autoint_jax.config.configuration import Config
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.errors import UsageError
from autoint_jax.schema import NUMERIC, Schema
from autoint_jax.training.run_folder import contents

QUANTILE_ENCODINGS = ('buckets', 'piecewise_linear')


def fitted_schema(config: Config, data: PreparedData, recorded: Any = None) -> Schema:
    """Returns the schema of `data`, with quantile boundaries of numeric fields if `model.numeric_encoding` uses them.

    It is a function of configuration and data, so a run has the same schema whenever it is opened. A process computes
    the boundaries once, and not at all if the run has recorded them.

    Args:
      config: configuration of the run.
      data: the data that the run is trained on.
      recorded: `boundaries` of run.json, {field: numbers}; None in older runs.
    """
    if config.model.numeric_encoding not in QUANTILE_ENCODINGS or not data.schema.numeric_fields:
        return data.schema
    bins, names = config.model.numeric_bins, [field.name for field in data.schema.numeric_fields]
    if _is_whole(recorded, names, bins):
        taken = {name: tuple(map(float, recorded[name])) for name in names}
    else:
        data.split('train')  # raises UsageError if the data is damaged
        taken = dict(zip(names, _boundaries(data.folder / 'train' / 'numeric.npy', data.hash, bins), strict=True))
    return dataclasses.replace(
        data.schema,
        fields=tuple(
            dataclasses.replace(field, boundaries=taken[field.name]) if field.kind == NUMERIC else field
            for field in data.schema.fields
        ),
    )


def recorded_boundaries(folder: pathlib.Path, data_hash: str) -> Any:
    """Returns the quantile boundaries in run.json of a run on data of that hash, unchecked; None if there are none."""
    try:
        run = contents.read_run(folder)
    except (UsageError, OSError):  # opening the run raises it again
        return None
    return run.boundaries if run.data_hash == data_hash else None


def boundaries(schema: Schema) -> dict[str, list[float]]:
    """Returns the quantile boundaries of a schema, as run.json records them; {} if the schema has none."""
    return {field.name: list(field.boundaries) for field in schema.fields if field.boundaries}


def _is_whole(recorded: Any, names: list[str], bins: int) -> bool:
    """Whether recorded boundaries have bins + 1 numbers for each of the named fields."""
    return isinstance(recorded, dict) and all(
        isinstance(recorded.get(name), list)
        and len(recorded[name]) == bins + 1
        and all(type(number) in (int, float) for number in recorded[name])
        for name in names
    )


@functools.lru_cache(maxsize=16)
def _boundaries(path: pathlib.Path, data_hash: str, bins: int) -> tuple[tuple[float, ...], ...]:
    """Returns the boundaries of the numeric columns of a split, read one column at a time.

    `data_hash` is not read; it makes the cache tell data apart.
    """
    values = np.load(path, mmap_mode='r')
    return tuple(quantiles(np.array(values[:, column]), bins) for column in range(values.shape[1]))


def quantiles(values: np.ndarray, bins: int) -> tuple[float, ...]:
    """Returns the bins + 1 boundaries of bins of equal counts, leaving out NaN; zeros if there is no other value."""
    known = values[~np.isnan(values)]
    if not len(known):
        return (0.0,) * (bins + 1)
    return tuple(map(float, np.quantile(known, np.linspace(0, 1, bins + 1)).astype(np.float32)))
