"""What tells a process from every other one, and whether it is still alive."""

import os
import pathlib
import platform
from typing import Any


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
