"""Scores raw rows of any number, in bounded memory and in their order."""

import collections
import pathlib
from collections.abc import Iterable, Iterator, Sequence

import jax
import numpy as np
import polars as pl

from autoint_jax.data.datasets.row_encoder import EncodedBlock, RowEncoder
from autoint_jax.data.datasets.row_files import NewFile, open_file
from autoint_jax.data.preparation.progress import PreparationProgress
from autoint_jax.data.raw.bad_rows import BadRows
from autoint_jax.data.store.columns import Columns
from autoint_jax.errors import UsageError
from autoint_jax.scoring.figures import RunningFigures
from autoint_jax.scoring.output import LABEL, LOGIT, PROBABILITY, ROW
from autoint_jax.terminal import shown
from autoint_jax.training.step import placement
from autoint_jax.training.step.scoring import BlockScorer
from autoint_jax.training.trained import TrainedRun
from autoint_jax.units import counted

AHEAD = 2  # chunks whose scores are not waited for
_SHOWN = 8  # surplus columns that are named


class Predictor:
    """Scores raw files by a trained run.

    Attributes:
      rows: number of rows so far, bad ones among them.
      figures: AUC and logloss of the rows so far that have a label.
      bad: the rows so far that could not be parsed.
      encoder: encodes the rows; it counts the values that the run does not know.
      labelled: whether a file so far has a column of labels.
    """

    def __init__(self, run: TrainedRun, keep: Sequence[str], max_bad_share: float, scorer: BlockScorer | None = None):
        """Takes a run, names of raw columns to keep, and the share of the rows that may be unreadable.

        A scorer of the run that has scored rows before need not be compiled again.

        Raises UsageError if raw rows cannot be encoded for the run, or a kept column has the name of another column.
        """
        self._run, self._scorer, self._keep = run, scorer or scorer_of(run), tuple(dict.fromkeys(keep))
        for name in self._keep:
            if name in (ROW, LABEL, LOGIT, PROBABILITY):
                raise UsageError(f'--keep={name} has the name of a column of the scores: rename it in the input')
        self.encoder, self.figures, self.bad = RowEncoder(run.data), RunningFigures(), BadRows(None, max_bad_share)
        self.rows, self._types, self.labelled = 0, self.empty().schema, False

    def empty(self) -> pl.DataFrame:
        """Returns a table of scores without rows. Kept columns are of the type in which they are read."""
        types = self.encoder.plan.layout.types
        kept = {name: types.get(name, pl.String()) for name in self._keep}
        if (label := self.encoder.plan.table.label.column) in kept:
            kept[label] = pl.String()
        return pl.DataFrame(
            schema={ROW: pl.Int64(), **kept, LABEL: pl.Int8(), LOGIT: pl.Float32(), PROBABILITY: pl.Float32()}
        )

    def scores(self, paths: Iterable[pathlib.Path], progress: PreparationProgress) -> Iterator[pl.DataFrame]:
        """Yields the scores of all rows, in their order: the columns of `empty`. A bad row has none.

        Args:
          paths: of the files; all are opened before the first row is scored.
          progress: is told how far it is, and of columns that the run does not know.

        Raises:
          UsageError: a file cannot be read or lacks a column, or too many rows are bad, or all.
        """
        files = self._opened(paths, progress)
        label = self.encoder.plan.table.label.column
        self.labelled = any(file.labelled for file in files)
        if files and not self.labelled:
            progress.say(f'the rows have no label ({label!r}), so AUC and logloss are not computed')
        waiting: collections.deque[tuple[EncodedBlock, list[jax.Array]]] = collections.deque()
        state = self._run.state
        for chunk in _chunks(self._encoded(files, progress), self._scorer.rows):
            waiting.append((chunk, list(self._scorer(state.variables, state.tables, chunk.columns))))
            if len(waiting) > AHEAD:
                yield self._scored(*waiting.popleft())
        while waiting:
            yield self._scored(*waiting.popleft())

    def without_label(self) -> str:
        """Returns a sentence about the rows so far that have no label although a file has the column; '' if none."""
        count = self.rows - self.bad.count - self.figures.rows
        if not self.labelled or not count:
            return ''
        label = self.encoder.plan.table.label.column
        left_out = counted(count, 'row')
        return f'the figures leave out {left_out} without a label ({label!r}), or with one that is not allowed'

    def encoded(self, paths: Iterable[pathlib.Path], progress: PreparationProgress) -> Iterator[EncodedBlock]:
        """Yields all rows, in their order, encoded and not scored. Arguments and errors are those of `scores`."""
        yield from self._encoded(self._opened(paths, progress), progress)

    def _opened(self, paths: Iterable[pathlib.Path], progress: PreparationProgress) -> list[NewFile]:
        """Opens all files, and says which of their columns are not read."""
        files = [file for path in paths if (file := open_file(self.encoder.plan, path, self._keep)) is not None]
        self._tell_surplus(files, progress)
        return files

    def _encoded(self, files: Sequence[NewFile], progress: PreparationProgress) -> Iterator[EncodedBlock]:
        """Yields the rows of all files, encoded. Raises UsageError if too many are bad, or all."""
        total, read, rows = sum(file.source.size() for file in files), 0, 0
        progress.begin('scoring', total)
        for file in files:
            for block in self.encoder.blocks(file, self._keep):
                self.bad.add(block.found)
                read, rows = read + block.size, rows + len(block.columns)
                if read:  # the number of all rows is estimated, so that bad rows at the beginning weigh no more
                    self.bad.check(rows * total / read, estimated=read < total)
                progress.advance(block.size, rows)
                yield block
        self.bad.check(rows)
        if rows and self.bad.count == rows:
            raise UsageError(f'no row of the input could be parsed; the first: {self.bad.lines()[0]}')

    def _scored(self, chunk: EncodedBlock, blocks: list[jax.Array]) -> pl.DataFrame:
        """Returns the scores of some rows, after waiting for them."""
        logits = np.concatenate([np.asarray(block) for block in blocks])
        labels, soft_labels, good = chunk.columns.labels, chunk.columns.soft_labels, ~chunk.bad
        self.figures.add(logits[good], labels[good], None if soft_labels is None else soft_labels[good])
        bad = pl.Series(chunk.bad)
        scores = [
            pl.Series(ROW, np.arange(self.rows, self.rows + len(logits))),
            *(column.cast(self._types[column.name]) for column in chunk.kept.iter_columns()),
            pl.Series(LABEL, labels).fill_nan(None).cast(pl.Int8),
            pl.Series(LOGIT, logits).set(bad, None),
            pl.Series(PROBABILITY, probabilities(logits)).set(bad, None),
        ]
        self.rows += len(logits)
        return pl.DataFrame(scores)

    def _tell_surplus(self, files: Sequence[NewFile], progress: PreparationProgress) -> None:
        """Says once which columns of the files the run does not know."""
        surplus = list(dict.fromkeys(name for file in files for name in file.surplus))
        if surplus:
            named = ', '.join(repr(shown(name)[:40]) for name in surplus[:_SHOWN])
            more = f' and {len(surplus) - _SHOWN} more' if len(surplus) > _SHOWN else ''
            progress.say(f'columns that the run does not know are not read: {named}{more}')


def scorer_of(run: TrainedRun) -> BlockScorer:
    """Returns what scores blocks of rows of a run. Raises UsageError if several processes share the devices."""
    mesh = placement.reading_mesh(run.setup.config.mesh)
    if placement.is_shared(mesh):
        raise UsageError('new rows are scored by one process: start it alone')
    return BlockScorer(run.setup, mesh)


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Logits float32 [n] -> probabilities float32 [n], 1 / (1 + exp(-logit)), computed in float64."""
    return np.exp(-np.logaddexp(0.0, -logits.astype(np.float64))).astype(np.float32)


def _chunks(blocks: Iterable[EncodedBlock], rows: int) -> Iterator[EncodedBlock]:
    """Yields the same rows in chunks of a multiple of `rows` rows; the last one may have any number."""
    waiting: list[EncodedBlock] = []
    count = 0
    for block in blocks:
        waiting.append(block)
        count += len(block.columns)
        if count >= rows:
            joined, whole = _joined(waiting), count // rows * rows
            yield _part(joined, slice(whole))
            waiting, count = [_part(joined, slice(whole, None))], count - whole
    if count:
        yield _joined(waiting)


def _joined(blocks: Sequence[EncodedBlock]) -> EncodedBlock:
    """Joins successive blocks."""
    columns = [block.columns for block in blocks]
    names = ['ids', 'numeric', 'labels', *(['soft_labels'] if columns[0].soft_labels is not None else [])]
    return EncodedBlock(
        Columns(**{name: np.concatenate([getattr(own, name) for own in columns]) for name in names}),
        np.concatenate([block.bad for block in blocks]),
        pl.concat([block.kept for block in blocks]) if blocks[0].kept.width else blocks[0].kept,
        [],
        0,
    )


def _part(block: EncodedBlock, rows: slice) -> EncodedBlock:
    """Returns some rows of a block."""
    return EncodedBlock(block.columns.part(rows), block.bad[rows], block.kept[rows], [], 0)
