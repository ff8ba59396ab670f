"""The lock of a run folder. Its file also names the process, for file systems that have no locks."""

import fcntl
import json
import os
import pathlib
import platform
import secrets
from typing import Any

LOCK = '.lock'


class AlreadyHeld(Exception):
    """Another process holds the folder. The message names it if it is known, such as ' (pid 17 on a host)'."""


class Holding:
    """A run folder that this process holds, by a lock on a file in it.

    Some file systems refuse locks, or give the same lock to several processes. So each process writes its name to the
    file when it starts to train. A process that later finds another name in the file stops.

    Attributes:
      locked: whether the file system has locks.
    """

    def __init__(self, folder: pathlib.Path):
        """Raises AlreadyHeld."""
        self._path, self._mark = folder / LOCK, secrets.token_hex(8)
        self._take()

    def _take(self) -> None:
        self._file = open(self._path, 'a+')
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.locked = True
        except BlockingIOError:
            self._file.close()
            raise AlreadyHeld(_shown(self._named())) from None
        except OSError:
            self.locked = False

    def sign(self) -> None:
        """Writes the name of this process, before it changes anything else in the folder."""
        self._file.truncate(0)
        self._file.write(json.dumps({'host': platform.node(), 'pid': os.getpid(), 'mark': self._mark}) + '\n')
        self._file.flush()

    def check(self) -> None:
        """Raises AlreadyHeld if another process has written its name since. A missing file is made again."""
        named = self._named()
        if named is None and not self._path.exists():
            self._file.close()
            self._take()
            self.sign()
        elif named is None or named['mark'] != self._mark:
            raise AlreadyHeld(_shown(named))

    def close(self) -> None:
        """Releases the folder."""
        self._file.close()

    def _named(self) -> dict[str, Any] | None:
        try:
            named = json.loads(self._path.read_text())
            return {name: named[name] for name in ('host', 'pid', 'mark')}
        except (OSError, ValueError, KeyError, TypeError):
            return None


def _shown(named: dict[str, Any] | None) -> str:
    return f' (pid {named["pid"]} on {named["host"]})' if named else ''
