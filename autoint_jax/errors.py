"""The one kind of error a user can mend, and how every command reports it."""

import difflib
import errno
import functools
import os
import sys
from collections.abc import Callable

import absl.logging


class UsageError(Exception):
    """Something the user can mend. The message is one sentence naming the file, field or value and what to do."""


def reported(main: Callable[[list[str]], int | None]) -> Callable[[list[str]], None]:
    """Wraps a command's `main`: errors a user can mend become one line on stderr and a non-zero exit status.

    Exit statuses: 2 for a `UsageError`, 1 for a full disk, 130 for an interruption. Anything else is a defect of
    this project and keeps its traceback.
    """

    @functools.wraps(main)
    def command(argv: list[str]) -> None:
        absl.logging.set_verbosity(absl.logging.FATAL)  # Orbax logs what it also raises
        if len(argv) > 1:
            _fail(f'unexpected argument {argv[1]!r}: options are written --name=value, see --help', status=2)
        try:
            status = main(argv)
        except UsageError as error:
            _fail(str(error), status=2)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            where = f' while writing {error.filename}' if error.filename else ''
            _fail(f'the disk is full{where}: free some space and run the same command again, finished work is kept',
                  status=1)
        except KeyboardInterrupt:
            _fail('interrupted: run the same command again to go on from the last checkpoint', status=130)
        else:
            sys.exit(status or 0)

    return command


def _fail(sentence: str, *, status: int) -> None:
    sys.stdout.flush()
    print(f'error: {sentence}', file=sys.stderr, flush=True)
    os._exit(status)  # Orbax's writing threads would otherwise add their tracebacks on the way out


def nearest(name: str, known: list[str]) -> str:
    """' (did you mean X?)' for a near miss of one of `known`, else ''."""
    close = difflib.get_close_matches(name, known, n=1)
    return f' (did you mean {close[0]!r}?)' if close else ''
