"""The rows that a report is about: a split of the prepared data, or raw rows."""

import numpy as np

from autoint_jax.data.preparation.progress import PreparationProgress
from autoint_jax.data.store.columns import Columns
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.errors import UsageError
from autoint_jax.explain.counterfactuals import taken
from autoint_jax.explain.survey.request import Source, Surveyed
from autoint_jax.scoring.inputs import input_files
from autoint_jax.scoring.predictor import Predictor


def split_source(data: PreparedData, split: str) -> Source:
    """Returns a split as the rows of a report.

    Raises:
      UsageError: there is no such split, or it has no rows.
    """
    columns = data.split(split)
    if not len(columns):
        raise UsageError(f'the {split} split of {data.folder} has no rows: choose another --split')
    return Source(split, columns, training=data.split('train'))


def input_source(surveyed: Surveyed, name: str, max_bad_share: float, progress: PreparationProgress) -> Source:
    """Returns raw rows, encoded as those of the training were; rows that cannot be parsed are left out.

    Args:
      surveyed: the run.
      name: a file, a folder, or '-' for standard input, as `input_files` reads it.
      max_bad_share: share of the rows that may be unreadable.
      progress: is told of the reading.

    Raises:
      UsageError: there is no such file, a column is lacking, too many rows are bad, or no row is left.
    """
    predictor = Predictor(surveyed.run, (), max_bad_share, surveyed.scorer)
    with input_files(name, predictor.encoder.plan) as rows:
        blocks = list(predictor.encoded(rows.paths, progress))
    progress.end(sum(len(block.columns) for block in blocks))
    if not any((~block.bad).any() for block in blocks):
        raise UsageError(f'--input={name} has no row that can be explained')
    sound = [taken(block.columns, np.flatnonzero(~block.bad)) for block in blocks]
    if predictor.bad.count:
        progress.say(
            f'{predictor.bad.count:,} rows could not be parsed; the others are numbered without them. The first: '
            f'{predictor.bad.lines()[0]}'
        )
    columns = [np.concatenate([getattr(one, part) for one in sound]) for part in ('ids', 'numeric', 'labels')]
    return Source('standard input' if name == '-' else name, Columns(*columns))
