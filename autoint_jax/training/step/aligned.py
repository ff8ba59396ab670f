"""NumPy arrays that JAX uses on CPUs without a copy, because of their addresses, so that CPU devices share them."""

from typing import Any

import numpy as np

ALIGNMENT = 64  # bytes; JAX copies an array at another address once for each device


def empty(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Returns an aligned array of undefined values. Do not write to it once it is on a device."""
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    memory = np.empty(size + ALIGNMENT, np.uint8)
    first = -memory.ctypes.data % ALIGNMENT
    return memory[first : first + size].view(dtype).reshape(shape)


def copy(array: np.ndarray) -> np.ndarray:
    """Returns an aligned copy in memory of an array, which may be memory-mapped."""
    copied = empty(array.shape, array.dtype)
    copied[...] = array
    return copied
