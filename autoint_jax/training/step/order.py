"""The order of rows: a function of (seed, epoch)."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from autoint_jax.training.step import aligned


def steps_per_epoch(rows: int, batch_size: int) -> int:
    """Every row is seen once an epoch; the last batch may be padded."""
    return -(-rows // batch_size)


def mean_over_rows(losses: np.ndarray, first: int, *, rows: int, batch_size: int) -> float:
    """The mean over rows of batches' mean losses, from step `first` of an epoch on, whose last batch may have fewer rows."""
    steps = first + np.arange(len(losses))
    return float(
        np.average(losses.astype(np.float64), weights=np.minimum(batch_size, rows - steps * batch_size) / batch_size)
    )


# Neighbouring rows that are read together, and how many such blocks are shuffled into each other: 64 x 8,192 rows of 160
# bytes are 84 MB, read a megabyte at a time.
BLOCK_ROWS, WINDOW_BLOCKS = 8192, 64


def epoch_order(
    seed: int, epoch: int, *, rows: int, batch_size: int, padded_batch: int, blocks: bool = False
) -> np.ndarray:
    """Row numbers of an epoch's batches, int32 [steps, padded_batch]; -1 pads (weight 0).

    With `blocks`, blocks of neighbouring rows are shuffled, then rows within windows of blocks, instead of all rows at once.
    """
    steps = steps_per_epoch(rows, batch_size)
    order = aligned.empty((steps, padded_batch), np.int32)
    order[:, batch_size:] = -1
    filled = np.full(steps * batch_size, -1, np.int32)
    rng = np.random.default_rng((seed, epoch))
    filled[:rows] = _shuffled_blocks(rng, rows) if blocks else rng.permutation(rows)
    order[:, :batch_size] = filled.reshape(steps, batch_size)
    return order


def _shuffled_blocks(rng: np.random.Generator, rows: int) -> np.ndarray:
    starts = BLOCK_ROWS * rng.permutation(-(-rows // BLOCK_ROWS))
    windows = []
    for first in range(0, len(starts), WINDOW_BLOCKS):
        of_window = np.concatenate(
            [np.arange(start, min(start + BLOCK_ROWS, rows)) for start in starts[first : first + WINDOW_BLOCKS]]
        )
        windows.append(rng.permutation(of_window))
    return np.concatenate(windows)


class Ahead:
    """Orders of successive epochs, each made by a thread while the epoch before it is trained."""

    def __init__(self, make: Callable[[int], Any], epochs: int):
        """Orders are what `make` gives for an epoch, of 0 to `epochs - 1`."""
        self._make, self._epochs = make, epochs
        self._thread = ThreadPoolExecutor(1, thread_name_prefix='order')
        self._made: dict[int, Future] = {}

    def of(self, epoch: int) -> Any:
        """The order of an epoch; that of the next one is begun. Earlier ones are forgotten."""
        self._made = {
            number: self._made.get(number) or self._thread.submit(self._make, number)
            for number in range(epoch, min(epoch + 2, self._epochs))
        }
        return self._made[epoch].result()
