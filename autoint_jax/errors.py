"""Errors that a user can fix, and how every command reports them: in one sentence on stderr, without a traceback."""

import contextlib
import difflib
import errno
import functools
import os
import re
import signal
import sys
import unicodedata
from collections.abc import Callable
from typing import Any, NoReturn

import absl.logging

from autoint_jax import interruptions, packages

# Exit statuses of every command, beside 0 and those in a command's own documentation.
SYSTEM, USAGE, BROKEN_PIPE, TERMINATED = 1, 2, 141, 143

# {error number: the reason, and what to do}
_REASONS = {
    errno.ENOENT: 'it does not exist: check the path',
    errno.EACCES: 'permission is denied: change its permissions, or name another path',
    errno.EPERM: 'the system does not permit that: change its permissions or attributes, or name another path',
    errno.EISDIR: 'it is a folder, and a file is needed: name a file',
    errno.ENOTDIR: 'a part of this path is a file, and a folder is needed: name another path',
    errno.EEXIST: 'it exists already: move it away, or name another path',
    errno.ENOTEMPTY: 'this folder is not empty: move it away, or name another path',
    errno.ENAMETOOLONG: 'this name is longer than the file system allows: name a shorter path',
    errno.ELOOP: 'its symbolic links lead in a circle: correct the links, or name another path',
    errno.EROFS: 'this file system is read-only: name a path that can be written',
    errno.EIO: 'the disk failed to read or write it: check the disk, and run the same command again',
    errno.ESTALE: 'the file server has lost it: run the same command again',
    errno.ENOLCK: 'its file system gives no locks: name a path on another file system',
    errno.EMFILE: "too many files are open: raise the limit with 'ulimit -n', and run the same command again",
    errno.ENFILE: 'too many files are open on this machine: close some programs, and run the same command again',
    errno.ENOEXEC: 'it is not a program that this machine can run: name another one',
    errno.ETXTBSY: 'it is running as a program: end the program, or name another path',
    errno.EBUSY: 'another program uses it: end that program, or name another path',
    errno.EFBIG: 'it would be larger than the file system or the limits of this process allow: name another path',
    errno.ENXIO: 'it is a device or a pipe, and nothing answers there: name an ordinary file',
    errno.EINVAL: 'the system does not support that here: name an ordinary path on an ordinary file system',
}
LONGEST = 4000  # most characters of a sentence; a longer one, with a value of millions, is cut in the middle
_FULL = {errno.ENOSPC: 'the disk is full', errno.EDQUOT: 'your disk quota is used up'}


class UsageError(Exception):
    """An error that the user can fix.

    Its message is one sentence that names the file, field or value, and what to do.
    """


class Terminated(KeyboardInterrupt):
    """The process got SIGTERM; it ends as after an interruption."""


def shown(text: Any) -> str:
    """Returns a text from outside (a value, a name, a path) on one line and harmless to a terminal.

    Control characters, line ends, escape sequences, marks that reverse the direction of writing, and halves of
    surrogate pairs are escaped as in Python, such as '\\x1b'. All other characters stay.
    """
    text = str(text)
    return (
        text
        if text.isprintable()
        else ''.join(
            character.encode('unicode_escape').decode() if _harmful(character) else character for character in text
        )
    )


def _harmful(character: str) -> bool:
    """Whether a terminal may act on a character.

    These are control, format (such as bidi marks) and surrogate characters, and line and paragraph separators. The
    joiners U+200C and U+200D are format characters, too, but ordinary words and pictures contain them.
    """
    return (
        (
            character > '~'
            and character not in '\u200c\u200d'
            and unicodedata.category(character) in ('Cc', 'Cf', 'Cs', 'Zl', 'Zp')
        )
        or character < ' '
        or character == '\x7f'
    )


def reported(main: Callable[[list[str]], int | None], *, arguments: int = 0) -> Callable[[list[str]], None]:
    """Wraps a command's `main`, so that errors of the user or the system become one line on stderr and a status.

    Exit statuses: 2 for a `UsageError`; 1 if the system refuses something (a file, permissions, a full disk, memory) or
    lacks an optional package; 130 for an interruption; 143 for SIGTERM; 141, without a sentence, if nobody reads the
    output any more. Any other error is a defect of this project and keeps its traceback.

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
        return str(error), USAGE
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


def system_sentence(error: OSError) -> str:
    """Returns a sentence for an error of the system: the file (or both files of a rename), the reason, the remedy."""
    names = ' to '.join(
        shown(os.fsdecode(name)) if isinstance(name, (str, bytes, os.PathLike)) else f'file {name}'
        for name in (error.filename, error.filename2)
        if name is not None
    )
    if error.errno in _FULL:
        return (
            f'{_FULL[error.errno]}{f" while writing {names}" if names else ""}: free some space and run the same '
            'command again, finished work is kept'
        )
    reason = _REASONS.get(error.errno or 0)
    if reason is None:
        said = error.strerror or str(error) or type(error).__name__
        reason = f'the system says {said!r}: check the path, the disk and the network, and run the same command again'
    return f'{names}: {reason}' if names else f'a file cannot be used: {reason}'


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


def nearest(name: str, known: list[str]) -> str:
    """Returns ' (did you mean X?)' if a name in `known` is similar, else ''."""
    close = difflib.get_close_matches(name, known, n=1)
    return f' (did you mean {close[0]!r}?)' if close else ''
