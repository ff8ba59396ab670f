"""The rows that a report is about: a split of the prepared data, or raw rows."""

import pathlib
from collections.abc import Iterable, Sequence

import numpy as np
import polars as pl

from autoint_jax.data.datasets.row_plan import row_plan
from autoint_jax.data.encoding.value_texts import as_text
from autoint_jax.data.preparation.progress import PreparationProgress
from autoint_jax.data.store.columns import Columns
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.errors import UsageError
from autoint_jax.explain.counterfactuals import taken
from autoint_jax.explain.survey.comparison import check_same
from autoint_jax.explain.survey.request import Source, Surveyed
from autoint_jax.explain.texts import MISSING, ValueTexts
from autoint_jax.scoring.inputs import input_files
from autoint_jax.scoring.output import LABEL, LOGIT, PROBABILITY, ROW
from autoint_jax.scoring.predictor import Predictor
from autoint_jax.training.run_folder import contents
from autoint_jax.units import counted

# Columns of scores, whose names no raw column may have that is kept.
SCORES = (ROW, LABEL, LOGIT, PROBABILITY)


def check_others(surveyed: Surveyed, folders: Iterable[str | pathlib.Path]) -> None:
    """Raises UsageError if a folder holds no run that the surveyed one can be compared with. No state is read."""
    for folder in map(pathlib.Path, folders):
        if folder.resolve() == surveyed.folder.resolve():
            raise UsageError(f'{folder} is the run itself: compare it with runs of other seeds')
        check_same(surveyed, folder, contents.read_config(folder).model, contents.read_run(folder).data_hash)


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
    plan = row_plan(surveyed.run.data)
    # A column that is derived or crossed from others need not be in the file.
    raw = [field.column for field in plan.table.fields]
    there = set(plan.needed) - set(SCORES) if plan.table.derivation == 'none' else set()
    keep = [name for name in raw if name in there]
    predictor = Predictor(surveyed.run, keep, max_bad_share, surveyed.scorer)
    with input_files(name, predictor.encoder.plan) as rows:
        blocks = list(predictor.encoded(rows.paths, progress))
    progress.end(sum(len(block.columns) for block in blocks))
    if not any((~block.bad).any() for block in blocks):
        raise UsageError(f'--input={name} has no row that can be explained')
    sound = [taken(block.columns, np.flatnonzero(~block.bad)) for block in blocks]
    if predictor.bad.count:
        progress.say(
            f'{counted(predictor.bad.count, "row")} could not be parsed; the others are numbered without them. The '
            f'first: {predictor.bad.lines()[0]}'
        )
    columns = [np.concatenate([getattr(one, part) for one in sound]) for part in ('ids', 'numeric', 'labels')]
    encoded, texts = Columns(*columns), None
    if keep:
        kept = pl.concat([block.kept.filter(~block.bad) for block in blocks], how='vertical_relaxed')
        texts = RawTexts(surveyed, encoded, kept, raw)
    return Source('standard input' if name == '-' else name, encoded, texts)


class RawTexts:
    """Writes the values of a raw row as they stand in its file."""

    def __init__(self, surveyed: Surveyed, columns: Columns, kept: pl.DataFrame, raw: Sequence[str]):
        """Takes encoded rows, [n], their raw columns, and the name of the raw column of each field, [f].

        A field whose raw column is not among them is written by its encoded value.
        """
        data = surveyed.run.data
        self._encoded, self._texts = columns, ValueTexts(data.schema, data.vocabularies())
        self._kept, self._names = kept, list(raw)

    def __call__(self, row: int) -> list[str]:
        """Returns the raw value of each field in a row, [f]."""
        encoded = self._texts.row(self._encoded, row)
        return [
            self._text(self._kept[name][row : row + 1]) if name in self._kept.columns else text
            for name, text in zip(self._names, encoded, strict=True)
        ]

    @staticmethod
    def _text(value: pl.Series) -> str:
        """Returns the text of a series of one value."""
        return MISSING if value[0] is None or value[0] == '' else as_text(value)[0]
