"""Scratch folders: new data is written beside the folder that it will become, which then appears by one rename.

The process that made a scratch folder touches `owner.json` in it every minute (`scratch_owner.py`). A scratch folder is
removed only if its process is certainly dead: it ran on this machine and has ended, or it has given no sign of life for
a day. All other scratch folders are left and reported.
"""

import contextlib
import errno
import json
import os
import pathlib
import re
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterator

from autoint_jax.data.store.listener import Say, silent
from autoint_jax.data.store.scratch_owner import HEARTBEAT_SECONDS, OWNER, beat, named, owner_of
from autoint_jax.errors import UsageError
from autoint_jax.process_identity import is_alive, this_process

SILENT_SECONDS = 24 * 3600  # a process without a sign of life for so long is dead
DATA = 'data'  # the name, within a scratch folder, of data that is set aside
PARTS = ('manifest.json', 'schema.json', 'train')  # a folder with none of these does not hold prepared data
OTHER_PARTS = ('valid', 'test', 'vocabularies.json', 'plan.json', 'counts', 'bad_rows.tsv', OWNER)
_NAME = re.compile(r'\.(?P<name>.+)-(?P<purpose>unfinished|replaced)-\w+', re.DOTALL)
_TAKEN = (errno.ENOTEMPTY, errno.EEXIST)  # errors of a rename to a folder that exists


@contextlib.contextmanager
def unfinished(folder: pathlib.Path, say: Say = silent) -> Iterator[pathlib.Path]:
    """Makes a scratch folder beside `folder`, and removes it at the end.

    Scratch folders of dead processes are removed first.

    Args:
      folder: where the data will be.
      say: is told of scratch folders that are left.

    Yields:
      The scratch folder.

    Raises:
      UsageError: `folder` is a file, or holds other files than prepared data, which are never replaced.
    """
    check_replaceable(folder)
    _check_nothing_beside(folder)
    folder = _real(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _scratch(folder, 'unfinished', say) as scratch:
        clear_up(folder.parent, folder.name, now=(scratch / OWNER).stat().st_mtime, say=say)
        yield scratch


def check_replaceable(folder: pathlib.Path) -> None:
    """Raises UsageError if `folder` exists and does not hold prepared data."""
    if not os.path.lexists(folder):
        return
    if not folder.is_dir():
        raise UsageError(
            f'{folder} is in the way: it is not a folder of prepared data; move it or name another --data_dir'
        )
    try:
        names = os.listdir(folder)
    except FileNotFoundError:  # another process is replacing it
        return
    if names and not set(names) & set(PARTS):
        raise UsageError(f'{folder} holds files that are not prepared data: move them or name another --data_dir')


def _check_nothing_beside(folder: pathlib.Path) -> None:
    """Raises UsageError if `folder` also holds other files (hidden ones aside), which would be lost."""
    beside = sorted(
        name
        for name in (os.listdir(folder) if folder.is_dir() else ())
        if name not in PARTS + OTHER_PARTS and not name.startswith('.')
    )
    if beside:
        raise UsageError(
            f'{folder} also holds {", ".join(beside[:5])}{", ..." if len(beside) > 5 else ""}, which would be lost '
            'when the prepared data in it is replaced: move them or name another --data_dir'
        )


def put_in_place(scratch: pathlib.Path, folder: pathlib.Path, say: Say = silent) -> None:
    """Renames a finished scratch folder to `folder`. Data that is there is set aside first and removed afterwards.

    If two processes do so at the same time, the folder of the last one stays.
    """
    folder = _real(folder)
    (scratch / OWNER).unlink(missing_ok=True)
    scratch.chmod(0o755)
    while True:
        try:
            os.rename(scratch, folder)
            return
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
        with _scratch(folder, 'replaced', say) as replaced:
            try:
                with contextlib.suppress(FileNotFoundError):
                    os.rename(folder, replaced / DATA)
                os.rename(scratch, folder)
                return
            except BaseException as error:
                if (replaced / DATA).exists() and not folder.exists():
                    os.rename(replaced / DATA, folder)
                if not isinstance(error, OSError) or error.errno not in _TAKEN:  # otherwise another process was faster
                    raise


def left_in(parent: pathlib.Path) -> list[tuple[pathlib.Path, int]]:
    """Returns the scratch folders in `parent`, each with its size in bytes.

    Those of living processes of this machine are left out.
    """
    return [(left, _size(left)) for left, _, _ in _scratch_folders(parent) if not is_alive(owner_of(left))]


def clear_up(parent: pathlib.Path, name: str, *, now: float, say: Say = silent) -> None:
    """Removes the scratch folders of dead processes in `parent`, and puts back data that such a process had set aside.

    Args:
      parent: a folder of folders of prepared data.
      name: of the folder that will be made in it.
      now: the time by the clock of the file system, in seconds.
      say: is told of each scratch folder that is left.
    """
    for left, target, purpose in _scratch_folders(parent):
        owner = owner_of(left)
        alive = is_alive(owner)
        if alive and owner is not None and owner['pid'] != os.getpid() and left.name.startswith(f'.{name}-unfinished-'):
            say(f'process {owner["pid"]} prepares {name} at the same time: the data of the one that ends last stays')
        if alive or (last_sign := _last_sign(left)) is None:
            continue
        quiet = now - last_sign
        if owner is None and quiet < 2 * HEARTBEAT_SECONDS:  # another process is making or removing it
            continue
        if alive is None and quiet < SILENT_SECONDS:
            say(
                f'{left} ({_size(left):,} bytes) is left: {named(owner)}, which gave the last sign of life '
                f'{quiet / 3600:.1f} hours ago, may still work on it; delete it if that process has ended'
            )
            continue
        data, original = _set_aside(left), parent / target
        if purpose == 'replaced' and data is not None and not original.exists():
            with contextlib.suppress(OSError):
                os.rename(data, original)
                say(f'{original} is back: a process ended while it was replacing the data')
        _remove(left, say)


def _scratch_folders(parent: pathlib.Path) -> list[tuple[pathlib.Path, str, str]]:
    """The scratch folders in a folder, each with the name of the folder that it is for, and its purpose."""
    paths = sorted(parent.iterdir()) if parent.is_dir() else []
    return [
        (path, match['name'], match['purpose'])
        for path in paths
        if (match := _NAME.fullmatch(path.name)) and path.is_dir() and not path.is_symlink()
    ]


def _real(folder: pathlib.Path) -> pathlib.Path:
    """The folder that a link leads to, so that data on another disk is replaced there."""
    return folder.resolve() if folder.is_symlink() else folder


@contextlib.contextmanager
def _scratch(folder: pathlib.Path, purpose: str, say: Say) -> Iterator[pathlib.Path]:
    """Makes a scratch folder for `folder`, touches its owner's file meanwhile, and removes it at the end."""
    scratch = pathlib.Path(tempfile.mkdtemp(prefix=f'.{folder.name}-{purpose}-', dir=folder.parent))
    ended = threading.Event()
    try:
        (scratch / OWNER).write_text(json.dumps(this_process()))
        threading.Thread(target=beat, args=(scratch / OWNER, ended), name='heartbeat', daemon=True).start()
        yield scratch
    finally:
        ended.set()
        _remove(scratch, say)


def _remove(folder: pathlib.Path, say: Say) -> None:
    """Removes a folder, and says so if that fails."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        say(f'{folder} could not be removed: delete it when no process uses its files')


def _last_sign(scratch: pathlib.Path) -> float | None:
    """The newest time of a scratch folder and its files, or None if it is gone.

    Data that is set aside keeps its old times.
    """
    return max((status.st_mtime for status in _statuses(scratch)), default=None)


def _size(scratch: pathlib.Path) -> int:
    """Bytes of all files in a scratch folder."""
    return sum(status.st_size for status in _statuses(scratch) if stat.S_ISREG(status.st_mode))


def _statuses(scratch: pathlib.Path) -> Iterator[os.stat_result]:
    """The status of a folder and of all files in it, except those that vanish meanwhile."""
    for parent, _, names in os.walk(scratch):
        for path in (parent, *(os.path.join(parent, name) for name in names)):
            with contextlib.suppress(OSError):
                yield os.lstat(path)


def _set_aside(scratch: pathlib.Path) -> pathlib.Path | None:
    """Complete data that was set aside in a scratch folder, or None. Earlier versions did not use the folder DATA."""
    return next((path for path in (scratch / DATA, scratch) if (path / 'manifest.json').is_file()), None)
