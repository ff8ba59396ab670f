"""Reads raw rows of Parquet files."""

import contextlib
import pathlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from typing import Any

import numpy as np
import polars as pl

from autoint_jax.data.raw.cells import checked
from autoint_jax.data.raw.labels import LabelPlan
from autoint_jax.data.raw.lines import BadRow
from autoint_jax.data.raw.ordered_work import in_order
from autoint_jax.data.raw.rows import Raw, places_of
from autoint_jax.data.raw.source import THREADS
from autoint_jax.data.text.layout import Layout
from autoint_jax.data.text.tally import Tally
from autoint_jax.errors import UsageError, nearest

ROWS_AT_ONCE = 100_000
_PIECE = 1 << 20  # bytes that are read at once for the checksum
_WHOLE = 2.0**53  # up to here float64 holds all whole numbers


class ParquetSource:
    """A source of Parquet files with the columns of a layout.

    Values of any type are read by way of text. Lists and arrays of plain values are joined by the column's entry in
    `separators`. Dates and datetimes become ISO text. Bytes must be UTF-8. Booleans become 0 and 1 in numeric columns,
    and `true` and `false` in others. Floats that are whole are taken in columns of whole numbers. UsageError is raised
    if a column is missing or of another type.
    """

    def __init__(
        self, paths: Sequence[pathlib.Path], layout: Layout, columns: Sequence[str], separators: dict[str, str]
    ):
        self.paths, self._layout, self._separators = tuple(paths), layout, separators
        wanted, types = set(columns), layout.types
        self._kinds = {name: kind for name, kind in layout.columns if name in wanted}
        self.types = {name: types[name] for name in self._kinds}
        self.checksums: dict[str, str] = {}
        self.bad_beside: Sequence[BadRow] = ()
        self.tallies: list[Tally] = []
        self.unseen_missing = set(layout.missing) - {''}
        for path in paths:
            found = parquet_schema(path)
            for name in self._kinds:
                if name not in found:
                    raise UsageError(
                        f'{path} has no column {name!r}{nearest(name, list(found))}; it has: {", ".join(found)}'
                    )
                self._check(path, name, found[name])

    def _check(self, path: pathlib.Path, name: str, dtype: pl.DataType) -> None:
        """Raises UsageError if a column's type does not hold values, or holds lists for a field of another kind."""
        if not holds_values(dtype):
            raise UsageError(
                f'{path}: column {name!r} is of the type {_short(dtype)}, which is not a value of a field: write its '
                f'parts as columns of text or numbers, or lists of these'
            )
        if isinstance(dtype, (pl.List, pl.Array)) and name not in self._separators:
            raise UsageError(
                f'{path}: column {name!r} holds lists ({_short(dtype)}), so its field must have kind: multivalued'
            )

    def size(self) -> int:
        """Returns the bytes of all files together."""
        return sum(path.stat().st_size for path in self.paths)

    def rows(
        self, threads: Executor, label: LabelPlan | None, use: Callable[[int, Raw], Any]
    ) -> Iterator[tuple[Any, int]]:
        """Reads the rows block by block, as `Source.rows` says."""
        tallies = [Tally(path) for path in self.paths]

        def work(item: tuple[int, tuple[Tally, int, pl.DataFrame, int]]) -> tuple[Tally, int, int, Any, int]:
            number, (tally, first_row, frame, size) = item
            texts = self._as_text(tally.path, frame)
            typed, reasons = checked(texts, self._kinds, self._layout, label, unseen=self.unseen_missing)
            bad = [
                BadRow(tally.path, first_row + row, reason, '\t'.join(map(str, frame.row(row))))
                for row, reason in reasons.items()
            ]
            kept = ~np.isin(np.arange(typed.height), list(reasons))
            raw = Raw(typed.filter(kept), bad, places=places_of(first_row + np.flatnonzero(kept), bad))
            return tally, raw.frame.height, len(bad), use(number, raw), size

        for tally, height, bad, result, size in in_order(
            threads, work, enumerate(self._frames(tallies)), ahead=THREADS + 1
        ):
            tally.add(height, bad, bad, 0, ())
            yield result, size
        for tally in tallies:
            tally.check()
        self.tallies = tallies

    def _frames(self, tallies: Sequence[Tally]) -> Iterator[tuple[Tally, int, pl.DataFrame, int]]:
        """Yields (tally, number of the first row, rows, stored bytes) of each piece of the files."""
        for tally in tallies:
            path, first_row, size = tally.path, 1, tally.path.stat().st_size
            with open(path, 'rb') as file:
                while piece := file.read(_PIECE):
                    tally.checksum.update(piece)
            self.checksums[path.name] = tally.checksum.hexdigest()
            with _readable(path):
                tally.lines = _scan(path).select(pl.len()).collect().item()
                frames = (
                    _scan(path).select(list(self._kinds)).collect_batches(chunk_size=ROWS_AT_ONCE, maintain_order=True)
                )
            while True:
                with _readable(path):
                    frame = next(frames, None)
                if frame is None:
                    break
                yield tally, first_row, frame, size * frame.height // max(tally.lines, 1)
                first_row += frame.height

    def _as_text(self, path: pathlib.Path, frame: pl.DataFrame) -> pl.DataFrame:
        """Turns all columns of a piece into text."""
        return pl.DataFrame({name: self._texts(path, frame[name]) for name in frame.columns})

    def _texts(self, path: pathlib.Path, values: pl.Series) -> pl.Series:
        """Turns a column into text; lists are joined by the separator of its field."""
        name = values.name
        if isinstance(values.dtype, pl.Array):
            values = values.arr.to_list()
        if isinstance(values.dtype, pl.List):
            separator = self._separators[name]
            inner = _plain_texts(path, values.explode(), numbers=False)
            if (within := inner.str.contains(separator, literal=True).fill_null(False)).any():
                raise UsageError(
                    f'{path}: column {name!r} holds lists with {inner.filter(within)[0][:40]!r}, which has the '
                    f'separator {separator!r} of its field in it: declare another separator'
                )
            return values.cast(pl.List(pl.String)).list.join(separator)
        if self._kinds[name] in ('integer', 'unsigned') and values.dtype.is_float():
            return _whole_texts(values)
        return _plain_texts(path, values, numbers=self._kinds[name] == 'real')


def _plain_texts(path: pathlib.Path, values: pl.Series, *, numbers: bool) -> pl.Series:
    """Turns plain values into text; booleans become 0 and 1 if `numbers`. Raises UsageError if bytes are not UTF-8."""
    if values.dtype == pl.Boolean and numbers:
        values = values.cast(pl.Int8)
    try:
        return values.cast(pl.String)
    except pl.exceptions.PolarsError:
        raise UsageError(
            f'{path}: column {values.name!r} ({_short(values.dtype)}) holds bytes that are not UTF-8: leave '
            f'the column out, or write it as text'
        ) from None


def _whole_texts(values: pl.Series) -> pl.Series:
    """Turns numbers that should be whole into text, such as pandas holds whole numbers beside missing ones.

    7.0 becomes 7, and NaN becomes missing. Other numbers, and those beyond 2^53, whose digits a float does not hold,
    stay as they are, and make their rows bad.
    """
    values = values.cast(pl.Float64).fill_nan(None)
    whole = (values == values.floor()) & (values.abs() <= _WHOLE)
    return values.cast(pl.Int64, strict=False).cast(pl.String).zip_with(whole.fill_null(False), values.cast(pl.String))


def _scan(path: pathlib.Path) -> pl.LazyFrame:
    """Opens one file; its name is no pattern."""
    return pl.scan_parquet(path, glob=False, hive_partitioning=False)  # brackets in a name are no pattern


@contextlib.contextmanager
def _readable(path: pathlib.Path) -> Iterator[None]:
    """Turns errors of reading Parquet into UsageError."""
    try:
        yield
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise UsageError(f'{path} cannot be read as Parquet ({str(error).splitlines()[0]})') from None


def _short(dtype: pl.DataType) -> str:
    """Returns the name of a type, cut to 60 characters."""
    text = str(dtype)
    return text if len(text) <= 60 else f'{text[:57]}...'


def holds_values(dtype: pl.DataType) -> bool:
    """Returns whether a column of this type holds values of a field, or lists of them."""
    inner = dtype.inner if isinstance(dtype, (pl.List, pl.Array)) else dtype
    return not isinstance(inner, (pl.Struct, pl.Duration, pl.Object, pl.List, pl.Array))


def parquet_schema(path: pathlib.Path) -> dict[str, pl.DataType]:
    """Returns the types of a file's columns by name. Raises UsageError if the file cannot be read."""
    with _readable(path):
        return dict(_scan(path).collect_schema())
