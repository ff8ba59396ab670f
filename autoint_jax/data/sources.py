"""Raw rows of files, block by block."""

import csv
import hashlib
import pathlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from typing import Any, Protocol

import polars as pl

from autoint_jax.data.derived import NO_DERIVATION, Derivation
from autoint_jax.data.field_plan import LabelPlan
from autoint_jax.data.in_order import in_order
from autoint_jax.data.layout import Layout
from autoint_jax.data.raw_rows import BadRow, Raw, parsed
from autoint_jax.data.text_blocks import BLOCK_BYTES, Block, blocks, header_of
from autoint_jax.errors import UsageError, nearest

THREADS = 2  # of a preparation: more would hold more blocks in memory


class Source(Protocol):
    """Where raw rows come from.

    Attributes:
      paths: the files.
      types: of the raw columns, derived ones included.
      checksums: of files read whole, by name; of packed ones, those of the files they unpack to.
      bad_beside: unreadable rows of files that are joined, not counted in `rows`.
    """

    paths: tuple[pathlib.Path, ...]
    types: dict[str, pl.DataType]
    checksums: dict[str, str]
    bad_beside: Sequence[BadRow]

    def size(self) -> int:
        """Bytes of all files."""

    def rows(self, threads: Executor, label: LabelPlan | None, use: Callable[[int, Raw], Any]) -> Iterator[tuple[Any, int]]:
        """Blocks in file order, each with the bytes it stands for.

        Args:
          threads: parse.
          label: rows without an allowed label are bad; None for unlabelled files.
          use: called by the threads with the block's number and its rows; its result is what is given.
        """


class TextSource:
    """Text files of one layout, one after the other; of their columns those that are asked for, and derived ones."""

    def __init__(self, paths: Sequence[pathlib.Path], layout: Layout, columns: Sequence[str],
                 derivation: Derivation = NO_DERIVATION):
        self.paths, self.layout, self._derivation = tuple(paths), layout, derivation
        self._columns = [name for name, _ in layout.columns if name in columns]
        self.types = {name: layout.types[name] for name in self._columns} | derivation.types
        self.checksums: dict[str, str] = dict(derivation.checksums)
        self.bad_beside = derivation.bad
        for path in paths:
            if not path.is_file():
                raise UsageError(f'{path} does not exist')
            if not path.stat().st_size:
                raise UsageError(f'{path} is empty')
            if layout.header:
                check_header(path, layout)

    def size(self) -> int:
        return sum(path.stat().st_size for path in self.paths)

    def rows(self, threads: Executor, label: LabelPlan | None, use: Callable[[int, Raw], Any]) -> Iterator[tuple[Any, int]]:
        def work(numbered: tuple[int, Block]) -> tuple[Any, int]:
            number, block = numbered
            raw = self.parse(block, label)
            return use(number, raw._replace(frame=self._derivation.derive(raw.frame))), block.size

        yield from in_order(threads, work, enumerate(self._blocks()), ahead=THREADS + 1)

    def parse(self, block: Block, label: LabelPlan | None) -> Raw:
        return parsed(block, self.layout, self._columns, label)

    def _blocks(self) -> Iterator[Block]:
        for path in self.paths:
            checksum = hashlib.sha256()
            yield from blocks(path, header=self.layout.header, quote=self.layout.quote, checksum=checksum,
                              block_bytes=BLOCK_BYTES)
            self.checksums[path.name.removesuffix('.gz')] = checksum.hexdigest()


def names_in(path: pathlib.Path, layout: Layout) -> list[str]:
    """Column names in a file's header."""
    line = header_of(path).decode(errors='replace')
    return [name.strip() for name in next(csv.reader([line], delimiter=layout.separator, quotechar=layout.quote or '"'))]


def check_header(path: pathlib.Path, layout: Layout) -> None:
    """Raises UsageError where a file's header does not have the layout's columns in their order."""
    found, wanted = names_in(path, layout), [name for name, _ in layout.columns]
    for name in wanted:
        if name not in found:
            raise UsageError(f'{path} has no column {name!r}{nearest(name, found)}; it has: {", ".join(found)}')
    if found != wanted:
        extra = [name for name in found if name not in wanted]
        raise UsageError(f'{path} has ' + (f'a column {extra[0]!r} too many' if extra else 'its columns in another order')
                         + f': they must be {", ".join(wanted)}')
