"""Ctrl-C while a command still imports its libraries, or at a moment when Python would drop the interruption."""

from __future__ import annotations  # doctor.py refuses old versions of Python only afterwards

import _thread
import contextlib
import os
import signal
import sys
import threading
from types import TracebackType
from typing import Any, NoReturn

SENTENCE = 'interrupted: run the same command again to go on from the last checkpoint, if it was training'
INTERRUPTED = 130  # the exit status
AGAIN_SECONDS = 0.05


def handle() -> None:
    """Makes an interruption end the process at any moment, with one sentence. Every script calls it before its other imports.

    During the imports Ctrl-C ends the process at once, because there is nothing to tidy up, and libraries that are half imported do
    not all survive an exception. Where Ctrl-C is ignored, as under nohup, it stays ignored.
    An interruption that arrives later, in a callback whose errors Python can only print, such as a finalizer or a hook of the garbage
    collector, would be lost, and the command would run on. It is raised again shortly afterwards.
    """
    sys.excepthook = _unhandled
    sys.unraisablehook = _dropped
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def imported() -> None:
    """From here on Ctrl-C raises KeyboardInterrupt, so that what has begun is tidied up."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(number: int, frame: Any) -> NoReturn:
    with contextlib.suppress(OSError):
        os.write(2, f'error: {SENTENCE}\n'.encode())  # neither streams nor modules need be whole yet
    os._exit(INTERRUPTED)


def _unhandled(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        _end(signal.SIGINT, None)
    sys.__excepthook__(kind, error, traceback)


def _dropped(unraisable: Any) -> None:
    kind = unraisable.exc_type
    if not issubclass(kind, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)
        return

    def again(number: int, frame: Any) -> NoReturn:
        raise kind

    signal.signal(signal.SIGINT, again)
    timer = threading.Timer(AGAIN_SECONDS, _thread.interrupt_main)
    timer.daemon = True
    try:
        timer.start()
    except RuntimeError:  # the process is ending anyway
        pass
