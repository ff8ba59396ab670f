"""Windows of measurement, taken in turn, so that a machine that slows down slows all alike; and peers' commands."""

import json
import shlex
import statistics
import subprocess
from collections.abc import Callable, Mapping
from typing import NamedTuple

from autoint_jax.errors import UsageError


class Timing(NamedTuple):
    """Attributes:
    windows: how many are measured of each candidate.
    seconds: length of a window, at least.
    """

    windows: int
    seconds: float


def in_turn(candidates: Mapping[str, Callable[[float], float]], timing: Timing) -> dict[str, list[float]]:
    """What each candidate measures in windows A B C A B C ...: {name: [rate]}. A candidate takes a window's seconds."""
    rates = {name: [] for name in candidates}
    for _ in range(timing.windows):
        for name, measure in candidates.items():
            rates[name].append(measure(timing.seconds))
    return rates


def medians(rates: Mapping[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(windows) for name, windows in rates.items()}


def peer_rate(command: str) -> float:
    """Runs a peer once; the `examples_per_second` of the JSON line it prints last. Raises UsageError without one."""
    try:
        done = subprocess.run(shlex.split(command), capture_output=True, text=True)
    except (OSError, ValueError, IndexError) as error:
        raise UsageError(f'the peer {command!r} cannot be run: {error}') from None
    try:
        return float(json.loads(done.stdout.strip().splitlines()[-1])['examples_per_second'])
    except (IndexError, ValueError, KeyError, TypeError):
        reason = (done.stderr.strip().splitlines() or ['it printed no such line'])[-1]
        raise UsageError(f'the peer {command!r} gave no JSON line with examples_per_second: {reason}') from None
