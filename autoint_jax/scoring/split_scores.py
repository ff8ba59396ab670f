"""Scores of a split of prepared data in a file."""

import contextlib

import numpy as np
import polars as pl

from autoint_jax.data.store.columns import Columns
from autoint_jax.evaluation.measures import Measures
from autoint_jax.scoring.output import LABEL, LOGIT, ROW, Write, scores_file
from autoint_jax.training.processes import group
from autoint_jax.training.trained import TrainedRun


def write_split(run: TrainedRun, columns: Columns, measured: Measures, name: str) -> dict[str, float]:
    """Scores the rows of a split into a file with row number, label and logit, and returns {name: value} of metrics.

    All processes of a run must call it; the first one writes.

    Args:
      run: the run.
      columns: the rows.
      measured: the metrics.
      name: of the file, as `scores_file` takes it.
    """
    first, blocks = 0, []
    with contextlib.ExitStack() as stack:
        write: Write | None = None
        if group.is_first():
            write = stack.enter_context(scores_file(name, _scores(0, np.zeros(0), np.zeros(0, np.float32))))
        for logits in run.logits(columns):
            if write is not None:
                write(_scores(first, columns.labels[first : first + len(logits)], logits))
            blocks.append(logits)
            first += len(logits)
    return run.figures_of(np.concatenate(blocks), columns, measured)


def _scores(first: int, labels: np.ndarray, logits: np.ndarray) -> pl.DataFrame:
    """Returns rows from number `first` on: their numbers, labels and logits."""
    return pl.DataFrame(
        [
            pl.Series(ROW, np.arange(first, first + len(logits))),
            pl.Series(LABEL, np.asarray(labels).astype(np.int8)),
            pl.Series(LOGIT, logits),
        ]
    )
