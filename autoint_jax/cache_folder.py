"""The user's cache folder. Code is loaded from it, so nobody else may be able to write to it."""

import os
import pathlib
import stat
import tempfile

PRIVATE = 0o700
OF_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class Unsafe(Exception):
    """A folder is not safe for compiled code. The message is a sentence with the reason and what to do."""


def cache_home() -> pathlib.Path:
    """Returns the folder of this project's caches, autoint_jax in XDG_CACHE_HOME or ~/.cache. It is not made.

    A relative XDG_CACHE_HOME is ignored, as its specification asks. A user without a home gets a folder among the
    temporary files.
    """
    named = pathlib.Path(os.environ.get('XDG_CACHE_HOME', ''))
    if named.is_absolute():
        return named / 'autoint_jax'
    try:
        home = pathlib.Path.home()
    except RuntimeError:
        home = pathlib.Path()
    if home.is_absolute():
        return home / '.cache' / 'autoint_jax'
    return pathlib.Path(tempfile.gettempdir(), f'autoint_jax-{os.geteuid()}')


def private_folder(folder: pathlib.Path) -> pathlib.Path:
    """Makes a folder that only this user can enter, or checks that an existing one is safe.

    If it lies within `cache_home()`, the folders up to that one are checked, too.

    Returns:
      The folder.

    Raises:
      Unsafe: another user owns it or can write to it, or this user cannot.
    """
    home = cache_home()
    folders = [folder, *(parent for parent in folder.parents if parent == home or home in parent.parents)]
    for one in reversed(folders):
        try:
            one.parent.mkdir(parents=True, exist_ok=True)
            one.mkdir(mode=PRIVATE, exist_ok=True)
            reason = _reason_against(one.stat(), 'folder', str(one))
        except (OSError, ValueError) as error:
            raise Unsafe(f'{one} cannot be written ({getattr(error, "strerror", None) or error})') from None
        if reason:
            raise Unsafe(reason)
        if one.stat().st_mode & 0o077 and home in (one, *one.parents):
            one.chmod(PRIVATE)
    try:
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise Unsafe(f'{folder} cannot be written ({error.strerror})') from None


def is_private_file(path: pathlib.Path) -> bool:
    """Whether a path is a file of this user, not a link, that nobody else can write to."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and not _reason_against(found, 'file', str(path))


def _reason_against(found: os.stat_result, kind: str, path: str) -> str:
    """Returns a sentence if code must not be loaded from there, else ''."""
    if found.st_uid != os.geteuid():
        return f'{path} belongs to another user, so it is not used: set XDG_CACHE_HOME to a folder of your own'
    if found.st_mode & OF_OTHERS:
        mode = stat.S_IMODE(found.st_mode)
        return (
            f'others may write the {kind} {path} (mode {mode:04o}), so it is not used: empty it and give it mode 0700'
        )
    return ''
