"""The feed of copies: rows on the devices, and orders of epochs that have an axis of copies."""

import jax

from autoint_jax.data.store.columns import Columns
from autoint_jax.training.step import order
from autoint_jax.training.step.feed import REPORT_STEPS, Chunk


class OrdersFeed:
    """The feed of columns on the devices, with an order for each copy."""

    def __init__(self, columns: Columns, orders: order.OrderAhead[jax.Array]):
        """Takes the columns, and makes orders of epochs, int32 [r, steps, padded_batch]."""
        self._columns, self._orders = columns, orders

    def chunk(self, epoch: int, first: int, stop: int, most: int) -> Chunk:
        """Returns a chunk as `Feed.chunk` says; its order is [r, steps, padded_batch]."""
        return Chunk(self._columns, self._orders.order(epoch), first, min(most, REPORT_STEPS, stop - first))
