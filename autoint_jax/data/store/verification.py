"""Checks that the files of prepared data are those that were prepared.

There are three checks, from the fastest to the slowest:
  - When data is opened (`opening.py`): the schema and the manifest give the hash that names the data.
  - When a split is opened (`check_split`): the size and the header of each array; the SHA-256 of a small array, or of
    64 blocks spread over a large one; and all values: ids are within their fields, numbers are not infinite, labels are
    0 or 1, weights are not negative. This reads the split once. A process checks a file once, as long as the file's
    times stay the same.
  - When the user asks for it (`check_whole`): the SHA-256 of every array.
"""

import functools
import hashlib
import os
import pathlib
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from autoint_jax.data.store.columns import dtypes
from autoint_jax.data.store.value_checks import AGAIN, CHECKS
from autoint_jax.errors import UsageError, system_sentence
from autoint_jax.schema import Schema

WHOLE_BYTES = 64 << 20  # of a file up to this size, the whole checksum is compared when its split is opened
SAMPLED_BLOCKS, SAMPLED_BYTES = 64, 64 << 10
BLOCK_BYTES = 4 << 20


class Array(NamedTuple):
    """An array of a split, as the manifest describes it.

    Attributes:
      path: of its file.
      dtype: type of its values.
      shape: rows, then columns if there are several.
      sha256: checksum of its values.
      sample: checksum of some blocks of its file (`sample_of`); None if an earlier version did not record it.
    """

    path: pathlib.Path
    dtype: np.dtype
    shape: tuple[int, ...]
    sha256: str
    sample: str | None

    @property
    def size(self) -> int:
        """Bytes of the values, without the header."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize


def arrays_of(
    folder: pathlib.Path, split: str, schema: Schema, record: dict[str, Any], samples: dict[str, str]
) -> dict[str, Array]:
    """Returns the arrays of a split by name.

    Args:
      folder: of the prepared data.
      split: name.
      schema: of the data.
      record: the manifest's entry for the split.
      samples: {name of an array: checksum of its sample}.
    """
    widths = {'ids': (schema.num_slots,), 'numeric': (len(schema.numeric_fields),)}
    return {
        name: Array(
            folder / split / f'{name}.npy',
            np.dtype(dtype),
            (record['rows'], *widths.get(name, ())),
            record[f'{name}_sha256'],
            samples.get(name),
        )
        for name, dtype in dtypes(schema).items()
    }


def check_split(arrays: dict[str, Array], schema: Schema) -> None:
    """Raises UsageError that names file, row, field and value if the arrays of a split were damaged or changed."""
    for array in arrays.values():
        _start_of_data(array)  # first the sizes of all arrays, which takes no time
    for name, array in arrays.items():
        status = os.stat(array.path)
        _check_once(name, array, schema, (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns))


def check_whole(array: Array) -> None:
    """Raises UsageError if the checksum of an array is not the recorded one."""
    checksum = hashlib.sha256()
    for _, values in _blocks(array):
        checksum.update(values.data)
    _compare(array, checksum.hexdigest(), array.sha256)


def sample_of(path: pathlib.Path) -> str:
    """SHA-256 of a file's size and of 64 blocks of 64 KiB spread evenly over it, or of all of a smaller file."""
    size = path.stat().st_size
    last = max(size - SAMPLED_BYTES, 0)
    starts = sorted({last * number // (SAMPLED_BLOCKS - 1) for number in range(SAMPLED_BLOCKS)})
    checksum = hashlib.sha256(str(size).encode())
    with open(path, 'rb', buffering=0) as file:
        for start in starts:
            file.seek(start)
            checksum.update(file.read(SAMPLED_BYTES))
    return checksum.hexdigest()


@functools.lru_cache(maxsize=1024)
def _check_once(name: str, array: Array, schema: Schema, status: tuple[int, ...]) -> None:
    """Checks the values and the checksum of an array. `status` makes a changed file another key of the cache."""
    whole = hashlib.sha256() if array.size <= WHOLE_BYTES else None
    check = CHECKS[name]
    for row, values in _blocks(array):
        check(array.path, row, values, schema)
        if whole is not None:
            whole.update(values.data)
    if whole is not None:
        _compare(array, whole.hexdigest(), array.sha256)
    elif array.sample is not None:
        _compare(array, sample_of(array.path), array.sample)


def _compare(array: Array, found: str, wanted: str) -> None:
    """Raises UsageError if a checksum is not the wanted one."""
    if found != wanted:
        raise UsageError(
            f'{array.path} is not the file that was prepared (its checksum begins with {found[:12]}, not '
            f'{wanted[:12]}): {AGAIN}'
        )


def _start_of_data(array: Array) -> int:
    """Position of the first value in a file, in bytes.

    Raises UsageError if the header or the size is not the expected one.
    """
    try:
        with open(array.path, 'rb') as file:
            start = _header(file, array)
            size = os.fstat(file.fileno()).st_size
    except PermissionError as error:  # preparing the data again would not help
        raise UsageError(system_sentence(error)) from None
    except OSError as error:
        raise UsageError(f'{array.path} cannot be read ({error.strerror}): {AGAIN}') from None
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:  # NumPy raises these if there is no header
        raise UsageError(
            f'{array.path} cannot be read ({str(error).splitlines()[0] if str(error) else "no header"}): {AGAIN}'
        ) from None
    if size != start + array.size:
        difference = size - start - array.size
        wrong = f'{abs(difference):,} bytes too {"long" if difference > 0 else "short"}'
        raise UsageError(f'{array.path} cannot be read (it is {wrong}): {AGAIN}')
    return start


def _header(file: BinaryIO, array: Array) -> int:
    """Reads the header of a file, and returns the position after it, in bytes. Raises ValueError if it does not fit."""
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError('the version of its header is not 1.0')
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
    if (shape, dtype) != (array.shape, array.dtype) or (fortran_order and array.size):
        raise ValueError(
            f'it holds {dtype.name} {list(shape)}, but the manifest says {array.dtype.name} {list(array.shape)}'
        )
    return file.tell()


def _blocks(array: Array) -> Iterator[tuple[int, np.ndarray]]:
    """Yields (number of the first row, values [n, ...]), in order. The next block overwrites the values."""
    start, rows = _start_of_data(array), array.shape[0]
    row_bytes = int(np.prod(array.shape[1:], dtype=np.int64)) * array.dtype.itemsize
    if not row_bytes or not rows:
        return
    at_once = max(1, min(BLOCK_BYTES // row_bytes, rows))
    block = np.empty((at_once, *array.shape[1:]), array.dtype)
    with open(array.path, 'rb', buffering=0) as file:
        file.seek(start)
        for row in range(0, rows, at_once):
            values = block[: rows - row]
            left = values.reshape(-1).view(np.uint8).data
            while len(left):
                read = file.readinto(left)
                if not read:
                    raise UsageError(f'{array.path} cannot be read (it ends within row {row + at_once}): {AGAIN}')
                left = left[read:]
            yield row, values
