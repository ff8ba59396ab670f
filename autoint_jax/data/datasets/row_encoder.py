"""Encodes new raw rows with the vocabularies and transforms of prepared data. The rows need no labels."""

import dataclasses
import pathlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from autoint_jax import stored
from autoint_jax.data.datasets.click_logs import raw_columns
from autoint_jax.data.datasets.own_table import open_source
from autoint_jax.data.encoding.encoder import Encoder
from autoint_jax.data.encoding.fitted import Fitted
from autoint_jax.data.encoding.plan import TablePlan
from autoint_jax.data.preparation.pipeline import PLAN_FILE
from autoint_jax.data.raw.headers import names_in
from autoint_jax.data.raw.labels import labels_of
from autoint_jax.data.raw.lines import BadRow
from autoint_jax.data.raw.parquet_files import parquet_schema
from autoint_jax.data.raw.rows import Raw
from autoint_jax.data.raw.source import THREADS
from autoint_jax.data.store.columns import Columns
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.data.store.verification import AGAIN
from autoint_jax.data.text.layout import Layout
from autoint_jax.errors import UsageError


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
    """An encoder of raw files that have the same form as the files of some prepared data.

    Attributes:
      unknown: {field: number of values so far that are not in its vocabulary}.
      bad: rows so far that could not be parsed.
    """

    def __init__(self, data: PreparedData):
        """Reads the plan of `data`. Raises UsageError if the data was prepared without one, as MovieLens is."""
        path = data.folder / PLAN_FILE
        if not path.is_file():
            raise UsageError(f'{path} does not exist: raw rows cannot be encoded for {data.folder}')
        plan = stored.parsed_json(data.text_of(PLAN_FILE), str(path), mend=AGAIN)
        with stored.of_form(path, mend=AGAIN):
            self._plan, self._layout, self._form = (
                TablePlan.from_json(plan['plan']),
                Layout.from_json(plan['layout']),
                plan['form'],
            )
            self._fitted = Fitted(
                data.vocabularies(),
                {name: tuple(values) for name, values in plan['parameters'].items()},
                plan['max_values'],
            )
        # The occurrences in the training file are not known any more, so every known value has its own id.
        self._plan = _without_streaming(self._plan)
        self.unknown: dict[str, int] = {}
        self.bad: list[BadRow] = []

    def blocks(self, paths: Sequence[pathlib.Path]) -> Iterator[Columns]:
        """Yields the rows of files, block by block, in file order. `unknown` and `bad` grow meanwhile.

        Raises UsageError.
        """
        layout, column = self._layout, self._plan.label.column
        label = self._plan.label if self._has_label(paths[0]) else None
        if label is None:
            layout = layout.without(column)
        wanted = set(raw_columns(self._plan, layout)) - ({column} if label is None else set())
        source = open_source(
            self._form,
            paths,
            layout,
            [name for name, _ in layout.columns if name in wanted],
            self._plan,
            paths[0].parent,
        )
        encoder = Encoder(self._plan, self._fitted, source.types)
        self.bad = list(source.bad_beside)
        with ThreadPoolExecutor(THREADS, thread_name_prefix='encoding') as threads:
            raw: Raw
            for raw, _ in source.rows(threads, label, lambda number, raw: raw):
                ids, numeric = encoder(raw.frame, threads)
                self.unknown = dict(encoder.unknown)
                self.bad += raw.bad
                labels = labels_of(raw.frame, label) if label else np.full(len(ids), np.nan, np.float32)
                yield Columns(ids, numeric, labels)

    def _has_label(self, path: pathlib.Path) -> bool:
        """Whether a file has labels, by its header, its schema, or the number of its columns. Raises UsageError."""
        label = self._plan.label.column
        if not path.is_file():
            raise UsageError(f'{path} does not exist')
        if self._form == 'libsvm':
            return True
        if self._form == 'parquet':
            return label in parquet_schema(path)
        if self._layout.header and not self._layout.own_names:
            return label in names_in(path, self._layout)
        return len(names_in(path, self._layout)) != len(self._layout.columns) - 1


def encode_files(data: PreparedData, paths: Sequence[pathlib.Path]) -> EncodedRows:
    """Encodes all rows of some raw files at once.

    Args:
      data: prepared data with a plan.
      paths: of files with the same form as those the data was prepared from.

    Raises:
      UsageError: a file cannot be read, or the files have no row.
    """
    encoder = RowEncoder(data)
    blocks = list(encoder.blocks(paths))
    if not blocks:
        raise UsageError(f'{", ".join(map(str, paths))}: there is no row to encode')
    return EncodedRows(
        Columns(
            *map(np.concatenate, zip(*((block.ids, block.numeric, block.labels) for block in blocks), strict=True))
        ),
        encoder.unknown,
        encoder.bad,
    )


def _without_streaming(plan: TablePlan) -> TablePlan:
    """The plan with every occurrence of a known value given its own id."""
    return dataclasses.replace(plan, fields=tuple(dataclasses.replace(field, streaming=False) for field in plan.fields))
