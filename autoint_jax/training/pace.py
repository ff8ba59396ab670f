"""The pace of a run: how many steps the next chunk has, when to save by the clock, and when to stop."""

import time
from collections.abc import Callable

from autoint_jax.training.processes.decisions import decided, of_all
from autoint_jax.training.step.feed import REPORT_STEPS

# A chunk takes about this long at most, so that a run that shall save or stop does so soon. Chunks of few steps cost
# nothing if they take this long.
CHUNK_SECONDS = 2.0
UNKNOWN_STEPS = 8  # steps of a chunk while the time of a step is unknown
STOP, SAVE = -1, 0


class Pace:
    """Decides between chunks what a run does next. The processes of a run take each decision together."""

    def __init__(self, checkpoint_seconds: float, asked_to_stop: Callable[[], bool]):
        """Args:
        checkpoint_seconds: seconds between two saves by the clock; 0 for none.
        asked_to_stop: returns whether the run shall stop.
        """
        self._checkpoint_seconds, self._asked_to_stop = checkpoint_seconds, asked_to_stop
        self._seconds_per_step: float | None = None
        self._opening, self._advanced, self._saved = True, False, time.monotonic()

    def next(self) -> int:
        """Returns what follows the chunks so far: STOP, SAVE, or the most steps of the next chunk.

        The very first chunk of all has one step, so that the time to the first step can be reported. A run stops if one
        of its processes is asked to.
        """
        stop = any(of_all(self._asked_to_stop()))
        return decided(lambda: STOP if stop else self._next())

    def _next(self) -> int:
        due = self._checkpoint_seconds and time.monotonic() - self._saved >= self._checkpoint_seconds
        if due and self._advanced:
            return SAVE
        self._advanced = True
        if self._opening:
            self._opening = False
            return 1
        if self._seconds_per_step is None:
            return UNKNOWN_STEPS
        return int(min(REPORT_STEPS, max(1.0, CHUNK_SECONDS / self._seconds_per_step)))

    def took(self, steps: int, seconds: float) -> None:
        """Notes how long a chunk took."""
        self._seconds_per_step = max(seconds, 1e-9) / steps

    def saved(self) -> None:
        """Notes that the run is saved up to its last step."""
        self._saved, self._advanced = time.monotonic(), False
