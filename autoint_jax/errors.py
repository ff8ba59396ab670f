"""Errors that a user can fix, and the sentences that tell errors of the system."""

import contextlib
import difflib
import errno
import os
import re
from collections.abc import Iterator

from autoint_jax.terminal import shown

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
_FULL = {errno.ENOSPC: 'the disk is full', errno.EDQUOT: 'your disk quota is used up'}
FULL = (*_FULL, errno.EFBIG)  # numbers of all errors of the system about space for a file
LEAST_LIKENESS = 0.5  # from 0 to 1; how similar the last parts of two names must be


class UsageError(Exception):
    """An error that the user can fix.

    Its message is one sentence that names the file, field or value, and what to do.

    Attributes:
      status: the exit status of a command that ends with it.
    """

    status = 2


def disk_is_full(error: BaseException) -> bool:
    """Returns whether an error means that the disk or the quota is full."""
    return isinstance(error, OSError) and error.errno in _FULL


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


@contextlib.contextmanager
def full_disk_named(path: str | os.PathLike[str]) -> Iterator[None]:
    """A context that turns errors about space into an OSError with the name of the file.

    Writing gives no name, and Polars gives the number of the error only in its text, as in '(os error 28)'.
    """
    try:
        yield
    except Exception as error:  # Polars has classes of its own; what is not about space is raised as it came
        told = re.search(r'\(os error (\d+)\)', str(error))
        number = getattr(error, 'errno', None) or (int(told[1]) if told else None)
        if number not in FULL or getattr(error, 'filename', None) is not None:
            raise
        raise OSError(number, os.strerror(number), str(path)) from error


@contextlib.contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[None]:
    """A context in which only one file is written. It adds the name of the file to an OSError.

    NumPy gives no error number where a full disk cut a write short.
    """
    try:
        with full_disk_named(path):
            yield
    except OSError as error:
        if error.filename is not None:
            raise
        raise OSError(error.errno or errno.ENOSPC, error.strerror or 'no space left', str(path)) from error


def nearest(name: str, known: list[str]) -> str:
    """Returns ' (did you mean X?)' with a name in `known` that the user may have meant, capitals or not; else ''.

    It is the first one of which `name` is an abbreviation, as optimizer.lr is of optimizer.learning_rate, or else the
    most similar one. The last part of a name, after its dots, must be similar too: options of one group are not
    similar just because they share the name of the group.
    """
    folded = {other.casefold(): other for other in known}
    group, _, last = name.casefold().rpartition('.')

    def likeness(other: str) -> float:
        return difflib.SequenceMatcher(None, last, other.rpartition('.')[2]).ratio()

    found = [other for other in folded if len(last) > 1 and _abbreviated(other, group) == last]
    if not found:
        similar = difflib.get_close_matches(name.casefold(), folded, n=max(len(folded), 1))
        found = sorted((other for other in similar if likeness(other) >= LEAST_LIKENESS), key=likeness, reverse=True)
    return f' (did you mean {folded[found[0]]!r}?)' if found else ''


def _abbreviated(name: str, group: str) -> str:
    """Returns the initials of the last part of a name, as 'lr', if the parts before it contain `group`; else ''."""
    before, _, last = name.rpartition('.')
    return ''.join(word[:1] for word in last.split('_')) if group in before else ''
