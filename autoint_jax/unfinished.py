"""Names of files and folders that are being written, so that two writers of one path never share one.

    PATH.unfinished-MACHINE-PROCESS-START-NUMBER

MACHINE is a digest of one start of a machine and of a container, PROCESS and START are the id of the writing process
and when it started, NUMBER counts within that process. A killed process leaves such a file. The next writer of the same
path removes it if its process is certainly dead: it ran on this machine and has ended, or the file was not touched for
a day.
"""

import contextlib
import hashlib
import itertools
import os
import pathlib
import re
import shutil
import time
from collections.abc import Iterator

from autoint_jax.process_identity import is_alive, this_process

SILENT_SECONDS = 24 * 3600  # the writer of a file that was not touched for so long is dead
_NUMBERS = itertools.count()
_WRITER = re.compile(r'-(?P<machine>[0-9a-f]{8})-(?P<pid>\d+)-(?P<started>\d*)-\d+')


@contextlib.contextmanager
def unfinished(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A context that yields a name beside `path`, which no other writer has, for a file or a folder.

    What is there at the end is removed. What dead processes left of the same path is removed before.
    """
    for left in leftovers(path):
        remove(left)
    scratch = unfinished_name(path)
    try:
        yield scratch
    finally:
        remove(scratch)


def unfinished_name(path: pathlib.Path) -> pathlib.Path:
    """Returns a name beside `path` that no other call returns, in this process or another."""
    writer = this_process()
    return path.with_name(f'{path.name}.unfinished-{_machine()}-{writer["pid"]}-{writer["started"]}-{next(_NUMBERS)}')


def leftovers(path: pathlib.Path) -> list[pathlib.Path]:
    """Returns the unfinished files and folders of `path` whose writers are certainly dead."""
    beginning = f'{path.name}.unfinished'
    try:
        names = sorted(name for name in os.listdir(path.parent) if name.startswith(beginning))
    except OSError:  # writing there will say it
        return []
    return [left for name in names if _is_dead(left := path.with_name(name), name.removeprefix(beginning))]


def remove(scratch: pathlib.Path) -> None:
    """Removes a file, or a folder with all that is in it, as far as that is possible."""
    if scratch.is_dir() and not scratch.is_symlink():
        shutil.rmtree(scratch, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):  # its folder belongs to another user
            scratch.unlink()


def _is_dead(left: pathlib.Path, writer: str) -> bool:
    """Returns whether nobody writes a file any more. Earlier versions gave it a name without a writer."""
    match = _WRITER.fullmatch(writer)
    if match is None and writer:  # another file, such as one of the path PATH.unfinished-x
        return False
    if match and match['machine'] == _machine():
        alive = is_alive(this_process() | {'pid': int(match['pid']), 'started': match['started']})
        if alive is not None:
            return not alive
    newest = max((_touched(one) for one in (left, *left.rglob('*'))), default=0.0)
    return 0 < newest < time.time() - SILENT_SECONDS


def _touched(path: pathlib.Path) -> float:
    """Returns when a file was last written, in seconds since 1970; 0 if it is gone."""
    try:
        return path.lstat().st_mtime
    except OSError:
        return 0.0


def _machine() -> str:
    """Returns a digest of the scope in which ids of processes are unique."""
    here = this_process()
    return hashlib.sha256(f'{here["host"]} {here["boot"]} {here["processes"]}'.encode()).hexdigest()[:8]
