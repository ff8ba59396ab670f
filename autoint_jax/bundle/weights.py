"""The weights of a bundle: all tensors in one file, from which every exported program takes them.

    weights.bin   raw values, little-endian, in C order; each tensor starts at a multiple of 4096 bytes

Programs map the file into memory, so the weights are in memory once, and only the pages that are used.
"""

import dataclasses
import math
import pathlib
import sys
from collections.abc import Mapping

import numpy as np

from autoint_jax.errors import UsageError

ALIGNMENT = 4096  # bytes of a page; ONNX Runtime maps external data that starts at one
WRITTEN_BYTES = 1 << 26  # of a tensor that are converted and written at a time
# {name of the type: type of NumPy that holds its bits}. NumPy has no bfloat16; its bits are kept as uint16.
TYPES = {'float32': '<f4', 'int32': '<i4', 'int8': '|i1', 'bfloat16': '<u2'}


@dataclasses.dataclass(frozen=True)
class Tensor:
    """The place of a tensor in weights.bin.

    Attributes:
      dtype: one of TYPES.
      shape: of the tensor.
      offset: of its first byte.
      bytes: its size.
    """

    dtype: str
    shape: tuple[int, ...]
    offset: int
    bytes: int


def write_weights(path: pathlib.Path, arrays: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    """Writes tensors to a file, one after the other in the order of the mapping.

    Args:
      path: of the file.
      arrays: tensors by name, of the types of TYPES; a mapping may make each array when it is asked for it.

    Returns:
      The place of each tensor.

    Raises:
      ValueError: an array has another type.
    """
    tensors, offset = {}, 0
    with open(path, 'wb') as file:
        for name in arrays:
            array = np.asarray(arrays[name])
            dtype = array.dtype.name
            if dtype not in TYPES:
                raise ValueError(f'tensor {name!r} has type {dtype}, which is none of {", ".join(TYPES)}')
            offset = -(-offset // ALIGNMENT) * ALIGNMENT
            file.seek(offset)
            rows = array.reshape(len(array), -1) if array.size and array.ndim else array.reshape(1, -1)
            at_once = max(1, WRITTEN_BYTES // max(1, rows.shape[1] * array.itemsize))
            for first in range(0, len(rows), at_once):
                part = np.ascontiguousarray(rows[first : first + at_once])
                part = part.view(np.dtype(f'u{array.itemsize}'))
                if sys.byteorder == 'big':
                    part = part.byteswap()
                file.write(part.data)
            tensors[name] = Tensor(dtype, tuple(array.shape), offset, array.nbytes)
            offset += array.nbytes
        file.truncate(offset)  # a last tensor without values has a place, too
    return tensors


def read_weights(path: pathlib.Path, tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """Maps tensors of a file into memory, read-only. Tensors of bfloat16 are their bits, as uint16.

    Args:
      path: of the file.
      tensors: the place of each tensor.

    Raises:
      UsageError: a tensor has an unknown type, or does not lie within the file.
    """
    size = path.stat().st_size
    whole = np.memmap(path, np.uint8, 'r') if size else np.zeros(0, np.uint8)
    arrays = {}
    for name, tensor in tensors.items():
        dtype = TYPES.get(tensor.dtype)
        if (
            dtype is None
            or min((0, *tensor.shape)) < 0
            or tensor.bytes != math.prod(tensor.shape) * np.dtype(dtype).itemsize
            or not 0 <= tensor.offset <= size - tensor.bytes
            or tensor.offset % ALIGNMENT
        ):
            raise UsageError(
                f'{path} does not hold the tensor {name!r} as the manifest says ({tensor.dtype} {list(tensor.shape)} '
                f'at byte {tensor.offset:,} of {size:,}): export the run again'
            )
        values = whole[tensor.offset : tensor.offset + tensor.bytes]
        arrays[name] = values.view(dtype).reshape(tensor.shape)
    return arrays
