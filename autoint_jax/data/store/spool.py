"""Parsed rows on disk during preparation, so that text is parsed once and columns can be read one at a time."""

import pathlib
from collections.abc import Iterator

import polars as pl

from autoint_jax.errors import writing


class Spool:
    """Blocks of typed rows in a folder, each an uncompressed Arrow file.

    The spool is about as large as the prepared data.

    Attributes:
      sizes: number of rows of each block, in order.
    """

    def __init__(self, folder: pathlib.Path):
        """Makes `folder`."""
        folder.mkdir()
        self._folder = folder
        self.sizes: list[int] = []

    def path(self, number: int) -> pathlib.Path:
        """The file of a block."""
        return self._folder / f'{number:06d}.arrow'

    def write(self, number: int, frame: pl.DataFrame) -> None:
        """Writes the block of that number. Threads may write blocks in any order.

        Raises OSError that names the file if the disk is full.
        """
        path = self.path(number)
        with writing(path):
            frame.write_ipc(path, compression='uncompressed')

    @property
    def rows(self) -> int:
        """Number of rows of all blocks."""
        return sum(self.sizes)

    def column(self, name: str) -> Iterator[pl.Series]:
        """Yields a raw column, block by block, in the order of the rows."""
        for number in range(len(self.sizes)):
            yield self._scan(number).select(name).collect()[name]

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yields the blocks with all columns, in the order of the rows."""
        for number in range(len(self.sizes)):
            yield self._scan(number).collect()

    def _scan(self, number: int) -> pl.LazyFrame:
        # Without these options, brackets in a folder's name would be patterns.
        return pl.scan_ipc(self.path(number), glob=False, hive_partitioning=False)
