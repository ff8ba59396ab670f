"""Disks that are full, for tests: a limit of this process has the same effect on what it writes."""

import contextlib
import resource
import signal

import pytest

from autoint_jax import exits
from autoint_jax.errors import UsageError


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


def sentence_without_room(folder, context):
    """Returns the sentence with which a context refuses to write a copy to an empty folder; it leaves none there."""
    with file_limit(4096), pytest.raises(UsageError) as raised, context:
        pass
    sentence, status = exits.described(raised.value)
    assert status == exits.SYSTEM and list(folder.iterdir()) == []
    return sentence
