"""Reads raw rows of text files, block by block."""

import pathlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from typing import Any

import polars as pl

from autoint_jax.data.raw.derived import NO_DERIVATION, Derivation
from autoint_jax.data.raw.headers import check_header, check_headers_alike
from autoint_jax.data.raw.labels import LabelPlan
from autoint_jax.data.raw.ordered_work import in_order
from autoint_jax.data.raw.rows import Raw, parsed, sound_rows
from autoint_jax.data.raw.source import THREADS
from autoint_jax.data.text.blocks import BLOCK_BYTES, Block, blocks
from autoint_jax.data.text.layout import Layout
from autoint_jax.data.text.packed import unpacked_name
from autoint_jax.data.text.tally import Tally
from autoint_jax.errors import UsageError


class TextSource:
    """A source of text files of one layout, which are read one after the other.

    It yields the columns that are asked for, in the order of the layout, and the columns of the derivation. It raises
    UsageError if a file does not exist, is empty or has another header than the layout.
    """

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
                what = 'is a folder' if path.is_dir() else 'does not exist'
                raise UsageError(f'{path} {what}: put the raw file there, or name another one')
            if not path.stat().st_size:
                raise UsageError(f'{path} is empty: put a file with rows there, or name another one')
            if layout.own_names:
                check_headers_alike(path, paths[0], layout)
            elif layout.header:
                check_header(path, layout)

    def size(self) -> int:
        """Returns the bytes of all files together, as stored."""
        return sum(path.stat().st_size for path in self.paths)

    def rows(
        self, threads: Executor, label: LabelPlan | None, use: Callable[[int, Raw], Any]
    ) -> Iterator[tuple[Any, int]]:
        """Reads the rows block by block, as `Source.rows` says."""
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
        """Parses a block into the columns of the source."""
        return parsed(block, self.layout, self._columns, label, self._derivation.check, self.unseen_missing)

    def _blocks(self, tallies: Sequence[Tally], label: LabelPlan | None) -> Iterator[tuple[Tally, Block]]:
        """Yields the blocks of all files, each with the tally of its file."""
        sound = sound_rows(self.layout, self._columns, label)
        block_bytes = BLOCK_BYTES if self.layout.quote is None else BLOCK_BYTES // 4  # places of quotes take memory
        for tally in tallies:
            for block in blocks(tally, self.layout, sound=sound, block_bytes=block_bytes):
                yield tally, block
            self.checksums[unpacked_name(tally.path)] = tally.checksum.hexdigest()
