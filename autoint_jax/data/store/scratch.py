"""Scratch folders: what is being made lies beside the folder that it becomes, which then appears by one rename.

A scratch folder holds `owner.json`, which names the process that made it; that process touches the file every minute. Only
a folder whose owner is certainly dead is removed: a process of this machine that has ended, or one that has given no sign
of life for a day. All others are left and reported. No file lock is asked, since some network file systems grant a lock to
everyone.
"""

import contextlib
import errno
import json
import os
import pathlib
import platform
import re
import shutil
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import Any

from autoint_jax.errors import UsageError

OWNER = 'owner.json'
HEARTBEAT_SECONDS = 60
SILENT_SECONDS = 24 * 3600  # without a sign of life
DATA = 'data'  # what a folder that is set aside is named within its scratch folder
PARTS = ('manifest.json', 'schema.json', 'train')  # of prepared data; a folder with none of them is someone else's
OTHER_PARTS = ('valid', 'test', 'vocabularies.json', 'plan.json', 'bad_rows.tsv', OWNER)
_NAME = re.compile(r'\.(?P<name>.+)-(?P<purpose>unfinished|replaced)-\w+', re.DOTALL)
_TAKEN = (errno.ENOTEMPTY, errno.EEXIST)  # a folder of that name is there

Say = Callable[[str], None]


def silent(sentence: str) -> None:
    """Says nothing."""


@contextlib.contextmanager
def unfinished(folder: pathlib.Path, say: Say = silent) -> Iterator[pathlib.Path]:
    """A scratch folder beside `folder`, removed at the end. Folders that dead processes have left are removed first.

    Raises UsageError if `folder` is a file or holds something beside prepared data, which is never replaced.
    """
    check_replaceable(folder)
    _check_nothing_beside(folder)
    folder = _real(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _scratch(folder, 'unfinished', say) as scratch:
        clear_up(folder.parent, folder.name, now=(scratch / OWNER).stat().st_mtime, say=say)
        yield scratch


def check_replaceable(folder: pathlib.Path) -> None:
    """Raises UsageError if `folder` is there and is no prepared data."""
    if not os.path.lexists(folder):
        return
    if not folder.is_dir():
        raise UsageError(
            f'{folder} is in the way: it is no folder of prepared data; move it or name another --data_dir'
        )
    try:
        names = os.listdir(folder)
    except FileNotFoundError:  # another process is replacing it
        return
    if names and not set(names) & set(PARTS):
        raise UsageError(f'{folder} holds files that are no prepared data: move them or name another --data_dir')


def _check_nothing_beside(folder: pathlib.Path) -> None:
    """Raises UsageError if files beside prepared data, hidden ones apart, would be lost when it is replaced."""
    beside = sorted(
        name
        for name in (os.listdir(folder) if folder.is_dir() else ())
        if name not in PARTS + OTHER_PARTS and not name.startswith('.')
    )
    if beside:
        raise UsageError(
            f'{folder} also holds {", ".join(beside[:5])}{", ..." if len(beside) > 5 else ""}, which would be lost when '
            'the prepared data in it is replaced: move them or name another --data_dir'
        )


def put_in_place(scratch: pathlib.Path, folder: pathlib.Path, say: Say = silent) -> None:
    """Renames a finished scratch folder to `folder`; what is there is set aside first and removed afterwards.

    Of two processes that do so at once, the last one's folder stays.
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
    """Scratch folders in a folder that no living process of this machine is known to work on, and their bytes."""
    return [(left, _size(left)) for left in _scratch_folders(parent) if not _is_alive(_owner_of(left))]


def clear_up(parent: pathlib.Path, name: str, *, now: float, say: Say = silent) -> None:
    """Removes the scratch folders of dead processes in `parent`, and puts back data that one of them had only set aside.

    Args:
      parent: a folder of folders of prepared data.
      name: of the folder that is to be made in it.
      now: the time by the clock of the file system, in seconds.
      say: told of each folder that is left.
    """
    for left in _scratch_folders(parent):
        match = _NAME.fullmatch(left.name)
        owner = _owner_of(left)
        alive = _is_alive(owner)
        if alive and owner['pid'] != os.getpid() and left.name.startswith(f'.{name}-unfinished-'):
            say(f'process {owner["pid"]} prepares {name} at the same time: the data of the one that ends last stays')
        if alive or (last_sign := _last_sign(left)) is None:
            continue
        quiet = now - last_sign
        if owner is None and quiet < 2 * HEARTBEAT_SECONDS:  # just being made, or just being removed
            continue
        if alive is None and quiet < SILENT_SECONDS:
            say(
                f'{left} ({_size(left):,} bytes) is left: {_named(owner)}, which gave the last sign of life {quiet / 3600:.1f} '
                'hours ago, may still be at work on it; delete it if that process has ended'
            )
            continue
        data, original = _set_aside(left), parent / match['name']
        if match['purpose'] == 'replaced' and data is not None and not original.exists():
            with contextlib.suppress(OSError):
                os.rename(data, original)
                say(f'{original} is back: a process ended while it was replacing the data')
        _remove(left, say)


def _scratch_folders(parent: pathlib.Path) -> list[pathlib.Path]:
    found = sorted(path for path in parent.iterdir() if _NAME.fullmatch(path.name)) if parent.is_dir() else []
    return [path for path in found if path.is_dir() and not path.is_symlink()]


def _real(folder: pathlib.Path) -> pathlib.Path:
    """Where a link leads, so that data which lies on another disk is replaced there."""
    return folder.resolve() if folder.is_symlink() else folder


@contextlib.contextmanager
def _scratch(folder: pathlib.Path, purpose: str, say: Say) -> Iterator[pathlib.Path]:
    scratch = pathlib.Path(tempfile.mkdtemp(prefix=f'.{folder.name}-{purpose}-', dir=folder.parent))
    ended = threading.Event()
    try:
        (scratch / OWNER).write_text(json.dumps(_this_process()))
        threading.Thread(target=_beat, args=(scratch / OWNER, ended), name='heartbeat', daemon=True).start()
        yield scratch
    finally:
        ended.set()
        _remove(scratch, say)


def _beat(path: pathlib.Path, ended: threading.Event) -> None:
    while not ended.wait(HEARTBEAT_SECONDS):
        with contextlib.suppress(OSError):
            os.utime(path)


def _remove(folder: pathlib.Path, say: Say) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        say(f'{folder} could not be removed: delete it when no process uses its files')


def _this_process() -> dict[str, Any]:
    """What tells a process from all others, on other machines and in other containers too."""
    return {
        'host': platform.node(),
        'boot': _text('/proc/sys/kernel/random/boot_id'),
        'processes': _process_namespace(),
        'pid': os.getpid(),
        'started': _started(os.getpid()),
    }


def _is_alive(owner: dict[str, Any] | None) -> bool | None:
    """Whether a process of this machine is alive; None of processes elsewhere, or where the system does not tell."""
    here = _this_process()
    if owner == here:
        return True
    if (
        owner is None
        or not here['started']
        or any(owner.get(key) != here[key] for key in ('host', 'boot', 'processes'))
    ):
        return None
    return _started(owner.get('pid')) == owner.get('started')


def _started(pid: Any) -> str:
    """When a process started, in ticks since the machine did; '' if it has ended, or where there is no /proc."""
    text = _text(f'/proc/{pid}/stat') if isinstance(pid, int) else ''
    fields = text.rpartition(')')[2].split()  # before them stands the name, in which there may be blanks and brackets
    return fields[19] if fields and fields[0] not in 'ZX' else ''  # not a zombie


def _process_namespace() -> str:
    try:
        return os.readlink('/proc/self/ns/pid')
    except OSError:
        return ''


def _text(path: str) -> str:
    try:
        return pathlib.Path(path).read_text(errors='replace').strip()
    except OSError:
        return ''


def _owner_of(scratch: pathlib.Path) -> dict[str, Any] | None:
    try:
        owner = json.loads((scratch / OWNER).read_text())
    except (OSError, ValueError):
        return None
    return owner if isinstance(owner, dict) else None


def _named(owner: dict[str, Any] | None) -> str:
    return f'process {owner.get("pid")} of machine {owner.get("host")!r}' if owner else 'a process that left no name'


def _last_sign(scratch: pathlib.Path) -> float | None:
    """The newest time of a scratch folder and its files, None if it is gone. What is set aside in it keeps its old times."""
    return max((status.st_mtime for status in _statuses(scratch)), default=None)


def _size(scratch: pathlib.Path) -> int:
    return sum(status.st_size for status in _statuses(scratch) if stat.S_ISREG(status.st_mode))


def _statuses(scratch: pathlib.Path) -> Iterator[os.stat_result]:
    """Of a folder and all that is in it, but for what vanishes meanwhile."""
    for parent, _, names in os.walk(scratch):
        for path in (parent, *(os.path.join(parent, name) for name in names)):
            with contextlib.suppress(OSError):
                yield os.lstat(path)


def _set_aside(scratch: pathlib.Path) -> pathlib.Path | None:
    """Whole data within a scratch folder: below DATA, or in the folder itself as earlier versions set it aside."""
    return next((path for path in (scratch / DATA, scratch) if (path / 'manifest.json').is_file()), None)
