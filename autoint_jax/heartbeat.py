"""A thread that breaks the silence of a command: it says what goes on."""

import contextlib
import threading
import time
from collections.abc import Callable

# After so many seconds without a line, another line says what goes on: on a terminal, and in a pipe or file.
QUIET_SECONDS, PIPE_SECONDS = 8.0, 20.0


class Heartbeat:
    """Says what goes on, from its own thread, whenever nothing has been said for some seconds.

    Attributes:
      quiet_seconds: how long nothing may be said.
    """

    def __init__(self, say: Callable[[str], None], quiet_seconds: float | None = None):
        """Args:
        say: called with a sentence, from the thread.
        quiet_seconds: how long nothing may be said; QUIET_SECONDS by default.
        """
        self.quiet_seconds = QUIET_SECONDS if quiet_seconds is None else quiet_seconds
        self._say, self._began, self._said = say, 0.0, 0.0
        self._sentence: Callable[[float], str] = lambda seconds: ''
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def doing(self, what: str, *, timed: bool = True) -> None:
        """Begins an activity and ends the one before; its sentence has the seconds since then if `timed`."""
        with self._changed:
            self._sentence = lambda seconds: f'{what} ({seconds:.0f} s)' if timed else what
            self._began = time.monotonic()
            if self._thread is None:
                self._said = self._began
                self._thread = threading.Thread(target=self._watch, daemon=True, name='heartbeat')
                self._thread.start()

    def heard(self) -> None:
        """Notes that something was said or shown."""
        with self._changed:
            self._said = time.monotonic()

    def quiet_until(self) -> float:
        """Returns when the next sentence is due, by the clock of `time.monotonic`."""
        return self._said + self.quiet_seconds

    def close(self) -> None:
        with self._changed:
            thread, self._thread = self._thread, None
            self._changed.notify_all()
        if thread is not None:
            thread.join()

    def _watch(self) -> None:
        while True:
            with self._changed:
                if self._thread is None:
                    return
                now = time.monotonic()
                if now < self.quiet_until():
                    self._changed.wait(self.quiet_until() - now)
                    continue
                self._said, sentence = now, self._sentence(now - self._began)
            with contextlib.suppress(OSError, ValueError):  # nobody reads the output any more
                self._say(sentence)  # without the lock, because printing calls `heard`
