"""Raw rows of files, block by block."""

import pathlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from typing import Any, Protocol

import polars as pl

from autoint_jax.data.raw.derived import NO_DERIVATION, Derivation
from autoint_jax.data.raw.labels import LabelPlan
from autoint_jax.data.raw.rows import BadRow, Raw, parsed, sound_rows
from autoint_jax.data.text.blocks import BLOCK_BYTES, Block, blocks
from autoint_jax.data.text.first_rows import first_rows
from autoint_jax.data.text.in_order import in_order
from autoint_jax.data.text.layout import Layout
from autoint_jax.data.text.packed import unpacked_name
from autoint_jax.data.text.tally import Tally
from autoint_jax.errors import UsageError, nearest

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


class TextSource:
    """Text files of one layout, one after the other; of their columns those that are asked for, and derived ones."""

    def __init__(
        self,
        paths: Sequence[pathlib.Path],
        layout: Layout,
        columns: Sequence[str],
        derivation: Derivation = NO_DERIVATION,
    ):
        self.paths, self.layout, self._derivation = tuple(paths), layout, derivation
        wanted, types = set(columns), layout.types
        self._columns = [name for name, _ in layout.columns if name in wanted]
        self.types = {name: types[name] for name in self._columns} | derivation.types
        self.checksums: dict[str, str] = dict(derivation.checksums)
        self.bad_beside = derivation.bad
        self.tallies: list[Tally] = []
        self.unseen_missing = set(layout.missing) - {''}
        for path in paths:
            if not path.is_file():
                raise UsageError(f'{path} is a folder' if path.is_dir() else f'{path} does not exist')
            if not path.stat().st_size:
                raise UsageError(f'{path} is empty')
            if layout.own_names:
                _check_headers_alike(path, paths[0], layout)
            elif layout.header:
                check_header(path, layout)

    def size(self) -> int:
        return sum(path.stat().st_size for path in self.paths)

    def rows(
        self, threads: Executor, label: LabelPlan | None, use: Callable[[int, Raw], Any]
    ) -> Iterator[tuple[Any, int]]:
        """Raises UsageError also where rows read and bad rows are not all lines of a file."""
        tallies = [Tally(path) for path in self.paths]

        def work(numbered: tuple[int, tuple[Tally, Block]]) -> tuple[Tally, Raw, Any, int]:
            number, (tally, block) = numbered
            raw = self.parse(block, label)
            account = raw._replace(frame=raw.frame.select(pl.len()))
            return tally, account, use(number, raw._replace(frame=self._derivation.derive(raw.frame))), block.size

        for tally, raw, result, size in in_order(
            threads, work, enumerate(self._blocks(tallies, label)), ahead=THREADS + 1
        ):
            tally.add(raw.frame.item(), len(raw.bad), sum(row.lines for row in raw.bad), raw.blank, raw.spanning)
            yield result, size
        for tally in tallies:
            tally.check()
        self.tallies = [*tallies, *self._derivation.tallies]

    def parse(self, block: Block, label: LabelPlan | None) -> Raw:
        return parsed(block, self.layout, self._columns, label, self._derivation.check, self.unseen_missing)

    def _blocks(self, tallies: Sequence[Tally], label: LabelPlan | None) -> Iterator[tuple[Tally, Block]]:
        sound = sound_rows(self.layout, self._columns, label)
        block_bytes = BLOCK_BYTES if self.layout.quote is None else BLOCK_BYTES // 4  # places of quotes take memory
        for tally in tallies:
            for block in blocks(tally, self.layout, sound=sound, block_bytes=block_bytes):
                yield tally, block
            self.checksums[unpacked_name(tally.path)] = tally.checksum.hexdigest()


def names_in(path: pathlib.Path, layout: Layout) -> list[str]:
    """Column names in a file's header, or the cells of its first row. Raises UsageError where it has none."""
    rows = first_rows(path, layout, 1)
    if not rows:
        raise UsageError(f'{path} is empty' + (': it must begin with a line of column names' if layout.header else ''))
    return [name.strip() for name in rows[0]]


def check_header(path: pathlib.Path, layout: Layout) -> None:
    """Raises UsageError where a file's header does not have the layout's columns in their order."""
    found, wanted = names_in(path, layout), [name for name, _ in layout.columns]
    for name in wanted:
        if name not in found:
            raise UsageError(f'{path} has no column {name!r}{nearest(name, found)}; it has: {", ".join(found)}')
    if found != wanted:
        extra = [name for name in found if name not in wanted]
        raise UsageError(
            f'{path} has '
            + (f'a column {extra[0]!r} too many' if extra else 'its columns in another order')
            + f': they must be {", ".join(wanted)}'
        )


def _check_headers_alike(path: pathlib.Path, first: pathlib.Path, layout: Layout) -> None:
    """Raises UsageError where a header that is skipped has the names in another order, or is not that of the first file."""
    found, wanted, others = names_in(path, layout), [name for name, _ in layout.columns], names_in(first, layout)
    if found != wanted and sorted(found) == sorted(wanted):
        raise UsageError(
            f'{path} has the columns that the declaration names, but in another order: {", ".join(found)}; write '
            '`columns` in their order, or take it out'
        )
    if found != others:
        raise UsageError(
            f'{path} has another header than {first}: its first line must be the same, {", ".join(others)}'
        )
