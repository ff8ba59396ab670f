"""NumPy arrays that JAX takes over on CPUs without copying them, so that all CPU devices share one."""

from typing import Any

import numpy as np

ALIGNMENT = 64  # bytes; arrays at other addresses are copied once for each device


def empty(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """An array without values yet. Once it is on a device it must not be written to."""
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    memory = np.empty(size + ALIGNMENT, np.uint8)
    first = -memory.ctypes.data % ALIGNMENT
    return memory[first : first + size].view(dtype).reshape(shape)


def copy(array: np.ndarray) -> np.ndarray:
    """A copy, in memory also where `array` is a file's."""
    copied = empty(array.shape, array.dtype)
    copied[...] = array
    return copied
