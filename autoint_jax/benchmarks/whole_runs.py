"""Measures whole training commands, as a user gives them, by the lines that they print."""

import os
import re
import subprocess
import time
from collections.abc import Sequence
from typing import NamedTuple

from autoint_jax.errors import UsageError

# The line that training.progress.Bar prints after an epoch of a run or of one of its copies.
EPOCH = re.compile(r'\bepoch +(\d+)\.00 +step ')


class WholeRun(NamedTuple):
    """The times of a training command.

    Attributes:
      command_seconds: from the start of the process to its end, with imports, data, compilation, training and test.
      epoch_seconds: an epoch of all copies with evaluation and checkpoints. It is the mean over all epochs but the
        first, which compiles, and the last, whose line is printed without waiting for more steps.
    """

    command_seconds: float
    epoch_seconds: float


def whole_run(command: Sequence[str], epochs: int) -> WholeRun:
    """Runs a training command.

    Args:
      command: the command and its arguments.
      epochs: the number of epochs that it trains, at least three.

    Raises:
      UsageError: the command fails. The error has its last lines.
    """
    began, ended = time.perf_counter(), {}
    said: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ | {'PYTHONUNBUFFERED': '1'}
    ) as process:
        for line in process.stdout or ():
            said.append(line)
            if match := EPOCH.search(line):
                ended[int(match[1])] = time.perf_counter()  # the last copy that prints it counts
    seconds = time.perf_counter() - began
    if process.returncode or epochs - 1 not in ended:
        raise UsageError(f'{" ".join(command)} ended with status {process.returncode}: {"".join(said[-3:]).strip()}')
    return WholeRun(seconds, (ended[epochs - 1] - ended[1]) / (epochs - 2))
