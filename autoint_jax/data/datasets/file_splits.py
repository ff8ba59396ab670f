"""Raw rows from files of which each belongs to one split."""

import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

import polars as pl

from autoint_jax.data.datasets.declaration.split_plan import FILE_SPLIT
from autoint_jax.data.raw.labels import LabelPlan
from autoint_jax.data.raw.lines import BadRow
from autoint_jax.data.raw.rows import Raw
from autoint_jax.data.raw.source import Source
from autoint_jax.data.store.columns import SPLITS
from autoint_jax.data.text.tally import Tally
from autoint_jax.errors import UsageError


class SplitFiles:
    """A source that reads the sources of the splits one after the other. It serves as a `raw.source.Source`.

    The column FILE_SPLIT holds the number of each row's split.
    """

    def __init__(self, parts: Mapping[str, Source]):
        """`parts`: {split: source}; all sources have the same columns."""
        self._parts = dict(parts)
        sources = list(self._parts.values())
        self.paths: tuple[pathlib.Path, ...] = tuple(path for source in sources for path in source.paths)
        self.types = {**sources[0].types, FILE_SPLIT: pl.Int8()}
        self.bad_beside: Sequence[BadRow] = [row for source in sources for row in source.bad_beside]

    @property
    def checksums(self) -> dict[str, str]:
        return {name: checksum for source in self._parts.values() for name, checksum in source.checksums.items()}

    @property
    def tallies(self) -> list[Tally]:
        return [tally for source in self._parts.values() for tally in source.tallies]

    @property
    def unseen_missing(self) -> set[str]:
        return set.intersection(*(source.unseen_missing for source in self._parts.values()))

    def size(self) -> int:
        return sum(source.size() for source in self._parts.values())

    def rows(
        self, threads: Executor, label: LabelPlan | None, use: Callable[[int, Raw], Any]
    ) -> Iterator[tuple[Any, int]]:
        first = 0  # number of the first block of a part
        for name, source in self._parts.items():
            yielded = 0
            for result in source.rows(threads, label, _marked(use, first, SPLITS.index(name))):
                yielded += 1
                yield result
            first += yielded
        self._check_copies()

    def _check_copies(self) -> None:
        """Raises UsageError if files of two splits have the same content."""
        owners: dict[str, tuple[str, Tally]] = {}
        for name, source in self._parts.items():
            for tally in source.tallies:
                part, other = owners.setdefault(tally.checksum.hexdigest(), (name, tally))
                if part != name and tally.rows:
                    raise UsageError(
                        f'{other.path} of {part} and {tally.path} of {name} have the same content: rows of {name} '
                        f'would be known from {part}, so leave one out'
                    )


def _marked(use: Callable[[int, Raw], Any], first: int, split: int) -> Callable[[int, Raw], Any]:
    """Wraps `use`, so that it gets blocks with the column FILE_SPLIT, numbered from `first` on."""

    def marked(number: int, raw: Raw) -> Any:
        return use(first + number, raw._replace(frame=raw.frame.with_columns(pl.lit(split, pl.Int8).alias(FILE_SPLIT))))

    return marked
