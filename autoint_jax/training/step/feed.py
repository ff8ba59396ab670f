"""What feeds training with rows: columns kept on the devices, or a pipeline that reads each chunk's rows from disk.

Both give the same batches, so a run does not depend on how it was fed. The position of the pipeline is the step.
"""

from collections.abc import Iterator
from typing import NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from autoint_jax.config.configuration import Config
from autoint_jax.data.store.columns import Columns
from autoint_jax.schema import Schema
from autoint_jax.training.step import order, placement
from autoint_jax.training.step.columns import bytes_per_row, rows_from_disk
from autoint_jax.training.step.slices import Cut
from autoint_jax.units import shown_bytes

# Steps of a chunk: few enough for a lively bar, many enough that dispatching them costs nothing.
REPORT_STEPS = 64
# Bytes of the rows of a streamed chunk, at most if a step has less; a few chunks are read ahead.
CHUNK_BYTES, READ_AHEAD = 32_000_000, 2
# Share of the memory there is that resident data may take; the model, its optimizer and evaluation need the rest.
RESIDENT_SHARE = 0.5


class Chunk(NamedTuple):
    """Steps to take: batches `first` to `first + count - 1` of `order` [steps, padded_batch], rows of `columns`."""

    columns: Columns
    order: jax.Array
    first: int
    count: int


class Plan(NamedTuple):
    """Where a run's chunks are: `epoch_steps` steps an epoch, cut after each of `stops` (the last one is the epoch's end)."""

    epochs: int
    epoch_steps: int
    stops: list[int]
    cut: Cut


def chosen_feed(config: Config, needed: int, there: int | None, *, beside: int = 0) -> tuple[bool, str]:
    """Whether data is streamed, and a sentence that says why.

    Args:
      config: of the run.
      needed: bytes of all rows, and of the order of two epochs.
      there: bytes that are available for them; None where not known.
      beside: bytes of everything else that is there with them.
    """
    size = f'{shown_bytes(needed)} of rows and their order'
    if config.execution.streaming:
        return True, f'{size} are streamed from disk, as execution.streaming asks'
    hint = (
        ''
        if config.data.shuffle == 'blocks'
        else '; if reading is slow, --config.data.shuffle=blocks reads pieces in order'
    )
    if there is not None and needed > RESIDENT_SHARE * there:
        return True, f'{size} are streamed from disk: half of the {shown_bytes(there)} there would not hold them{hint}'
    if there is not None and needed + beside > there:
        return True, (
            f'{size} are streamed from disk: beside {shown_bytes(beside)} of the model and its optimizer, the '
            f'{shown_bytes(there)} there would not hold them{hint}'
        )
    return False, f'{size} are kept on the device'


class ResidentFeed:
    """Chunks of columns that are on the devices."""

    def __init__(self, config: Config, columns: Columns, resident: Columns, plan: Plan, mesh: Mesh):
        self._resident, self._opening = resident, True

        def order_of(epoch: int) -> jax.Array:
            return placement.replicate(_epoch_order(config, columns, plan, epoch), mesh)

        self._orders = order.Ahead(order_of, plan.epochs)

    def chunks(self, epoch: int, first: int, stop: int) -> Iterator[Chunk]:
        """Chunks from step `first` to `stop` of an epoch. The first of all is one step: it tells when a start got going."""
        ordered = self._orders.of(epoch)
        while first < stop:
            count = min(1 if self._opening else REPORT_STEPS, stop - first)
            self._opening = False
            yield Chunk(self._resident, ordered, first, count)
            first += count


class StreamedFeed:
    """Chunks whose rows a thread gathers from memory-mapped columns while the chunk before is trained.

    Chunks are asked for in the order of steps, from whatever step a run goes on at.
    """

    def __init__(self, config: Config, columns: Columns, schema: Schema, plan: Plan, mesh: Mesh):
        self._columns, self._mesh, self._plan = columns, mesh, plan
        step_bytes = plan.cut.padded_batch * bytes_per_row(schema)
        self._steps = max(1, min(REPORT_STEPS, CHUNK_BYTES // step_bytes))
        self._parts = [
            (first, min(self._steps, stop - first))
            for start, stop in zip([0, *plan.stops], plan.stops, strict=False)
            for first in range(start, stop, self._steps)
        ]
        self._orders = order.Ahead(lambda epoch: _epoch_order(config, columns, plan, epoch), plan.epochs)
        self._chunks: Iterator[Chunk] | None = None

    def chunks(self, epoch: int, first: int, stop: int) -> Iterator[Chunk]:
        """Chunks from step `first`, where a chunk begins, to `stop`, where one ends."""
        parts = [part for part in self._parts if first <= part[0] < stop]
        if self._chunks is None:
            self._chunks = self._pipeline(epoch * len(self._parts) + self._parts.index(parts[0]))
        for _, count in parts:
            columns, ordered = next(self._chunks)
            yield Chunk(placement.replicate(columns, self._mesh), placement.replicate(ordered, self._mesh), 0, count)

    def _pipeline(self, start: int) -> Iterator[tuple[Columns, np.ndarray]]:
        import grain  # here, because importing it takes as long as a small run's first step

        chunks = grain.MapDataset.range(start, self._plan.epochs * len(self._parts)).map(self._read)
        return iter(chunks.to_iter_dataset(grain.ReadOptions(num_threads=1, prefetch_buffer_size=READ_AHEAD)))

    def _read(self, number: int) -> tuple[Columns, np.ndarray]:
        """The rows of a chunk, one batch after the other, and their places [steps, padded_batch]; -1 pads."""
        epoch, part = divmod(number, len(self._parts))
        first, count = self._parts[part]
        places = np.full((self._steps, self._plan.cut.padded_batch), -1, np.int32)
        places[:count] = self._orders.of(epoch)[first : first + count]
        rows = np.maximum(places, 0).reshape(-1)
        columns = rows_from_disk(self._columns, rows)
        return columns, np.where(places >= 0, np.arange(places.size, dtype=np.int32).reshape(places.shape), -1)


def _epoch_order(config: Config, columns: Columns, plan: Plan, epoch: int) -> np.ndarray:
    batch_size = min(config.training.batch_size, len(columns))
    return order.epoch_order(
        config.seed,
        epoch,
        rows=len(columns),
        batch_size=batch_size,
        padded_batch=plan.cut.padded_batch,
        blocks=config.data.shuffle == 'blocks',
    )
