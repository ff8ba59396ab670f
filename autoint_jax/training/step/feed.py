"""The two feeds of a run, which hand its rows to the training step in chunks.

One keeps the columns on the devices, the other reads the rows of each chunk from disk. Both give the same batches, so
the values of a run do not depend on its feed. The position of a feed is the step, so that a run resumes anywhere.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, Protocol

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding

from autoint_jax.config.configuration import Config
from autoint_jax.data.store.columns import Columns
from autoint_jax.schema import Schema
from autoint_jax.training.step import order
from autoint_jax.training.step.columns import SharedRows, bytes_per_row
from autoint_jax.training.step.placement import OF_BATCHES, split_order
from autoint_jax.training.step.schedule import Schedule
from autoint_jax.training.step.slices import Cut
from autoint_jax.training.step.state import TrainState
from autoint_jax.units import shown_bytes

# Steps of a chunk: few enough that the progress bar moves often, enough that dispatching a chunk costs nothing.
REPORT_STEPS = 64
# The most bytes of rows in a streamed part, unless one step has more, and the number of parts that are read ahead.
CHUNK_BYTES, READ_AHEAD = 32_000_000, 2
# The fraction of the available memory that resident data may take; the model, its optimizer and evaluation need the
# rest.
RESIDENT_FRACTION = 0.5


class Chunk(NamedTuple):
    """Some successive steps to take.

    Attributes:
      columns: columns on the devices, which divide their rows.
      order: int32 [steps, padded_batch] on the devices, numbers of rows of `columns`; -1 stands for padding. In a
        streamed chunk they are numbers within the part of the device that takes the row.
      first: the batch of `order` with which to begin.
      step_count: number of steps to take.
    """

    columns: Columns
    order: jax.Array
    first: int
    step_count: int


class Feed(Protocol):
    """The interface of objects that hand the rows of a run to the training step."""

    def chunk(self, epoch: int, first: int, stop: int, most: int) -> Chunk:
        """Returns the chunk that begins with step `first` of an epoch and ends before step `stop`.

        It has at most `most` steps. Chunks are asked for in the order of steps, each where the one before it ended.
        """


def chosen_feed(
    config: Config, needed: int, available: int | None, *, beside: int = 0, holders: str = 'the device'
) -> tuple[bool, str]:
    """Returns whether rows are streamed from disk, and a sentence that says why.

    Args:
      config: configuration of the run.
      needed: bytes of the rows that one memory holds, and of the order of two epochs.
      available: bytes of this memory that are available; None if unknown.
      beside: bytes of everything else that the memory holds.
      holders: words for the devices whose rows were counted.
    """
    size = f'{shown_bytes(needed)} of rows and their order'
    kept = f'{size} are kept on {holders}'
    size += '' if holders == 'the device' else f' for {holders}'
    if config.execution.streaming:
        return True, f'{size} are streamed from disk, as execution.streaming asks'
    hint = (
        ''
        if config.data.shuffle == 'blocks'
        else '; if reading is slow, --config.data.shuffle=blocks reads pieces in order'
    )
    if available is not None and needed > RESIDENT_FRACTION * available:
        return True, (
            f'{size} are streamed from disk: they do not fit in half of the {shown_bytes(available)} that are '
            f'available{hint}'
        )
    if available is not None and needed + beside > available:
        return True, (
            f'{size} are streamed from disk: with {shown_bytes(beside)} of the model and its optimizer, they do not '
            f'fit in the {shown_bytes(available)} that are available{hint}'
        )
    return False, kept


class ResidentFeed:
    """The feed of columns that are on the devices."""

    def __init__(self, config: Config, resident: Columns, schedule: Schedule, cut: Cut, mesh: Mesh):
        """Takes the training columns, whose rows the devices of the mesh divide."""
        self._resident = resident

        def order_on_devices(epoch: int) -> jax.Array:
            return split_order(_epoch_order(config, schedule, cut, epoch), mesh)

        self._orders = order.OrderAhead(order_on_devices, schedule.epochs)
        self._order_shape = jax.ShapeDtypeStruct(
            (schedule.epoch_steps, cut.padded_batch), np.int32, sharding=NamedSharding(mesh, OF_BATCHES)
        )

    def compiled(self, chunk: jax.stages.Wrapped, state: TrainState, varied: dict[str, np.float32]) -> Future:
        """Begins to compile a chunk of steps in a thread, so that the state can be made or read meanwhile.

        Args:
          chunk: the function of `steps.make_chunk`.
          state: shapes, types and placement of the state's arrays.
          varied: the rates that it is given.

        Returns:
          A future of the compiled program, which is called as `chunk` is.
        """
        thread = ThreadPoolExecutor(1, thread_name_prefix='compiling')
        return thread.submit(lambda: chunk.lower(state, self._resident, self._order_shape, 0, 0, varied).compile())

    def chunk(self, epoch: int, first: int, stop: int, most: int) -> Chunk:
        """Returns a chunk as `Feed.chunk` says."""
        return Chunk(self._resident, self._orders.order(epoch), first, min(most, REPORT_STEPS, stop - first))


class StreamedFeed:
    """The feed that reads rows from disk: a thread gathers the rows of the next part while a part is trained.

    Each row goes to the device that takes it, and each process reads the rows of its own devices only. Parts of an
    epoch begin and end at fixed steps. A chunk is a part or some successive steps of one, so that a run can begin at
    any step.
    """

    def __init__(self, config: Config, columns: Columns, schema: Schema, schedule: Schedule, cut: Cut, mesh: Mesh):
        """Takes the memory-mapped training columns."""
        self._rows, self._mesh, self._schedule, self._cut = SharedRows(columns, mesh), mesh, schedule, cut
        self._steps = max(1, min(REPORT_STEPS, CHUNK_BYTES // (cut.padded_batch * bytes_per_row(schema))))
        stops = schedule.evaluated_after
        self._parts = [  # (first step, steps) of the parts of an epoch
            (first, min(self._steps, stop - first))
            for start, stop in zip([0, *stops], stops, strict=False)
            for first in range(start, stop, self._steps)
        ]
        self._orders = order.OrderAhead(lambda epoch: _epoch_order(config, schedule, cut, epoch), schedule.epochs)
        self._read_ahead: Iterator[tuple[Columns, np.ndarray]] | None = None
        self._number = -1  # of the part on the devices, in the run
        self._part: tuple[Columns, jax.Array]

    def chunk(self, epoch: int, first: int, stop: int, most: int) -> Chunk:
        """Returns a chunk as `Feed.chunk` says. The first one may begin at any step of the run."""
        part = next(number for number, (begin, count) in enumerate(self._parts) if first < begin + count)
        number = epoch * len(self._parts) + part
        if self._read_ahead is None:
            self._read_ahead = self._pipeline(number)
        if number != self._number:
            columns, ordered = next(self._read_ahead)
            self._part = self._rows.on_devices(columns), split_order(ordered, self._mesh)
            self._number = number
        begin, count = self._parts[part]
        return Chunk(*self._part, first - begin, min(most, begin + count - first, stop - first))

    def _pipeline(self, start: int) -> Iterator[tuple[Columns, np.ndarray]]:
        """Yields what `_read` returns for the parts from number `start` of the run, read ahead by a thread."""
        import grain  # here, because importing it takes as long as a small run's first step

        parts = grain.MapDataset.range(start, self._schedule.epochs * len(self._parts)).map(self._read)
        return iter(parts.to_iter_dataset(grain.ReadOptions(num_threads=1, prefetch_buffer_size=READ_AHEAD)))

    def _read(self, number: int) -> tuple[Columns, np.ndarray]:
        """Returns this process' share of the rows of a part, and their numbers [steps, padded_batch].

        The rows are sorted by the device that takes them, then by batches. Their numbers count from 0 on each device;
        -1 stands for padding.
        """
        epoch, part = divmod(number, len(self._parts))
        first, count = self._parts[part]
        places = np.full((self._steps, self._cut.padded_batch), -1, np.int32)
        places[:count] = self._orders.order(epoch)[first : first + count]
        by_device = places.reshape(self._steps, self._mesh.size, -1)  # [steps, devices, places of a device]
        columns = self._rows.read(np.maximum(by_device, 0).swapaxes(0, 1).reshape(-1))
        numbers = np.arange(places.size // self._mesh.size, dtype=np.int32).reshape(self._steps, 1, -1)
        return columns, np.where(by_device >= 0, numbers, -1).reshape(places.shape)


def _epoch_order(config: Config, schedule: Schedule, cut: Cut, epoch: int) -> np.ndarray:
    """Returns the order of an epoch of a run, int32 [steps, padded_batch]."""
    return order.epoch_order(
        config.seed,
        epoch,
        rows=schedule.rows,
        batch_size=schedule.batch_size,
        padded_batch=cut.padded_batch,
        blocks=config.data.shuffle == 'blocks',
    )
