"""How every command ends: with an exit status, and after an error with one sentence on stderr, without a traceback."""

import contextlib
import functools
import os
import re
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import absl.logging

from autoint_jax import interruptions, packages
from autoint_jax.errors import UsageError, system_sentence
from autoint_jax.terminal import shown

# Exit statuses of every command, beside 0 and those in a command's own documentation.
# A run that SIGTERM stopped, and that is saved, ends with STOPPED. The number is EX_TEMPFAIL of sysexits.h, "try again
# later", so that a rule of a scheduler can tell it from 143, with which a command ends that saved nothing.
SYSTEM, USAGE, STOPPED, BROKEN_PIPE, TERMINATED = 1, UsageError.status, 75, 141, 143
LONGEST = 4000  # most characters of a sentence; a longer one, with a value of millions, is cut in the middle


class Terminated(KeyboardInterrupt):
    """The process got SIGTERM; it ends as after an interruption."""


class Stopped(Terminated):
    """The process got SIGTERM while it trained, and has saved the run.

    Attributes:
      step: the step at which the run is saved.
    """

    def __init__(self, step: int):
        super().__init__(step)
        self.step = step


def reported(main: Callable[[list[str]], int | None], *, arguments: int = 0) -> Callable[[list[str]], None]:
    """Wraps a command's `main`, so that errors of the user or the system become one line on stderr and a status.

    Exit statuses: 2 for a `UsageError`; 1 if the system refuses something (a file, permissions, a full disk, memory) or
    lacks an optional package; 130 for an interruption; 75 for SIGTERM if a run was saved because of it, else 143; 141,
    without a sentence, if nobody reads the output any more. Any other error is a defect of this project and keeps its
    traceback.

    Args:
      main: (name of the command and its arguments) -> exit status; None = 0.
      arguments: the most arguments that are not flags.
    """

    @functools.wraps(main)
    def command(argv: list[str]) -> None:
        absl.logging.set_verbosity(absl.logging.FATAL)  # Orbax also logs the errors that it raises
        try:
            if len(argv) > 1 + arguments:
                raise UsageError(
                    f'unexpected argument {argv[1 + arguments]!r}: options are written --name=value, see --help'
                )
            status = main(argv)
            if sys.stdout is not None:
                sys.stdout.flush()
        except (Exception, KeyboardInterrupt) as error:
            found = described(error)
            if found is None:
                raise
            fail(*found)
        else:
            sys.exit(status or 0)

    return command


def described(error: BaseException) -> tuple[str, int] | None:
    """Returns sentence and exit status for an error of the user or the system; None for a defect of this project.

    The sentence is '' if nobody is left to read it.
    """
    if isinstance(error, UsageError):
        return str(error), error.status
    if isinstance(error, Stopped):
        return (
            f'ended by SIGTERM after saving step {error.step:,}: run the same command again to go on from there',
            STOPPED,
        )
    if isinstance(error, Terminated):
        return (
            'ended by SIGTERM: run the same command again to go on from the last checkpoint, if it was training',
            TERMINATED,
        )
    if isinstance(error, KeyboardInterrupt):
        return interruptions.SENTENCE, interruptions.INTERRUPTED
    if isinstance(error, BrokenPipeError):
        return '', BROKEN_PIPE
    if isinstance(error, MemoryError) or 'RESOURCE_EXHAUSTED' in str(error):  # XLA raises an error with this text
        said = next(iter(str(error).splitlines()), '')
        return (
            f'there is not enough memory{f" ({said})" if said else ""}: use a smaller batch, fewer copies or '
            'workers, or narrower tables; scripts/doctor.py shows what a configuration needs'
        ), SYSTEM
    if isinstance(error, ImportError) and (sentence := packages.sentence(error)):
        return sentence, SYSTEM
    if isinstance(error, OSError):
        return system_sentence(error), SYSTEM
    if isinstance(error, UnicodeError):
        return f'a text is not in the expected encoding ({error}): convert it to UTF-8', SYSTEM
    return None


def terminate(number: int, frame: Any) -> NoReturn:
    """Handles SIGTERM: ends the process as an interruption does. A second SIGTERM ends it at once."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    raise Terminated


def fail(sentence: str, status: int) -> NoReturn:
    """Ends the process at once, with a sentence on one line of stderr, unless it is ''."""
    # Nobody reads the output any more, the disk is full, or there is no such stream.
    with contextlib.suppress(OSError, AttributeError):
        sys.stdout.flush()
    with contextlib.suppress(OSError):
        if sentence:
            said = shown(_on_one_line(sentence))
            said = said if len(said) <= LONGEST else f'{said[: LONGEST // 2]} ... {said[-LONGEST // 2 :]}'
            print(f'error: {said}', file=sys.stderr, flush=True)
    os._exit(status)  # otherwise Orbax's writing threads would add their tracebacks


def _on_one_line(text: str) -> str:
    """Puts a text of several lines, such as an error of YAML, on one line."""
    return re.sub(r'(?<=[:;,.])\s*\n\s*', ' ', re.sub(r'(?<![:;,.\s])[ \t]*\r?\n\s*', '; ', text.strip()))
