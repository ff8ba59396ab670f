"""The errors that a user can mend, and how every command reports them: one sentence on stderr, no traceback."""

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

from autoint_jax import interruptions

# Exit statuses of every command, beside 0 and those that a command documents itself.
SYSTEM, USAGE, BROKEN_PIPE, TERMINATED = 1, 2, 141, 143

# {error number: why, and what to do}
_REASONS = {
    errno.ENOENT: 'it does not exist: check the path',
    errno.EACCES: 'permission is denied: change its permissions, or name another path',
    errno.EPERM: 'the system does not permit that: change its permissions or attributes, or name another path',
    errno.EISDIR: 'it is a folder, and a file is needed: name a file',
    errno.ENOTDIR: 'a part of this path is a file, and a folder is needed: name another path',
    errno.EEXIST: 'it exists already: move it away, or name another path',
    errno.ENOTEMPTY: 'this folder is not empty: move it away, or name another path',
    errno.ENAMETOOLONG: 'this name is longer than the file system allows: name a shorter path',
    errno.ELOOP: 'its symbolic links lead in a circle: mend the links, or name another path',
    errno.EROFS: 'this file system is read-only: name a path that can be written',
    errno.EIO: 'the disk failed to read or write it: check the disk, and run the same command again',
    errno.ESTALE: 'the file server has lost it: run the same command again',
    errno.ENOLCK: 'its file system gives no locks: name a path on another file system',
    errno.EMFILE: "too many files are open: raise the limit with 'ulimit -n', and run the same command again",
    errno.ENFILE: 'too many files are open on this machine: close some programs, and run the same command again',
    errno.ENOEXEC: 'it is no program that this machine can run: name another one',
    errno.ETXTBSY: 'it is running as a program: end that, or name another path',
    errno.EBUSY: 'it is in use: end what uses it, or name another path',
    errno.EFBIG: 'it would be larger than the file system or the limits of this process allow: name another path',
    errno.ENXIO: 'it is a device or a pipe that nothing answers: name an ordinary file',
    errno.EINVAL: 'the system cannot do that with it: name an ordinary path on an ordinary file system',
}
LONGEST = 4000  # characters of a sentence, in whose middle a value may have millions
_FULL = {errno.ENOSPC: 'the disk is full', errno.EDQUOT: 'your disk quota is used up'}


class UsageError(Exception):
    """Something the user can mend. The message is one sentence naming the file, field or value and what to do."""


class Terminated(KeyboardInterrupt):
    """SIGTERM has come: the process ends as at an interruption."""


def shown(text: Any) -> str:
    """A text of foreign origin (a value, a name, a path) as it may be printed: on one line, and harmless to a terminal.

    Control characters, line ends, escape sequences, marks that reverse the direction of writing, and halves of surrogate pairs are
    written as Python would escape them, such as '\\x1b'. Any other character stays as it is.
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
    """Whether a terminal may act on a character: control, format (such as bidi marks), surrogate, line and paragraph separators.

    The joiners U+200C and U+200D are format characters, too, but belong to ordinary words and pictures.
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
    """Wraps a command's `main`: what a user or the system is to blame for becomes one line on stderr and a non-zero exit status.

    Exit statuses: 2 for a `UsageError`; 1 for what the system refuses (a file, permissions, a full disk, memory); 130 for an
    interruption, 143 for SIGTERM; 141, without a word, where nobody reads the output any more. Anything else is a defect of this
    project and keeps its traceback.

    Args:
      main: takes the command's name and its arguments; returns the exit status, None for 0.
      arguments: how many it takes at most that are no flags.
    """

    @functools.wraps(main)
    def command(argv: list[str]) -> None:
        absl.logging.set_verbosity(absl.logging.FATAL)  # Orbax logs what it also raises
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
    """The sentence and the exit status for an error that a user or the system is to blame for; None for a defect of this project.

    The sentence is '' where nobody is left to read it.
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
    if isinstance(error, MemoryError) or 'RESOURCE_EXHAUSTED' in str(error):  # the latter from XLA
        said = next(iter(str(error).splitlines()), '')
        return (
            f'there is not enough memory{f" ({said})" if said else ""}: use a smaller batch, fewer copies or workers, or narrower '
            'tables; scripts/doctor.py shows what a configuration needs'
        ), SYSTEM
    if isinstance(error, OSError):
        return system_sentence(error), SYSTEM
    if isinstance(error, UnicodeError):
        return f'a text is not in the encoding that it should be in ({error}): convert it to UTF-8', SYSTEM
    return None


def system_sentence(error: OSError) -> str:
    """One sentence for what the system refused: the file (both files of a rename), why, and what to do."""
    names = ' to '.join(
        shown(os.fsdecode(name)) if isinstance(name, (str, bytes, os.PathLike)) else f'file {name}'
        for name in (error.filename, error.filename2)
        if name is not None
    )
    if error.errno in _FULL:
        return (
            f'{_FULL[error.errno]}{f" while writing {names}" if names else ""}: free some space and run the same command again, '
            'finished work is kept'
        )
    reason = _REASONS.get(error.errno)
    if reason is None:
        said = error.strerror or str(error) or type(error).__name__
        reason = f'the system says {said!r}: check the path, the disk and the network, and run the same command again'
    return f'{names}: {reason}' if names else f'a file cannot be used: {reason}'


def terminate(number: int, frame: Any) -> NoReturn:
    """A handler of SIGTERM that ends the process as an interruption does. A second SIGTERM ends it at once."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    raise Terminated


def fail(sentence: str, status: int) -> NoReturn:
    """Ends the process at once with a sentence on stderr, on one line and without control characters; with none where it is ''."""
    with contextlib.suppress(
        OSError, AttributeError
    ):  # nobody reads it any more, the disk is full, or there is no such stream
        sys.stdout.flush()
    with contextlib.suppress(OSError):
        if sentence:
            said = shown(_on_one_line(sentence))
            said = said if len(said) <= LONGEST else f'{said[: LONGEST // 2]} ... {said[-LONGEST // 2 :]}'
            print(f'error: {said}', file=sys.stderr, flush=True)
    os._exit(status)  # Orbax's writing threads would otherwise add their tracebacks on the way out


def _on_one_line(text: str) -> str:
    """Text that a library has laid out in lines, such as YAML's errors, or several sentences, on one."""
    return re.sub(r'(?<=[:;,.])\s*\n\s*', ' ', re.sub(r'(?<![:;,.\s])[ \t]*\r?\n\s*', '; ', text.strip()))


def nearest(name: str, known: list[str]) -> str:
    """' (did you mean X?)' for a near miss of one of `known`, else ''."""
    close = difflib.get_close_matches(name, known, n=1)
    return f' (did you mean {close[0]!r}?)' if close else ''
