"""What prepared data was made from: a declaration or recipe, and raw files. Recorded in the manifest, outside the data's hash."""

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
# To be counted up when the same recipe would make other columns of the same rows.
ENCODING = 1
# The form of what is recorded, beside `declared` and `meaning`, which are of any form.
RECORDED = {
    'encoding': int,
    'declaration': (str, None),
    'declared': (dict, list, str),
    'meaning': dict,
    'raw_dir': str,
    'max_bad_share': (float, None),
    'files': dict,
}


class Origin(NamedTuple):
    """What data is to be made from.

    Attributes:
      declared: the declaration as it is written, or the recipe as this version has it; JSON.
      meaning: what it means, defaults included; JSON. Two declarations may differ in form only.
      parameters: those of the manifest.
      declaration: the file, or None for a recipe of this project.
      find: folder of raw files -> the files. Raises UsageError where they are not there.
    """

    declared: Any
    meaning: Any
    parameters: dict[str, Any]
    declaration: pathlib.Path | None
    find: Callable[[pathlib.Path], Sequence[pathlib.Path]]


class Stamp(NamedTuple):
    """What of a file changes with its content, as far as the file system tells."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


def stamp(path: pathlib.Path | str) -> Stamp:
    status = os.stat(path)
    return Stamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


class RawFiles:
    """The raw files of a preparation, as they were when it began."""

    def __init__(self, origin: Origin, raw_dir: pathlib.Path):
        """Raises UsageError where the files are not in the folder."""
        self._origin, self._raw_dir = origin, raw_dir
        self._stamps = {path: stamp(path) for path in origin.find(raw_dir)}

    def check_unchanged(self) -> None:
        """Raises UsageError if a file was written to while it was read."""
        for path, before in self._stamps.items():
            if stamp(path)[:2] != before[:2]:
                raise UsageError(
                    f'{path} was changed while it was read, so nothing is prepared: run the command again when no '
                    'other program writes to it'
                )

    def record(self, checksums: Mapping[str, str], max_bad_share: float | None) -> dict[str, Any]:
        """What the manifest says of the origin, JSON.

        Args:
          checksums: SHA-256 of the unpacked files by name.
          max_bad_share: share of rows that was allowed to be unreadable.
        """
        names, origin = [unpacked_name(path) for path in self._stamps], self._origin
        # Readers tell checksums by name, so of files of one name in several folders they tell one at most.
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
    """SHA-256 of a file, unpacked, as the readers of raw files compute it. Raises UsageError where it cannot be unpacked."""
    if path.suffix.lower() not in PACKED:
        return sha256_of(path)
    checksum = hashlib.sha256()
    with opened(path) as unpacked:
        while block := unpacked.file.read(1 << 20):
            checksum.update(block)
    return checksum.hexdigest()


def key_of(path: pathlib.Path, raw_dir: pathlib.Path) -> str:
    """A file's name within the folder of raw files, or its whole path where it is elsewhere."""
    whole, folder = os.path.abspath(path), os.path.abspath(raw_dir)
    return os.path.relpath(whole, folder) if whole.startswith(folder + os.sep) else whole


def plain(value: Any) -> Any:
    """A value as it comes back from JSON."""
    return json.loads(json.dumps(value, default=str))
