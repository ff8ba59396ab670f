"""The thread that ends this process if another process of its run has ended, has died or hangs."""

import json
import threading
import time
from collections.abc import Callable

import jax

from autoint_jax.exits import SYSTEM
from autoint_jax.training.processes import group

# Seconds between two looks; seconds without a sign of life after which a process is taken for dead, and how many are
# enough once this process has got an error that the death of another one may explain.
LOOK_SECONDS, DEAD_SECONDS, SUSPECT_SECONDS = 1.0, 20.0, 6.0
LAST_WORD_SECONDS = 3.0  # that the first process waits before it ends with an error
GO_ON = 'run the same command again to go on from the last checkpoint'


class Watch:
    """Watches the other processes of a run from a thread of its own.

    Each process puts a sign of life into the store at every look. Its thread does so even while the process computes
    or waits, so only a process that is dead, stopped or cut off gives none. A process that does not move on for
    `hang_seconds` ends itself, and by that all others.
    """

    def __init__(self, hang_seconds: float, end: Callable[[str, int], object]):
        """Args:
        hang_seconds: seconds without any move after which this process ends.
        end: called from the thread with a sentence and an exit status; it ends the process.
        """
        self._hang_seconds, self._dead_seconds, self._end = hang_seconds, DEAD_SECONDS, end
        self._seen: dict[int, tuple[str, float]] = {}  # by process: its last sign of life, and when it was new
        self._moves, self._moved_at = -1, 0.0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name='processes')

    def start(self) -> None:
        now = time.monotonic()
        self._seen = {process: ('', now) for process in range(group.count()) if process != group.number()}
        self._moved_at = now
        self._thread.start()

    def suspect(self) -> None:
        """Takes a process for dead sooner, because something has failed."""
        self._dead_seconds = SUSPECT_SECONDS

    def stop(self) -> None:
        """Ends the watch; the others may end from now on."""
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        look = 0
        while not self._stopped.wait(LOOK_SECONDS):
            look += 1
            try:
                found = self._verdict(str(look), time.monotonic())
            except jax.errors.JaxRuntimeError:  # the first process is lost, and the `Relay` says so
                return
            if found is not None and not self._stopped.is_set():
                linger()
                self._end(*found)
                return

    def _verdict(self, sign: str, now: float) -> tuple[str, int] | None:
        """Gives a sign of life, looks at the others, and returns sentence and exit status if this process must end."""
        group.say(f'alive/{group.number()}', sign)
        ended, alive = group.said('ended'), group.said('alive')
        for name, text in ended.items():
            if int(name) != group.number():
                sentence, status = json.loads(text)
                return f'process {name} ended: {sentence}', status
        for process, (last, since) in self._seen.items():
            if (new := alive.get(str(process), '')) != last:
                self._seen[process] = new, now
            elif now - since > self._dead_seconds:
                return self._told(
                    f'process {process} of this run has died or is stopped (no sign of life for '
                    f'{now - since:.0f} s): {GO_ON}'
                )
        if group.moves() != self._moves:
            self._moves, self._moved_at = group.moves(), now
        elif now - self._moved_at > self._hang_seconds:
            return self._told(
                f'process {group.number()} of this run has not moved on for {now - self._moved_at:.0f} s, so it or '
                f'another one hangs: {GO_ON}, and give a larger --hang_seconds if a step or an evaluation takes that '
                'long'
            )
        return None

    def _told(self, sentence: str) -> tuple[str, int]:
        """Tells the others why this process ends, and returns sentence and exit status."""
        tell_end(sentence, SYSTEM)
        return sentence, SYSTEM


def tell_end(sentence: str, status: int) -> None:
    """Tells the other processes that this one ends with an error, so that they end too."""
    group.say(f'ended/{group.number()}', json.dumps([sentence, status]))


def linger() -> None:
    """Waits in the first process, with which the store ends, until the others have read why a process ends."""
    if group.is_first():
        time.sleep(LAST_WORD_SECONDS)
