"""The processor cores that this process may use."""

import os


def usable_cores() -> int:
    """Returns the number of cores that this process may run on; all cores where the system does not tell."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1
