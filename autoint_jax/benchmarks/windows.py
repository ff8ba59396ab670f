"""Windows of measurement, and the commands of peers.

Candidates are measured in turn, so that a machine that slows down slows all of them alike.
"""

import json
import shlex
import statistics
import subprocess
from collections.abc import Callable, Mapping
from typing import NamedTuple

from autoint_jax.errors import UsageError


class Timing(NamedTuple):
    """How long each candidate is measured.

    Attributes:
      windows: the number of windows of each candidate.
      seconds: the least length of a window in seconds.
    """

    windows: int
    seconds: float


def in_turn(candidates: Mapping[str, Callable[[float], float]], timing: Timing) -> dict[str, list[float]]:
    """Measures candidates in windows A B C A B C ...

    Args:
      candidates: {name: function of the seconds of a window that returns a rate}.
      timing: number and length of the windows.

    Returns:
      {name: rate of each window}.
    """
    rates: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(timing.windows):
        for name, measure in candidates.items():
            rates[name].append(measure(timing.seconds))
    return rates


def medians(rates: Mapping[str, list[float]]) -> dict[str, float]:
    """Returns {name: median rate}."""
    return {name: statistics.median(windows) for name, windows in rates.items()}


def peer_rate(command: str) -> float:
    """Runs a peer once. Returns `examples_per_second` of its last line, which is JSON.

    Raises UsageError if there is none.
    """
    try:
        done = subprocess.run(shlex.split(command), capture_output=True, text=True)
    except (OSError, ValueError, IndexError) as error:
        raise UsageError(f'the peer {command!r} cannot be run: {error}') from None
    try:
        return float(json.loads(done.stdout.strip().splitlines()[-1])['examples_per_second'])
    except (IndexError, ValueError, KeyError, TypeError):
        reason = (done.stderr.strip().splitlines() or ['it printed no such line'])[-1]
        raise UsageError(f'the peer {command!r} printed no JSON line with examples_per_second: {reason}') from None
