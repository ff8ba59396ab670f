"""Finds the files of a declared table by names or patterns, each file once."""

import glob
import os
import pathlib
from collections.abc import Mapping, Sequence

from autoint_jax.errors import UsageError, nearest


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
            raise UsageError(f'{name}, named in {declaration}, is a link to a file that does not exist')
    files = [name for name in names if not name.is_dir()]
    if names and not files:
        raise UsageError(
            f'{path}, named in {declaration}, matches only folders: name their files, as in {pattern.rstrip("/")}/*.csv'
        )
    if not files:
        near = nearest(pattern, sorted(other.name for other in folder.iterdir())) if folder.is_dir() else ''
        raise UsageError(f'{path}, named in {declaration}, does not exist{near}')
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
