"""The order of rows, which is a function of (seed, epoch)."""

import math
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

import numpy as np

from autoint_jax.training.step import aligned

# For shuffling by blocks: rows of a block, which are neighbours and read together, and blocks of a window, whose rows
# are shuffled with each other. 64 blocks of 8,192 rows of 160 bytes are 84 MB, read a megabyte at a time.
BLOCK_ROWS, WINDOW_BLOCKS = 8192, 64

Order = TypeVar('Order')


def steps_per_epoch(rows: int, batch_size: int) -> int:
    """Returns the number of steps that see every row once; the last batch may need padding."""
    return -(-rows // batch_size)


def mean_over_rows(losses: np.ndarray, first: int, *, rows: int, batch_size: int) -> float:
    """Returns the mean loss over the rows of some successive batches of an epoch; NaN if no loss is finite.

    Batches whose loss is not finite were skipped, and are left out.

    Args:
      losses: float32 [steps], the mean loss of each batch.
      first: the step within the epoch of the first of them.
      rows: rows of the epoch.
      batch_size: rows of a batch; the last batch of the epoch may have fewer.
    """
    steps = first + np.arange(len(losses))
    weights, taken = np.minimum(batch_size, rows - steps * batch_size) / batch_size, np.isfinite(losses)
    if not taken.any():
        return math.nan
    return float(np.average(losses[taken].astype(np.float64), weights=weights[taken]))


def epoch_order(
    seed: int, epoch: int, *, rows: int, batch_size: int, padded_batch: int, blocks: bool = False
) -> np.ndarray:
    """Returns the row numbers of the batches of an epoch, int32 [steps, padded_batch]; -1 stands for padding.

    Args:
      seed: the seed of the run.
      epoch: from 0.
      rows: rows of the training split.
      batch_size: rows of a batch.
      padded_batch: places of a batch, at least batch_size.
      blocks: shuffle blocks of neighbouring rows, then rows within windows of blocks, instead of all rows at once.
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
    """Returns all row numbers [rows], shuffled by blocks."""
    starts = BLOCK_ROWS * rng.permutation(-(-rows // BLOCK_ROWS))
    windows = []
    for first in range(0, len(starts), WINDOW_BLOCKS):
        window = np.concatenate(
            [np.arange(start, min(start + BLOCK_ROWS, rows)) for start in starts[first : first + WINDOW_BLOCKS]]
        )
        windows.append(rng.permutation(window))
    return np.concatenate(windows)


class OrderAhead(Generic[Order]):
    """Makes the order of the next epoch in a thread while the present epoch is trained."""

    def __init__(self, make: Callable[[int], Order], epochs: int):
        """Takes the function that makes the order of an epoch, from 0 to `epochs - 1`."""
        self._make, self._epochs = make, epochs
        self._thread = ThreadPoolExecutor(1, thread_name_prefix='order')
        self._pending: dict[int, Future[Order]] = {}

    def order(self, epoch: int) -> Order:
        """Returns the order of an epoch, starts to make that of the next one, and forgets earlier ones."""
        self._pending = {
            number: self._pending.get(number) or self._thread.submit(self._make, number)
            for number in range(epoch, min(epoch + 2, self._epochs))
        }
        return self._pending[epoch].result()
