"""The cores of a machine, of which each worker takes some for itself.

An engine such as Ray counts the cores of a worker, but does not say which ones they are. So workers agree by locks of
the operating system on files in the folder for temporary files. The workers of all sweeps of a user share these files,
whoever started them. A worker that ends in any way frees its cores.
"""

import fcntl
import os
import pathlib
import tempfile

_held: list[int] = []  # file descriptors, whose locks this process holds until it ends


def take_cores(count: int) -> tuple[int, ...]:
    """Binds this process to `count` cores that no other worker of this user has taken, and returns them.

    Threads that started before are not bound. If fewer cores are free, because the cluster counts more cores than the
    machine has, the process is bound to those. It is bound to none, and () is returned, if no core is free or the
    system binds no processes.
    """
    if not hasattr(os, 'sched_setaffinity'):
        return ()
    folder = pathlib.Path(tempfile.gettempdir(), f'autoint_jax-cores-{os.geteuid()}')
    folder.mkdir(mode=0o700, exist_ok=True)
    taken: list[int] = []
    for core in sorted(os.sched_getaffinity(0)):
        if len(taken) == count:
            break
        lock = os.open(folder / str(core), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        _held.append(lock)
        taken.append(core)
    if taken:
        os.sched_setaffinity(0, taken)
    return tuple(taken)
