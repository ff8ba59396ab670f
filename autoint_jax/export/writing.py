"""The folder of a bundle while it is written: it has its name only when it is whole.

OUT.unfinished-.../new    the bundle that is written
OUT.unfinished-.../old    the bundle that it replaces, for the moment between two renames
"""

import contextlib
import os
import pathlib
from collections.abc import Iterator

from autoint_jax import stored
from autoint_jax.bundle.manifest import FORMAT, MANIFEST
from autoint_jax.errors import UsageError
from autoint_jax.unfinished import leftovers, remove, unfinished_name


def check_out(out: pathlib.Path, *, overwrite: bool) -> None:
    """Raises UsageError if a bundle cannot be written to a folder.

    Args:
      out: the folder.
      overwrite: whether a bundle that is there is replaced; other folders never are.
    """
    if out.name in ('', '..'):
        raise UsageError(f'--out={out} names no new folder: name one, such as --out=bundle')
    if not out.parent.is_dir():
        raise UsageError(f'--out={out}: the folder {out.parent} does not exist: make it first')
    if not os.path.lexists(out):
        return
    if not _is_bundle(out):
        raise UsageError(f'--out={out} exists and is no bundle: move it away, or name another folder')
    if not overwrite:
        raise UsageError(f'--out={out} is a bundle already: pass --overwrite to replace it, or name another folder')


@contextlib.contextmanager
def bundle_folder(out: pathlib.Path, *, overwrite: bool) -> Iterator[pathlib.Path]:
    """A context with an empty folder, which becomes `out` when the context ends without an error.

    An error leaves `out` as it was. A killed process leaves only OUT.unfinished-..., which the next export
    clears.

    Raises:
      UsageError: as `check_out` does.
    """
    for left in leftovers(out):  # a process was killed between the two renames
        _put_back(left / 'old', out)
    check_out(out, overwrite=overwrite)
    for left in leftovers(out):
        remove(left)
    scratch = unfinished_name(out)
    new, old = scratch / 'new', scratch / 'old'
    new.mkdir(parents=True)
    try:
        yield new
        _on_disk(new)
        check_out(out, overwrite=overwrite)
        if os.path.lexists(out):
            os.rename(out, old)
        os.rename(new, out)
        _sync(out.parent)
    finally:
        _put_back(old, out)  # if that fails, the folder stays with it
        remove(scratch)


def _put_back(old: pathlib.Path, out: pathlib.Path) -> None:
    """Gives a bundle that was to be replaced its name again, unless there is a new one."""
    if old.exists() and not os.path.lexists(out):
        os.rename(old, out)


def _is_bundle(folder: pathlib.Path) -> bool:
    """Returns whether a folder holds a bundle, which may be damaged."""
    if folder.is_symlink() or not (folder / MANIFEST).is_file():
        return False
    try:
        return stored.read_json(folder / MANIFEST).get('format') == FORMAT
    except UsageError:
        return False


def _on_disk(folder: pathlib.Path) -> None:
    """Waits until all files of a folder are on disk."""
    for parent, _, names in os.walk(folder):
        for path in (*(os.path.join(parent, name) for name in names), parent):
            _sync(pathlib.Path(path))


def _sync(path: pathlib.Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
