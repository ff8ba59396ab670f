"""Parsed rows on disk while they are prepared, so that text is parsed once and columns are read one at a time."""

import errno
import pathlib
from collections.abc import Iterator

import polars as pl


class Spool:
    """Typed blocks in a folder, one uncompressed Arrow file each; about as large as the prepared data."""

    def __init__(self, folder: pathlib.Path):
        folder.mkdir()
        self._folder = folder
        self.sizes: list[int] = []

    def path(self, number: int) -> pathlib.Path:
        return self._folder / f'{number:06d}.arrow'

    def write(self, number: int, frame: pl.DataFrame) -> None:
        """Writes a block; threads may do so in any order."""
        path = self.path(number)
        try:
            frame.write_ipc(path, compression='uncompressed')
        except (OSError, pl.exceptions.PolarsError) as error:
            if 'os error 28' in str(error):  # Polars names neither the file nor the cause in a form of its own
                raise OSError(errno.ENOSPC, 'no space left', str(path)) from error
            raise

    @property
    def rows(self) -> int:
        return sum(self.sizes)

    def column(self, name: str) -> Iterator[pl.Series]:
        """A column, block by block."""
        for number in range(len(self.sizes)):
            yield self._scan(number).select(name).collect()[name]

    def frames(self) -> Iterator[pl.DataFrame]:
        for number in range(len(self.sizes)):
            yield self._scan(number).collect()

    def _scan(self, number: int) -> pl.LazyFrame:
        return pl.scan_ipc(self.path(number), glob=False, hive_partitioning=False)  # a folder's name may have brackets
