"""The order of rows: a function of (seed, epoch)."""

import numpy as np


def steps_per_epoch(rows: int, batch_size: int) -> int:
    """Every row is seen once an epoch; the last batch may be padded."""
    return -(-rows // batch_size)


def epoch_order(seed: int, epoch: int, *, rows: int, batch_size: int, padded_batch: int) -> np.ndarray:
    """Row numbers of an epoch's batches, int32 [steps, padded_batch]; -1 pads (weight 0)."""
    steps = steps_per_epoch(rows, batch_size)
    order = np.full((steps, padded_batch), -1, np.int32)
    filled = np.full(steps * batch_size, -1, np.int32)
    filled[:rows] = np.random.default_rng((seed, epoch)).permutation(rows)
    order[:, :batch_size] = filled.reshape(steps, batch_size)
    return order
