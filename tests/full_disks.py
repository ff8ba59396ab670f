"""Disks that are full, for tests: a limit of this process has the same effect on what it writes."""

import contextlib
import resource
import signal


@contextlib.contextmanager
def file_limit(size):
    """Lets this process write no file of more than `size` bytes."""
    handler, limits = signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
