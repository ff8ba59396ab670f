"""Handles Ctrl-C and missing packages while a command imports its libraries, and Ctrl-C that Python would lose."""

from __future__ import annotations  # doctor.py imports this before it refuses old versions of Python

import _thread
import contextlib
import os
import signal
import sys
import threading
from types import TracebackType
from typing import Any, NoReturn

from autoint_jax import packages

SENTENCE = 'interrupted: run the same command again to go on from the last checkpoint, if it was training'
INTERRUPTED = 130  # the exit status
AGAIN_SECONDS = 0.05  # until a lost interruption is raised again


def handle() -> None:
    """Makes an interruption end the process at any moment, with one sentence.

    Every script calls it before its other imports.

    During the imports Ctrl-C ends the process at once: there is nothing to tidy up, and some libraries cannot handle an
    exception when they are half imported. If Ctrl-C is ignored, as under nohup, it stays ignored.

    An optional package that the imports do not find ends the process with one sentence, too.

    Later, an interruption may arrive in a callback whose errors Python can only print, such as a finalizer or a hook of
    the garbage collector. It would be lost, and the command would run on, so it is raised again shortly afterwards.
    """
    sys.excepthook = _unhandled
    sys.unraisablehook = _dropped
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def imported() -> None:
    """Lets Ctrl-C raise KeyboardInterrupt from now on, so that the command can tidy up."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(number: int, frame: Any) -> NoReturn:
    """Ends the process at once, with the sentence on stderr."""
    with contextlib.suppress(OSError):
        os.write(2, f'error: {SENTENCE}\n'.encode())  # streams and modules may be incomplete
    os._exit(INTERRUPTED)


def _unhandled(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        _end(signal.SIGINT, None)
    if isinstance(error, ImportError) and (sentence := packages.sentence(error)):
        print(f'error: {sentence}', file=sys.stderr, flush=True)  # Python ends the process with status 1
        return
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
