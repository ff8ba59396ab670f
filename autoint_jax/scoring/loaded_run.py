"""A trained run as Python programs use it: `autoint_jax.load`."""

import pathlib
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from autoint_jax.data.preparation.progress import SilentPreparation
from autoint_jax.errors import UsageError
from autoint_jax.scoring.inputs import input_files
from autoint_jax.scoring.predictor import Predictor, scorer_of
from autoint_jax.training.trained import open_run, open_scorer


class LoadedRun:
    """A trained run that scores rows and splits."""

    def __init__(self, run_dir: str | pathlib.Path, data_dir: str | pathlib.Path, step: int | None):
        """Opens a run, as `autoint_jax.load` says."""
        self._folder, self._data_dir, self._step = pathlib.Path(run_dir), str(data_dir), step
        self._run = open_scorer(self._folder, self._data_dir, step)
        self._scorer = scorer_of(self._run)

    def predict(self, rows: Any, *, keep: Sequence[str] = (), max_bad_share: float = 0.001) -> pl.DataFrame:
        """Returns the scores of raw rows, in their order.

        Args:
          rows: a Polars or pandas frame or a list of dictionaries, with the columns of the training files; or the path
            of a file or folder, as `scripts/predict.py --input` takes it.
          keep: columns of the rows that the scores have, too.
          max_bad_share: share of the rows that may be unreadable; up to two such rows are allowed unless it is 0.

        Returns:
          A frame with the columns row, those of `keep`, label, logit and probability. The last two are null in a row
          that could not be parsed.

        Raises:
          UsageError: a column is lacking, or too many rows cannot be parsed.
        """
        predictor = Predictor(self._run, keep, max_bad_share, self._scorer)
        with tempfile.TemporaryDirectory(prefix='autoint_jax-') as folder:
            if not isinstance(rows, str | pathlib.Path):
                path = pathlib.Path(folder) / 'rows.parquet'
                _frame(rows).write_parquet(path)
                rows = path
            with input_files(str(rows), predictor.encoder.plan) as files:
                return pl.concat([predictor.empty(), *predictor.scores(files.paths, SilentPreparation())])

    def evaluate(self, split: str) -> dict[str, float]:
        """Returns {name: value} of the run's metrics on a split of its prepared data.

        Raises UsageError if the prepared data is missing or has another hash, or if there is no such split.
        """
        run = open_run(self._folder, self._data_dir, self._step)
        return run.figures(run.data.split(split))


def _frame(rows: Any) -> pl.DataFrame:
    """Returns rows as a frame of Polars. Raises UsageError if they are of another kind than `predict` takes."""
    if isinstance(rows, pl.DataFrame):
        return rows
    if hasattr(rows, 'notna'):  # pandas, where missing values are NaN in columns of any type
        rows = rows.astype(object).where(rows.notna(), None).to_dict('records')
    if isinstance(rows, Sequence) and rows and all(isinstance(row, Mapping) for row in rows):
        return pl.from_dicts(rows, infer_schema_length=None)
    raise UsageError(
        f'rows of type {type(rows).__name__} cannot be scored: pass a frame of Polars or pandas, a list of '
        'dictionaries that is not empty, or the path of a file'
    )
