"""The files of a declared table, and raw rows from files of which each belongs to one split."""

import glob
import os
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
from autoint_jax.errors import UsageError, nearest


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


def files_of(
    patterns: Mapping[str, Sequence[str]], folder: pathlib.Path, declaration: pathlib.Path
) -> dict[str, list[pathlib.Path]]:
    """Returns {part: its files}, in the order of the declaration; the files of a pattern are sorted by name.

    Args:
      patterns: {part, a split or '' for the whole table: names or patterns, relative to `folder` or absolute}.
      folder: of the files.
      declaration: file that names them, for messages.

    Raises:
      UsageError: a pattern matches no file, a name is that of a folder, or a file is found twice, also by another name
        or a link.
    """
    found: dict[str, list[pathlib.Path]] = {}
    owners: dict[tuple[int, int], tuple[str, str, pathlib.Path]] = {}
    for part, own in patterns.items():
        found[part] = []
        for pattern in own:
            for path in _matches(pattern, folder, declaration):
                about = path.stat()
                identity = about.st_dev, about.st_ino
                if identity in owners:
                    raise _twice(declaration, (part, pattern, path), owners[identity])
                owners[identity] = part, pattern, path
                found[part].append(path)
    return found


def _matches(pattern: str, folder: pathlib.Path, declaration: pathlib.Path) -> list[pathlib.Path]:
    """Returns the files that a name or pattern matches, sorted. Raises UsageError if there are none."""
    path = folder / pattern
    if os.path.exists(path):  # checked first, because a name may have brackets
        if path.is_dir():
            raise UsageError(
                f'{path}, named in {declaration}, is a folder: name its files, as in {pattern.rstrip("/")}/*.csv'
            )
        return [path]
    names = sorted(folder / name for name in glob.glob(pattern, root_dir=folder, recursive=True))
    for name in names:
        if not os.path.exists(name):
            raise UsageError(
                f'{name}, named in {declaration}, is a link to a file that does not exist: mend or remove it'
            )
    files = [name for name in names if not name.is_dir()]
    if names and not files:
        raise UsageError(
            f'{path}, named in {declaration}, matches only folders: name their files, as in {pattern.rstrip("/")}/*.csv'
        )
    if not files:
        near = nearest(pattern, sorted(other.name for other in folder.iterdir())) if folder.is_dir() else ''
        raise UsageError(
            f'{path}, named in {declaration}, does not exist{near}: correct the name, or put the file there'
        )
    return files


def _twice(
    declaration: pathlib.Path, one: tuple[str, str, pathlib.Path], other: tuple[str, str, pathlib.Path]
) -> UsageError:
    """Returns the error for a file that two patterns match."""

    def told(part: str, pattern: str) -> str:
        return f'{pattern!r}' + (f' of {part}' if part else '')

    names = f'{other[2]} and {one[2]} are the same file' if one[2] != other[2] else f'{one[2]} comes up twice'
    return UsageError(
        f'{declaration}: {names}, under {told(*other[:2])} and {told(*one[:2])}: each row must be read once, so name '
        'each file once'
    )
