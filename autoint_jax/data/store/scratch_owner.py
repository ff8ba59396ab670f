"""The process that made a scratch folder, and its signs of life.

`owner.json` in a scratch folder names that process. No file lock is used, because some network file systems grant a
lock to everyone.
"""

import contextlib
import json
import os
import pathlib
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


def beat(path: pathlib.Path, ended: threading.Event) -> None:
    """Touches a file every minute, as a sign of life, until the event is set."""
    while not ended.wait(HEARTBEAT_SECONDS):
        with contextlib.suppress(OSError):
            os.utime(path)
