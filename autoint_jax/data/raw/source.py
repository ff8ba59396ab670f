"""The interface that text, Parquet and libsvm files share as sources of raw rows."""

import pathlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from typing import Any, Protocol

import polars as pl

from autoint_jax.data.raw.labels import LabelPlan
from autoint_jax.data.raw.lines import BadRow
from autoint_jax.data.raw.rows import Raw
from autoint_jax.data.text.tally import Tally

THREADS = 2  # of a preparation; more threads would hold more blocks in memory


class Source(Protocol):
    """A source reads raw rows from files.

    Attributes:
      paths: the files.
      types: types of the raw columns, with those of derived columns.
      checksums: SHA-256 of the files that were read to their end, by unpacked name; that of a packed file is of its
        unpacked bytes.
      bad_beside: bad rows of joined files; `rows` does not yield them.
      tallies: counts of the files that were read to their end, with those of joined files.
      unseen_missing: values that mean missing and have not occurred in the rows so far.
    """

    paths: tuple[pathlib.Path, ...]
    types: dict[str, pl.DataType]
    bad_beside: Sequence[BadRow]

    @property
    def checksums(self) -> dict[str, str]: ...

    @property
    def tallies(self) -> list[Tally]: ...

    @property
    def unseen_missing(self) -> set[str]: ...

    def size(self) -> int:
        """Returns the bytes of all files together, as stored."""
        ...

    def rows(
        self, threads: Executor, label: LabelPlan | None, use: Callable[[int, Raw], Any]
    ) -> Iterator[tuple[Any, int]]:
        """Reads the rows block by block, in the order of the files.

        Args:
          threads: the threads that parse.
          label: the rule of the label; rows without an allowed label are bad. None if the files have no labels.
          use: called in the threads with the number of a block, from 0, and its rows.

        Yields (result of `use`, number of stored bytes of the block). Raises UsageError if a file cannot be read, or if
        the counts of its lines do not add up.
        """
        ...
