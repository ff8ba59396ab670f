"""The origin of prepared data: a declaration or recipe, and raw files.

It is recorded in the manifest, but the data's hash does not depend on it.
"""

import hashlib
import json
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from autoint_jax.data.store.writing import sha256_of
from autoint_jax.data.text.packed import PACKED, opened, unpacked_name
from autoint_jax.errors import UsageError

ORIGIN_KEY = 'origin'  # of the manifest's preparation
# Version of the encoding. It must grow when the same recipe makes other columns of the same rows.
ENCODING = 1


class Origin(NamedTuple):
    """The origin of data that is to be prepared.

    Attributes:
      declared: the declaration as it is written, or the recipe of this version, as JSON.
      meaning: the same with all defaults, as JSON, so that two declarations that differ in form only are equal.
      parameters: the recipe's parameters in the manifest.
      declaration: the file of the declaration, or None for a recipe of this project.
      find: folder of raw files -> the files. It raises UsageError if they are not there.
    """

    declared: Any
    meaning: Any
    parameters: dict[str, Any]
    declaration: pathlib.Path | None
    find: Callable[[pathlib.Path], Sequence[pathlib.Path]]


class Stamp(NamedTuple):
    """The properties of a file that change with its content: bytes, times in nanoseconds, inode."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


# The form of the record; `declared` and `meaning` may also have other forms.
RECORDED = {
    'encoding': int,
    'declaration': (str, None),
    'declared': (dict, list, str),
    'meaning': dict,
    'raw_dir': str,
    'max_bad_share': (float, None),
    'files': {str: {'path': str, **dict.fromkeys(Stamp._fields, int), 'sha256': str}},
}


def stamp(path: pathlib.Path | str) -> Stamp:
    """Returns the stamp of a file. Raises OSError."""
    status = os.stat(path)
    return Stamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


class RawFiles:
    """The raw files of a preparation, with their stamps at its beginning."""

    def __init__(self, origin: Origin, raw_dir: pathlib.Path):
        """Raises UsageError if the files are not in the folder."""
        self._origin, self._raw_dir = origin, raw_dir
        self._stamps = {path: stamp(path) for path in origin.find(raw_dir)}

    def check_unchanged(self) -> None:
        """Raises UsageError if a file was changed during the preparation."""
        for path, before in self._stamps.items():
            if stamp(path)[:2] != before[:2]:
                raise UsageError(
                    f'{path} was changed while it was read, so nothing is prepared: run the command again when no '
                    'other program writes to it'
                )

    def record(self, checksums: Mapping[str, str], max_bad_share: float | None) -> dict[str, Any]:
        """Returns the record of the origin for the manifest, as JSON.

        Args:
          checksums: {name of an unpacked file: its SHA-256}.
          max_bad_share: the share of unreadable rows that was allowed.
        """
        names, origin = [unpacked_name(path) for path in self._stamps], self._origin
        # Checksums are by name, so of several files with the same name there is only one checksum.
        known = {
            path: checksums[name] if names.count(name) == 1 and name in checksums else checksum_of(path)
            for path, name in zip(self._stamps, names, strict=True)
        }
        return {
            'encoding': ENCODING,
            'declaration': origin.declaration and os.path.abspath(origin.declaration),
            'declared': origin.declared,
            'meaning': plain(origin.meaning),
            'raw_dir': os.path.abspath(self._raw_dir),
            'max_bad_share': max_bad_share,
            'files': {
                key_of(path, self._raw_dir): {'path': os.path.abspath(path), **found._asdict(), 'sha256': known[path]}
                for path, found in self._stamps.items()
            },
        }


def checksum_of(path: pathlib.Path) -> str:
    """SHA-256 of a file's unpacked content, as the readers of raw files compute it.

    Raises UsageError if unpacking fails.
    """
    if path.suffix.lower() not in PACKED:
        return sha256_of(path)
    checksum = hashlib.sha256()
    with opened(path) as unpacked:
        while block := unpacked.file.read(1 << 20):
            checksum.update(block)
    return checksum.hexdigest()


def key_of(path: pathlib.Path, raw_dir: pathlib.Path) -> str:
    """A file's path relative to the folder of raw files, or its absolute path if it is elsewhere."""
    whole, folder = os.path.abspath(path), os.path.abspath(raw_dir)
    return os.path.relpath(whole, folder) if whole.startswith(folder + os.sep) else whole


def plain(value: Any) -> Any:
    """A value as it is after writing and reading JSON."""
    return json.loads(json.dumps(value, default=str))
