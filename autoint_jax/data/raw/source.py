"""The source of raw rows: the form that text, Parquet and libsvm files share."""

import pathlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from typing import Any, Protocol

import polars as pl

from autoint_jax.data.raw.labels import LabelPlan
from autoint_jax.data.raw.lines import BadRow
from autoint_jax.data.raw.rows import Raw
from autoint_jax.data.text.tally import Tally

THREADS = 2  # of a preparation: more would hold more blocks in memory


class Source(Protocol):
    """Where raw rows come from.

    Attributes:
      paths: the files.
      types: of the raw columns, derived ones included.
      checksums: of files read whole, by name; of packed ones, those of the files they unpack to.
      bad_beside: unreadable rows of files that are joined, not counted in `rows`.
      tallies: of the files read whole, what became of their lines; of files that are joined, too.
      unseen_missing: values that mean missing, but have not occurred in the rows that are read.
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
        """Bytes of all files."""

    def rows(
        self, threads: Executor, label: LabelPlan | None, use: Callable[[int, Raw], Any]
    ) -> Iterator[tuple[Any, int]]:
        """Blocks in file order, each with the bytes it stands for.

        Args:
          threads: parse.
          label: rows without an allowed label are bad; None for unlabelled files.
          use: called by the threads with the block's number and its rows; its result is what is given.
        """
