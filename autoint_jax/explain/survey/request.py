"""What a survey is asked for: a run, its rows, and how many of them each part may take."""

import pathlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from autoint_jax.data.store.columns import Columns
from autoint_jax.training.step.scoring import BlockScorer
from autoint_jax.training.trained import TrainedRun

# About so many scores are computed for the pairs of fields, and parts of it for the rest; rows are drawn accordingly.
MOST_SCORES = 1_000_000


class Source(NamedTuple):
    """Rows of a split, or raw rows that were encoded.

    Attributes:
      name: name of the split, or of the file.
      columns: the rows; labels are NaN where there is none.
      texts: number of a row -> the raw value of each field as text, [f]; None to write the encoded values.
      training: the training split, from which values are known to be rare; None if it is not there.
    """

    name: str
    columns: Columns
    texts: Callable[[int], list[str]] | None = None
    training: Columns | None = None


class Choice(NamedTuple):
    """What a survey is about.

    Attributes:
      where: conditions on rows, FIELD=VALUE each; all must hold.
      rows: numbers of single rows of the source that are shown in any case.
      shown_rows: number of single rows that are shown; others than `rows` are drawn.
      segment_by: fields whose values are segments; () for some fields of few values.
      group_by: the field whose values group rows for the AUC by group; '' for none.
      most_rows: the most rows that interventions explain.
      attention_rows: the most rows over which attention is averaged.
      scores: about the most scores for the pairs of fields by interventions; other parts take a half or a quarter.
      seed: of all draws.
    """

    where: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()
    shown_rows: int = 200
    segment_by: tuple[str, ...] = ()
    group_by: str = ''
    most_rows: int = 10_000
    attention_rows: int = 100_000
    scores: int = MOST_SCORES
    seed: int = 0


class Surveyed(NamedTuple):
    """A run that is surveyed.

    Attributes:
      folder: its folder.
      run: the run.
      scorer: scores rows of it.
    """

    folder: pathlib.Path
    run: TrainedRun
    scorer: BlockScorer


def rows_for(scores: int, of_row: int, least: int, most: int) -> int:
    """Returns for how many rows about `scores` scores suffice, if each needs `of_row`; within `least` and `most`."""
    return min(max(scores // max(of_row, 1), least), most)


def drawn(numbers: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Returns at most `most` of some row numbers, int [n], in their order."""
    if len(numbers) <= most:
        return numbers
    return np.sort(np.random.default_rng((2016, seed)).choice(numbers, most, replace=False))
