"""The files that an input names: a file, a folder, or standard input."""

import contextlib
import pathlib
import shutil
import sys
from collections.abc import Iterator
from typing import NamedTuple

from autoint_jax.data.datasets.row_plan import RowPlan, is_movielens
from autoint_jax.data.raw.derived import PROFILE
from autoint_jax.data.text.packed import unpacked_name
from autoint_jax.errors import UsageError
from autoint_jax.scoring.temporary_copies import copy_folder, room_for

STANDARD = '-'  # standard input
INSTEAD = ', or give the rows as a file'
SUFFIXES = ('.csv', '.tsv', '.txt', '.parquet', '.libsvm', '.libfm', '.svm', '.ffm', '.libffm')
# The first bytes of files that are told by them, and the suffix by which they are read.
_BEGINNINGS = ((b'PAR1', '.parquet'), (b'\x1f\x8b', '.gz'), (b'\x28\xb5\x2f\xfd', '.zst'), (b'PK\x03\x04', '.zip'))


class Input(NamedTuple):
    """The files of an input.

    Attributes:
      paths: the files, or the folder of raw files of MovieLens.
      left_out: names of files of the folder that are no tables.
    """

    paths: list[pathlib.Path]
    left_out: list[str]


@contextlib.contextmanager
def input_files(name: str, plan: RowPlan) -> Iterator[Input]:
    """A context with the files that an input names.

    Args:
      name: of a file or a folder. The files of a folder are taken in the order of their names. STANDARD is standard
        input, which is first copied to a temporary file.
      plan: how the rows are encoded.

    Raises:
      UsageError: there is no such file, or none in the folder.
      NoRoom: the disk or a limit has no room for the copy of standard input.
    """
    if name == STANDARD:
        with copy_folder('standard input', INSTEAD) as folder:
            yield Input([_copied(folder)], [])
        return
    path = pathlib.Path(name)
    if not path.exists():
        raise UsageError(f'{name} does not exist: name a file or a folder of rows')
    if not path.is_dir() or is_movielens(plan, path):
        yield Input([path], [])
        return
    files = sorted(one for one in path.iterdir() if one.is_file() and one.name[0] not in '._')
    tables = [one for one in files if _is_table(one, plan)]
    if not tables:
        raise UsageError(f'{name} is a folder without a file whose name ends in {", ".join(SUFFIXES)}')
    yield Input(tables, [one.name for one in files if one not in tables])


def _is_table(path: pathlib.Path, plan: RowPlan) -> bool:
    """Returns whether a file of a folder is one of rows."""
    name = unpacked_name(path)
    if plan.table.derivation == 'kdd12_profile' and name == PROFILE:
        return False
    return pathlib.Path(name).suffix.lower() in SUFFIXES


def _copied(folder: pathlib.Path) -> pathlib.Path:
    """Copies standard input to a file in a folder, and returns its path. Raises NoRoom if it cannot be written."""
    path = folder / 'input'
    try:
        with room_for('standard input', folder, INSTEAD), open(path, 'wb') as file:
            shutil.copyfileobj(sys.stdin.buffer, file, 1 << 20)
    except OSError as error:
        raise OSError(error.errno, error.strerror, 'standard input') from None
    with open(path, 'rb') as file:
        begin = file.read(4)
    suffix = next((suffix for mark, suffix in _BEGINNINGS if begin.startswith(mark)), '.txt')
    return path.rename(folder / f'standard_input{suffix}')
