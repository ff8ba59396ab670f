"""Takes or makes the golden rows of a run, encodes them as any raw rows, and scores them."""

import math
import pathlib
import tempfile
from typing import Any

import numpy as np
import polars as pl

from autoint_jax.bundle.golden import Golden
from autoint_jax.data.datasets.row_encoder import RowEncoder
from autoint_jax.data.datasets.row_files import open_file
from autoint_jax.data.store.columns import Columns
from autoint_jax.errors import UsageError, writing
from autoint_jax.export.made_rows import ROWS, made_rows
from autoint_jax.export.raw_inputs import raw_inputs
from autoint_jax.export.scored_function import ScoringFunction, Weights, exported_logits
from autoint_jax.training.trained import TrainedRun

# By how much of a logit programs may differ: they sum in another order. Models that compute in bfloat16 round to 3
# digits.
TOLERANCE, HALF_TOLERANCE = 1e-5, 0.05
# Of rounding in float32: how often it is drawn, and how much more than the largest that was drawn is allowed.
DRAWS, TIMES = 8, 4
_TYPES: dict[str, pl.DataType] = {'integer': pl.Int64(), 'unsigned': pl.UInt64(), 'real': pl.Float64()}


def golden_rows(run: TrainedRun, function: ScoringFunction, weights: Weights, path: pathlib.Path | None) -> Golden:
    """Returns the golden rows of a run.

    Args:
      run: the run.
      function: its scoring function.
      weights: of the function.
      path: of a raw file whose first rows are taken; None for rows that are made from what the run knows.

    Raises:
      UsageError: the raw file cannot be read, or has no row.
    """
    encoder = RowEncoder(run.data)
    if path is None:
        kinds, rows = dict(encoder.plan.layout.columns), made_rows(encoder.plan)
        types = {name: _TYPES.get(kinds.get(name, 'integer'), pl.String()) for name in rows[0]}
        with tempfile.TemporaryDirectory(prefix='autoint_jax-') as folder:
            path = pathlib.Path(folder) / 'made_rows.parquet'
            with writing(path):
                pl.DataFrame(rows, types).write_parquet(path)
            raw, columns = _encoded(encoder, path)
    else:
        raw, columns = _encoded(encoder, path)
    logits = np.concatenate(list(run.logits(columns)))
    exported = exported_logits(function, weights, columns.ids, columns.numeric)
    model = run.setup.config.model
    tolerance = HALF_TOLERANCE if model.compute_dtype == 'bfloat16' else TOLERANCE
    if columns.numeric.size and model.numeric_encoding != 'buckets':  # which jumps at boundaries
        tolerance = max(tolerance, TIMES * _rounding(function, weights, columns, exported))
    return Golden(
        rows=tuple(raw),
        ids=tuple(map(tuple, columns.ids.tolist())),
        numeric=tuple(tuple(None if math.isnan(x) else x for x in row) for row in columns.numeric.tolist()),
        logits=tuple(logits.tolist()),
        exported_logits=tuple(exported.tolist()),
        tolerance=tolerance,
    )


def _rounding(function: ScoringFunction, weights: Weights, columns: Columns, logits: np.ndarray) -> float:
    """Returns how exact logits are in float32: the largest change of one, as a share of it, or of 1 if it is smaller.

    All numbers of the rows are moved by the last bit, up or down at random, so that everything that is computed from
    them is rounded in another way. The change is large where large numbers cancel, as those that no transform scales do
    in the products of a factorization machine.
    """
    ways = np.random.default_rng(0).choice(np.array([-np.inf, np.inf], np.float32), (DRAWS, *columns.numeric.shape))
    moved = np.nextafter(columns.numeric, ways).reshape(-1, columns.numeric.shape[1])
    found = exported_logits(function, weights, np.tile(columns.ids, (DRAWS, 1)), moved).reshape(DRAWS, -1)
    return float((np.abs(found - logits) / np.maximum(1, np.abs(logits))).max())


def _encoded(encoder: RowEncoder, path: pathlib.Path) -> tuple[list[dict[str, Any]], Columns]:
    """Returns the first rows of a raw file that can be parsed: their raw values, and ids and numbers."""
    names = [column.name for column in raw_inputs(encoder.plan)]
    file = open_file(encoder.plan, path, names)
    block = None if file is None else next(iter(encoder.blocks(file, names)), None)
    if block is None or block.bad.all():
        raise UsageError(f'{path} has no row that can be parsed, and golden rows are needed: name another --golden')
    good = np.flatnonzero(~block.bad)[:ROWS]
    columns = Columns(*(column[good] for column in (block.columns.ids, block.columns.numeric, block.columns.labels)))
    return [{name: _plain(block.kept[name], int(row)) for name in names} for row in good], columns


def _plain(values: pl.Series, row: int) -> Any:
    """Returns a raw value as JSON can hold it: eight digits for a hexadecimal number, None for a missing value."""
    value = values[row]
    if value is None or value == '' or (isinstance(value, float) and math.isnan(value)):
        return None
    return f'{value:08x}' if values.dtype == pl.UInt32 else value
