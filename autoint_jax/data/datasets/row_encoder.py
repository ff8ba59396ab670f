"""Encodes new raw rows with the vocabularies and transforms of prepared data. The rows need no labels."""

import pathlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import polars as pl

from autoint_jax import stored
from autoint_jax.data.datasets.row_files import NewFile, open_file
from autoint_jax.data.datasets.row_plan import RowPlan, row_plan
from autoint_jax.data.encoding.encoder import Encoder
from autoint_jax.data.encoding.unknown_values import VALUES_KEY
from autoint_jax.data.encoding.unseen_values import UnseenValues
from autoint_jax.data.raw.labels import labels_of
from autoint_jax.data.raw.lines import BadRow
from autoint_jax.data.raw.rows import Raw
from autoint_jax.data.raw.source import THREADS
from autoint_jax.data.store.columns import Columns
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.errors import UsageError
from autoint_jax.schema import NUMERIC


class EncodedBlock(NamedTuple):
    """Successive raw rows, encoded, bad ones among them.

    Attributes:
      columns: the rows, in file order, without weights; labels are NaN where there is none, or none that is allowed. A
        bad row has id 0 in every slot, and no number.
      bad: the rows that could not be parsed, bool [n].
      kept: the columns that were asked for, [n]; null in bad rows.
      found: the bad rows.
      size: bytes of the file that the block took.
    """

    columns: Columns
    bad: np.ndarray
    kept: pl.DataFrame
    found: list[BadRow]
    size: int


class EncodedRows(NamedTuple):
    """Raw rows, encoded.

    Attributes:
      columns: the rows, in file order; labels are NaN if the files have none.
      unknown: {field: number of values that are not in its vocabulary}.
      bad: rows that could not be parsed; they are left out.
    """

    columns: Columns
    unknown: dict[str, int]
    bad: list[BadRow]


class RowEncoder:
    """An encoder of raw files, by the plan of some prepared data.

    Attributes:
      plan: the plan.
      unseen: counts the values so far that are in no vocabulary.
      unknown: {field: number of values so far that are not in its vocabulary}.
      usual: {field: share of the training values that are not in its vocabulary}; {} if that was not recorded.
    """

    def __init__(self, data: PreparedData):
        """Reads the plan of `data`. Raises UsageError if the data was made without one."""
        self.plan: RowPlan = row_plan(data)
        names = [field.name for field in self.plan.table.fields if field.kind != NUMERIC]
        self.unseen, self.unknown = UnseenValues(names), dict.fromkeys(names, 0)
        with stored.of_form(data.folder / 'manifest.json', mend=data.mend):
            self.usual = {
                name: of_split['train']['unknown'] / max(of_split['train']['values'], 1)
                for name, of_split in data.preparation.get(VALUES_KEY, {}).items()
            }

    def blocks(self, file: NewFile, keep: Sequence[str] = ()) -> Iterator[EncodedBlock]:
        """Yields the rows of a file, block by block, in file order. `unseen` and `unknown` grow meanwhile.

        Args:
          file: as `open_file` opened it.
          keep: the columns for `EncodedBlock.kept`.

        Raises:
          UsageError: the file cannot be read, or a number is too large.
        """
        encoder = Encoder(self.plan.table, self.plan.fitted, file.source.types, self.unseen)
        before = dict(self.unknown)
        with ThreadPoolExecutor(THREADS, thread_name_prefix='encoding') as threads:
            raw: Raw
            for raw, size in file.source.rows(threads, None, lambda number, raw: raw):
                ids, numeric = encoder(raw.frame, threads)
                self.unknown = {name: before[name] + count for name, count in encoder.unknown.items()}
                labels = self._labels(raw.frame, file.labelled)
                columns = Columns(ids, numeric, labels, soft_labels=self._soft_labels(raw.frame, labels))
                yield _with_bad_rows(columns, raw, raw.frame.select(keep), size)

    def _labels(self, frame: pl.DataFrame, labelled: bool) -> np.ndarray:
        """Returns the labels of rows, float32 [n]; NaN where a row has none that is allowed."""
        label = self.plan.table.label
        if not labelled:
            return np.full(frame.height, np.nan, np.float32)
        if label.above is not None:
            frame = frame.with_columns(pl.col(label.column).cast(pl.Float64, strict=False))
        return labels_of(frame, label)

    def _soft_labels(self, frame: pl.DataFrame, labels: np.ndarray) -> np.ndarray | None:
        """Returns the soft labels of rows, float32 [n], NaN where `labels` are; None if labels are not soft."""
        label = self.plan.table.label
        if not label.soft:
            return None
        if np.isnan(labels).all():
            return labels
        numbers = frame[label.column].cast(pl.Float32, strict=False).fill_null(np.nan).to_numpy()
        return np.where(np.isnan(labels), labels, numbers)


def _with_bad_rows(columns: Columns, raw: Raw, kept: pl.DataFrame, size: int) -> EncodedBlock:
    """Returns a block in which bad rows have their places among the others."""
    rows = len(columns) + len(raw.bad)
    if raw.places is None:
        return EncodedBlock(columns, np.zeros(rows, bool), kept, [], size)
    bad = np.ones(rows, bool)
    bad[raw.places] = False
    ids = np.zeros((rows, columns.ids.shape[1]), np.int32)
    numeric, labels = np.full((rows, columns.numeric.shape[1]), np.nan, np.float32), np.full(rows, np.nan, np.float32)
    ids[raw.places], numeric[raw.places], labels[raw.places] = columns.ids, columns.numeric, columns.labels
    soft_labels = None
    if columns.soft_labels is not None:
        soft_labels = np.full(rows, np.nan, np.float32)
        soft_labels[raw.places] = columns.soft_labels
    place = np.cumsum(~bad) - 1
    spread = Columns(ids, numeric, labels, soft_labels=soft_labels)
    return EncodedBlock(spread, bad, _spread(kept, bad, place), raw.bad, size)


def _spread(kept: pl.DataFrame, bad: np.ndarray, place: np.ndarray) -> pl.DataFrame:
    """Returns rows with a row of nulls at every bad row; `place` is the number of the row so far, int [n]."""
    if not kept.width:
        return kept
    if not kept.height:
        return pl.DataFrame({name: [None] * len(bad) for name in kept.columns}, kept.schema)
    spread = kept[np.maximum(place, 0)]
    return spread.select(column.set(pl.Series(bad), None) for column in spread.iter_columns())


def encode_files(data: PreparedData, paths: Sequence[pathlib.Path]) -> EncodedRows:
    """Encodes all rows of some raw files at once.

    Args:
      data: prepared data with a plan.
      paths: of the files.

    Raises:
      UsageError: a file cannot be read, or the files have no row.
    """
    encoder = RowEncoder(data)
    files = [file for path in paths if (file := open_file(encoder.plan, path)) is not None]
    bad = [row for file in files for row in file.source.bad_beside]
    blocks = []
    for block in (block for file in files for block in encoder.blocks(file)):
        bad += block.found
        columns = block.columns
        blocks.append([column[~block.bad] for column in (columns.ids, columns.numeric, columns.labels)])
    if not blocks:
        raise UsageError(f'{", ".join(map(str, paths))}: there is no row to encode')
    return EncodedRows(Columns(*map(np.concatenate, zip(*blocks, strict=True))), encoder.unknown, bad)
