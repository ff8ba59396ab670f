"""Claims of trials by worker processes of any number of hosts that share a folder.

A claim is a numbered file that its holder created; the highest number counts, and numbers are never used again. So
of several takers, who all try to create the next number, one wins, on network file systems too, and whoever looked at
an older state of the folder loses. A holder touches its file while it lives (its heartbeat) and creates NUMBER.released
when it is done. A claim that has neither been released nor touched for a while is stale: the next number may be taken.
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
# A file that is touched to learn the time by the clock of the file system. It is made with the first claim, and stays.
CLOCK = 'clock'
# A heart beats so many times before its claim is stale.
BEATS = 8


class Holder(NamedTuple):
    """What the newest claim of a folder says."""

    number: int
    host: str
    pid: int
    live: bool


class Claim:
    """A claim held by this process. Its heart beats in a thread until it is released."""

    def __init__(self, path: pathlib.Path, stale_seconds: float, lost: Callable[[], None]):
        self._path, self._lost = path, lost
        self._released = threading.Event()
        self._thread = threading.Thread(target=self._beat, args=(stale_seconds / BEATS,), daemon=True)
        self._thread.start()

    @property
    def number(self) -> int:
        return int(self._path.name)

    def release(self) -> None:
        """Gives the claim back. Without effect where it was given back before."""
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
            except OSError:  # a file server that is away for a moment; another beat follows
                pass


def take(
    folder: pathlib.Path, *, stale_seconds: float, lost: Callable[[], None], note: dict[str, Any] | None = None
) -> Claim | None:
    """Takes the claim of a folder, or returns None where a live process holds it or was faster.

    Args:
      folder: of the claims; made where it does not exist.
      stale_seconds: a claim that was not touched for so long may be taken over. All processes should be told the same.
      lost: called by a thread where another process has taken the claim over, since this one was taken for dead.
      note: kept with the claim, for `unreleased`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    number = _newest(folder) or 0
    if number and _held(folder, number, stale_seconds).live:
        return None
    if not number:
        (folder / CLOCK).touch()
    path = _path(folder, number + 1)  # what was judged, plus one: whoever was faster has created it
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
    """The holder of the newest claim; None where there is none or it was released."""
    number = _newest(folder)
    return None if number is None or _path(folder, number, RELEASED).exists() else _held(folder, number, stale_seconds)


def unreleased(folder: pathlib.Path) -> list[dict[str, Any]]:
    """The notes of claims that were not released, oldest first: their holders died, or hold them still."""
    notes = [
        _read(_path(folder, number))[0].get('note', {})
        for number in _numbers(folder)
        if not _path(folder, number, RELEASED).exists()
    ]
    return [note if isinstance(note, dict) else {} for note in notes]


def forget(folder: pathlib.Path) -> None:
    """Marks the claims of holders that died as released."""
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
    """A claim and when it was touched. Opening it makes network file systems ask for the time anew."""
    try:
        with open(path, errors='replace') as file:
            touched, text = os.fstat(file.fileno()).st_mtime, file.read()
    except FileNotFoundError:
        return {}, None
    try:
        claim = json.loads(text)
    except (ValueError, RecursionError):  # its holder is about to write it, or died then
        claim = {}
    return claim if isinstance(claim, dict) else {}, touched


def _now(folder: pathlib.Path) -> float:
    """The time by the clock of the file system, which stamped the claims; clocks of hosts may differ from it and each other."""
    try:
        os.utime(folder / CLOCK)
        return os.stat(folder / CLOCK).st_mtime
    except OSError:  # a folder that may only be read, or of an earlier version
        return time.time()


def _machine() -> str | None:
    """Names what process ids are unique in: a start of a machine and a namespace of it. None where the system does not tell."""
    try:
        return f'{pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()} {os.stat("/proc/self/ns/pid").st_ino}'
    except OSError:
        return None


def _known_dead(claim: dict[str, Any]) -> bool:
    """Whether the holder ran on this machine and is gone; of other machines that cannot be known."""
    pid = claim.get('pid')
    if claim.get('machine') is None or claim['machine'] != _machine() or type(pid) is not int or not 0 < pid < 2**31:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # alive, of another user
        pass
    return False
