"""A lock between the processes of all hosts that share a folder."""

import errno
import fcntl
import pathlib
import time
from typing import TextIO

from autoint_jax.errors import UsageError, system_sentence

POLL_SECONDS = 0.02
# Errors of a file system that has no locks.
WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
# A process that waits for longer prints a line.
SAID_AFTER_SECONDS = 10.0


class FolderLock:
    """A lock that one process at a time can hold, until it releases the lock or ends in any way.

    It is a lock of the operating system (flock) on a file that stays, not the existence of a file. So no lock is ever
    stale: a slow process keeps its lock, and a killed process loses it. On network file systems the file server keeps
    the lock.
    """

    def __init__(self, path: pathlib.Path, flag: str = '--sweeps_dir'):
        """Makes a lock on the file `path`. The file is made with the first `acquire` and stays.

        Args:
          path: the path of the file.
          flag: the flag that names its folder.
        """
        self._path, self._flag = path, flag
        self._file: TextIO | None = None

    def acquire(self) -> bool:
        """Waits until no other process holds the lock, then takes it. Returns True, as Optuna expects.

        Prints a line if it waits for long.

        Raises:
          UsageError: the file system has no locks, or the file cannot be written.
        """
        began, said = time.monotonic(), False
        try:
            file = open(self._path, 'a')
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    self._file = file
                    return True
                except BlockingIOError:
                    pass
                if not said and time.monotonic() - began > SAID_AFTER_SECONDS:
                    said = True
                    print(f'waiting for another process that holds the lock {self._path}', flush=True)
                time.sleep(POLL_SECONDS)
        except OSError as error:
            if error.errno not in WITHOUT_LOCKS:
                raise UsageError(f'{self._flag}: {system_sentence(error)}') from None
            raise UsageError(
                f'the lock {self._path} cannot be taken ({error.strerror}): name a {self._flag} on a file system that '
                'has locks'
            ) from None

    def release(self) -> None:
        """Releases the lock, if this object holds it."""
        if self._file is not None:
            self._file.close()  # this releases the lock
            self._file = None

    def __enter__(self) -> 'FolderLock':
        self.acquire()
        return self

    def __exit__(self, *error: object) -> None:
        self.release()
