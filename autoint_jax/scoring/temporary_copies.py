"""Temporary copies of rows that are scored, and the sentence where there is no room for one."""

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Iterator

from autoint_jax.errors import FULL, UsageError, full_disk_named


class NoRoom(UsageError):
    """There is no room for a temporary copy of rows."""

    status = 1

    def __init__(self, what: str, folder: str | os.PathLike[str], reason: str, instead: str):
        """Takes what is copied, where, the reason of the system, and what else the user can do, '' or ', or ...'."""
        many = '' if instead else 'or '
        super().__init__(
            f'there is no room for a copy of {what} in {folder} ({reason}): free some space, {many}let the variable '
            f'TMPDIR name a folder with more{instead}'
        )


@contextlib.contextmanager
def copy_folder(what: str, instead: str = '') -> Iterator[pathlib.Path]:
    """A context with a temporary folder for a copy of `what`. Raises NoRoom if none can be made."""
    try:
        made = tempfile.TemporaryDirectory(prefix='autoint_jax-')
    except OSError as error:  # a file was tried in each folder for temporary files
        raise NoRoom(what, error.filename or 'any folder for temporary files', str(error.strerror), instead) from None
    with made as folder:
        yield pathlib.Path(folder)


@contextlib.contextmanager
def room_for(what: str, folder: pathlib.Path, instead: str = '') -> Iterator[None]:
    """A context in which a copy of `what` is written. Raises NoRoom if the disk, the quota or a limit is reached."""
    try:
        with full_disk_named(folder):
            yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise NoRoom(what, folder, os.strerror(error.errno), instead) from None
