"""Claims, by which worker processes on any number of hosts agree who trains a trial. The hosts share a folder.

A claim is a numbered file that its holder created. The highest number counts, and no number is used twice. If several
processes try to take a claim, all of them try to create the file with the next number, and one succeeds, on network
file systems too. A process that looked at an older state of the folder fails. A holder touches its file while it lives
(its heartbeat) and creates NUMBER.released when it is done. A claim that was neither released nor touched for a while
is stale: another process may take the next number.
"""

import json
import os
import pathlib
import platform
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

RELEASED = '.released'
# Processes touch this file to read the clock of the file system. It is made with the first claim, and stays.
CLOCK = 'clock'
# A holder touches its file so many times in the seconds after which a claim is stale.
BEATS = 8


class Holder(NamedTuple):
    """The holder of the newest claim of a folder.

    Attributes:
      number: the number of the claim.
      host: the name of the host on which the holder runs.
      pid: the id of the holder's process.
      live: whether the claim is neither released nor stale.
    """

    number: int
    host: str
    pid: int
    live: bool


class Claim:
    """A claim that this process holds. A thread touches its file until the claim is released."""

    def __init__(self, path: pathlib.Path, stale_seconds: float, lost: Callable[[], None]):
        self._path, self._lost = path, lost
        self._released = threading.Event()
        self._thread = threading.Thread(target=self._beat, args=(stale_seconds / BEATS,), daemon=True)
        self._thread.start()

    @property
    def number(self) -> int:
        """The number of the claim."""
        return int(self._path.name)

    def release(self) -> None:
        """Releases the claim. Does nothing if it is already released."""
        if not self._released.is_set():
            self._released.set()
            self._thread.join()
            self._path.with_name(self._path.name + RELEASED).touch()

    def _beat(self, seconds: float) -> None:
        while not self._released.wait(seconds):
            try:
                newest = _newest(self._path.parent)
                if newest is None or newest > self.number:
                    self._lost()
                    return
                os.utime(self._path)
            except OSError:  # the file server is unavailable for a moment; the next beat tries again
                pass


def take(
    folder: pathlib.Path, *, stale_seconds: float, lost: Callable[[], None], note: dict[str, Any] | None = None
) -> Claim | None:
    """Takes the claim of a folder. Returns None if a live process holds it or another process was faster.

    Args:
      folder: the folder of the claims. It is made if it does not exist.
      stale_seconds: a claim that was not touched for so many seconds is stale. All processes should use the same
        number.
      lost: a thread calls this function if another process has taken the claim over, because this claim was stale.
      note: a note that is stored with the claim; `unreleased` returns it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    number = _newest(folder) or 0
    if number and _held(folder, number, stale_seconds).live:
        return None
    if not number:
        (folder / CLOCK).touch()
    path = _path(folder, number + 1)  # a process that was faster has created this file
    try:
        with open(path, 'x') as file:
            json.dump(
                {
                    'host': platform.node(),
                    'pid': os.getpid(),
                    'machine': _machine(),
                    'note': note or {},
                    'time': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()),
                },
                file,
            )
    except FileExistsError:
        return None
    return Claim(path, stale_seconds, lost)


def holder(folder: pathlib.Path, stale_seconds: float) -> Holder | None:
    """Returns the holder of the newest claim; None if there is no claim or it was released."""
    number = _newest(folder)
    return None if number is None or _path(folder, number, RELEASED).exists() else _held(folder, number, stale_seconds)


def unreleased(folder: pathlib.Path) -> list[dict[str, Any]]:
    """Returns the notes of claims that were not released, oldest first. Their holders died, or still hold them."""
    notes = [
        _read(_path(folder, number))[0].get('note', {})
        for number in _numbers(folder)
        if not _path(folder, number, RELEASED).exists()
    ]
    return [note if isinstance(note, dict) else {} for note in notes]


def forget(folder: pathlib.Path) -> None:
    """Marks all claims as released."""
    for number in _numbers(folder):
        _path(folder, number, RELEASED).touch()


def _held(folder: pathlib.Path, number: int, stale_seconds: float) -> Holder:
    claim, touched = _read(_path(folder, number))
    live = (
        touched is not None
        and not _path(folder, number, RELEASED).exists()
        and not _known_dead(claim)
        and _now(folder) - touched <= stale_seconds
    )
    return Holder(number, claim.get('host', 'unknown host'), claim.get('pid', 0), live)


def _path(folder: pathlib.Path, number: int, suffix: str = '') -> pathlib.Path:
    return folder / f'{number:06d}{suffix}'


def _numbers(folder: pathlib.Path) -> list[int]:
    try:
        return sorted(int(name) for name in os.listdir(folder) if name.isascii() and name.isdigit())
    except FileNotFoundError:
        return []


def _newest(folder: pathlib.Path) -> int | None:
    return max(_numbers(folder), default=None)


def _read(path: pathlib.Path) -> tuple[dict[str, Any], float | None]:
    """Returns the content of a claim and the time of its last touch, None if it does not exist.

    The file is opened, because network file systems then ask the server for the time.
    """
    try:
        with open(path, errors='replace') as file:
            touched, text = os.fstat(file.fileno()).st_mtime, file.read()
    except FileNotFoundError:
        return {}, None
    try:
        claim = json.loads(text)
    except (ValueError, RecursionError):  # its holder has not written it yet, or died before it did
        claim = {}
    return claim if isinstance(claim, dict) else {}, touched


def _now(folder: pathlib.Path) -> float:
    """Returns the time by the clock of the file system, which stamps the claims.

    The clocks of hosts may differ from it.
    """
    try:
        os.utime(folder / CLOCK)
        return os.stat(folder / CLOCK).st_mtime
    except OSError:  # the folder is read-only, or an earlier version made it
        return time.time()


def _machine() -> str | None:
    """Names the scope in which process ids are unique: one boot of a machine and one namespace.

    Returns None if the scope is unknown.
    """
    try:
        boot = pathlib.Path('/proc/sys/kernel/random/boot_id').read_text().strip()
        return f'{boot} {os.stat("/proc/self/ns/pid").st_ino}'
    except OSError:
        return None


def _known_dead(claim: dict[str, Any]) -> bool:
    """Returns whether the holder ran on this machine and has ended. On other machines this is unknown."""
    pid = claim.get('pid')
    if claim.get('machine') is None or claim['machine'] != _machine() or type(pid) is not int or not 0 < pid < 2**31:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # the process lives and belongs to another user
        pass
    return False
