"""Times of whole training commands, as a user gives them, from the lines they print."""

import os
import re
import subprocess
import time
from collections.abc import Sequence
from typing import NamedTuple

from autoint_jax.errors import UsageError

# A line of training.progress.Bar at the end of an epoch, of a run or of one of its copies.
EPOCH = re.compile(r'\bepoch +(\d+)\.00 +step ')


class WholeRun(NamedTuple):
    """Attributes:
    command_seconds: from the start of the process to its end: imports, data, compiling, training, test.
    epoch_seconds: an epoch of all copies, with evaluation and checkpoints, in the mean over all but the first, which compiles, and the
      last, which is said without waiting for more steps.
    """

    command_seconds: float
    epoch_seconds: float


def whole_run(command: Sequence[str], epochs: int) -> WholeRun:
    """Runs a training command of `epochs` epochs, three at least. Raises UsageError, with what it said last, where it fails."""
    began, said, ended = time.perf_counter(), [], {}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ | {'PYTHONUNBUFFERED': '1'}
    ) as process:
        for line in process.stdout:
            said.append(line)
            if match := EPOCH.search(line):
                ended[int(match[1])] = time.perf_counter()  # of the last copy that says so
    seconds = time.perf_counter() - began
    if process.returncode or epochs - 1 not in ended:
        raise UsageError(f'{" ".join(command)} ended with status {process.returncode}: {"".join(said[-3:]).strip()}')
    return WholeRun(seconds, (ended[epochs - 1] - ended[1]) / (epochs - 2))
