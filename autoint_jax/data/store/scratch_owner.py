"""The process that made a scratch folder, and whether it is still alive.

`owner.json` in a scratch folder names that process. No file lock is used, because some network file systems grant a
lock to everyone.
"""

import contextlib
import json
import os
import pathlib
import platform
import threading
from typing import Any

OWNER = 'owner.json'
HEARTBEAT_SECONDS = 60


def owner_of(scratch: pathlib.Path) -> dict[str, Any] | None:
    """The process that made a scratch folder, as `this_process` describes it; None if the folder does not tell."""
    try:
        owner = json.loads((scratch / OWNER).read_text())
    except (OSError, ValueError):
        return None
    return owner if isinstance(owner, dict) else None


def named(owner: dict[str, Any] | None) -> str:
    """A process in words, for a sentence."""
    return f'process {owner.get("pid")} of machine {owner.get("host")!r}' if owner else 'a process that left no name'


def this_process() -> dict[str, Any]:
    """A description of this process that no other process has, on other machines and in containers too."""
    return {
        'host': platform.node(),
        'boot': _text('/proc/sys/kernel/random/boot_id'),
        'processes': _process_namespace(),
        'pid': os.getpid(),
        'started': _started(os.getpid()),
    }


def is_alive(owner: dict[str, Any] | None) -> bool | None:
    """Whether a process of this machine is alive; None if it runs elsewhere, or if the system does not tell."""
    here = this_process()
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
    """When a process started, in clock ticks since the machine did; '' if it has ended, or if there is no /proc."""
    text = _text(f'/proc/{pid}/stat') if isinstance(pid, int) else ''
    fields = text.rpartition(')')[2].split()  # the name before them may hold blanks and brackets
    return fields[19] if fields and fields[0] not in 'ZX' else ''  # not a zombie


def _process_namespace() -> str:
    """The namespace of this process's id, which differs between containers; '' if the system does not tell."""
    try:
        return os.readlink('/proc/self/ns/pid')
    except OSError:
        return ''


def _text(path: str) -> str:
    """Text of a file of the system, or '' if it cannot be read."""
    try:
        return pathlib.Path(path).read_text(errors='replace').strip()
    except OSError:
        return ''


def beat(path: pathlib.Path, ended: threading.Event) -> None:
    """Touches a file every minute, as a sign of life, until the event is set."""
    while not ended.wait(HEARTBEAT_SECONDS):
        with contextlib.suppress(OSError):
            os.utime(path)
