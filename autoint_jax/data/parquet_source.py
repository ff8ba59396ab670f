"""Raw rows of Parquet files."""

import hashlib
import pathlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from typing import Any

import numpy as np
import polars as pl

from autoint_jax.data.field_plan import LabelPlan
from autoint_jax.data.in_order import in_order
from autoint_jax.data.layout import Layout
from autoint_jax.data.raw_rows import BadRow, Raw, checked
from autoint_jax.data.sources import THREADS
from autoint_jax.errors import UsageError, nearest

ROWS_AT_ONCE = 100_000


class ParquetSource:
    """Parquet files with the columns of a layout, of any type that reads as text; lists become text by `separators`."""

    def __init__(self, paths: Sequence[pathlib.Path], layout: Layout, columns: Sequence[str], separators: dict[str, str]):
        self.paths, self._layout, self._separators = tuple(paths), layout, separators
        self._kinds = {name: kind for name, kind in layout.columns if name in columns}
        self.types = {name: layout.types[name] for name in self._kinds}
        self.checksums: dict[str, str] = {}
        self.bad_beside: Sequence[BadRow] = ()
        for path in paths:
            found = parquet_schema(path)
            for name in self._kinds:
                if name not in found:
                    raise UsageError(f'{path} has no column {name!r}{nearest(name, list(found))}; it has: {", ".join(found)}')

    def size(self) -> int:
        return sum(path.stat().st_size for path in self.paths)

    def rows(self, threads: Executor, label: LabelPlan | None, use: Callable[[int, Raw], Any]) -> Iterator[tuple[Any, int]]:
        def work(item: tuple[int, pathlib.Path, int, pl.DataFrame, int]) -> tuple[Any, int]:
            number, path, first_row, frame, size = item
            typed, reasons = checked(self._as_text(frame), self._kinds, self._layout, label)
            bad = [BadRow(path, first_row + row, reason, '\t'.join(map(str, frame.row(row)))) for row, reason in reasons.items()]
            if reasons:
                typed = typed.filter(~np.isin(np.arange(typed.height), list(reasons)))
            return use(number, Raw(typed, bad)), size

        yield from in_order(threads, work, self._frames(), ahead=THREADS + 1)

    def _frames(self) -> Iterator[tuple[int, pathlib.Path, int, pl.DataFrame, int]]:
        number = 0
        for path in self.paths:
            with open(path, 'rb') as file:
                self.checksums[path.name] = hashlib.file_digest(file, 'sha256').hexdigest()
            rows = pl.scan_parquet(path).select(pl.len()).collect().item()
            row, size = 1, path.stat().st_size
            frames = pl.scan_parquet(path).select(list(self._kinds)).collect_batches(
                chunk_size=ROWS_AT_ONCE, maintain_order=True)
            for frame in frames:
                yield number, path, row, frame, size * frame.height // max(rows, 1)
                number, row = number + 1, row + frame.height

    def _as_text(self, frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(
            pl.col(name).cast(pl.List(pl.String)).list.join(self._separators.get(name, '|'))
            if isinstance(dtype, pl.List) else pl.col(name).cast(pl.String) for name, dtype in frame.schema.items())


def parquet_schema(path: pathlib.Path) -> dict[str, pl.DataType]:
    """The columns of a file. Raises UsageError where it cannot be read."""
    try:
        return pl.read_parquet_schema(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise UsageError(f'{path} cannot be read as Parquet ({str(error).splitlines()[0]})') from None
