"""A lock among the processes of all hosts that share a folder."""

import fcntl
import pathlib
import time

from autoint_jax.errors import UsageError, system_sentence

POLL_SECONDS = 0.02
SAID_AFTER_SECONDS = 10.0


class FolderLock:
    """A lock that the system keeps: held until it is given back or its process ends, however that ends, and never by two.

    It is a lock (flock) on a file that stays, not the existence of a file. So nothing is left to be judged stale: no process that is
    only slow loses its lock, and none that was killed keeps it. On network file systems the file server keeps it.
    """

    def __init__(self, path: pathlib.Path):
        """`path` is the file of the lock; it is made where it does not exist, and left."""
        self._path, self._file = path, None

    def acquire(self) -> bool:
        """Waits until no other process holds the lock, and says so where that takes long. Returns True, as Optuna expects.

        Raises UsageError where the file system has no locks, or the file cannot be written.
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
                    print(f'waiting for another process, which holds the lock {self._path}', flush=True)
                time.sleep(POLL_SECONDS)
        except OSError as error:
            raise UsageError(
                f'the lock of a search cannot be taken: {system_sentence(error)}; a search needs a --sweeps_dir on a file '
                'system with locks'
            ) from None

    def release(self) -> None:
        self._file.close()  # which unlocks it
        self._file = None

    def __enter__(self) -> 'FolderLock':
        self.acquire()
        return self

    def __exit__(self, *error: object) -> None:
        self.release()
