"""Measures how fast batches are made from prepared columns: on the device, or on the host from memory-mapped files."""

import pathlib
import tempfile
import time
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np

from autoint_jax.benchmarks import report
from autoint_jax.benchmarks.epoch import prepared
from autoint_jax.benchmarks.report import Outcome
from autoint_jax.benchmarks.roofline import measured_peak
from autoint_jax.benchmarks.shapes import SHAPES, made_up
from autoint_jax.benchmarks.windows import Timing, in_turn, medians
from autoint_jax.config.configuration import Config, replace
from autoint_jax.data.store.columns import Columns
from autoint_jax.errors import UsageError
from autoint_jax.schema import Batch, Schema
from autoint_jax.training.step import placement, slices
from autoint_jax.training.step.columns import gathered, resident_columns
from autoint_jax.training.step.feed import REPORT_STEPS, Chunk, StreamedFeed
from autoint_jax.training.step.order import epoch_order, steps_per_epoch
from autoint_jax.training.step.schedule import Schedule

WAYS = (
    'resident, on the device',
    'memory map, on the host',
    'memory map, sent to the device',
    'streamed, as a run reads it',
)
EPOCHS = 1_000_000  # a stream lasts at most so many epochs


def resident_gather(columns: Columns, order: jax.Array) -> Callable[[float], float]:
    """Returns a window that gathers batches within one compiled loop.

    Args:
      columns: the columns on the device.
      order: row numbers [batches, b].
    """

    @jax.jit
    def gather(columns, order):
        # The loop carries the batch, so XLA cannot leave out any of them.
        return jax.lax.fori_loop(
            0,
            len(order),
            lambda number, _: gathered(columns, order[number]),
            jax.tree.map(jnp.zeros_like, gathered(columns, order[0])),
        )

    jax.block_until_ready(gather(columns, order))

    def window(seconds: float) -> float:
        began, made = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            jax.block_until_ready(gather(columns, order))
            made += order.size
        return made / (time.perf_counter() - began)

    return window


def host_gather(columns: Columns, order: np.ndarray, *, sent: bool) -> Callable[[float], float]:
    """Returns a window that makes batches with np.take from memory-mapped columns.

    Args:
      columns: the memory-mapped columns.
      order: row numbers [batches, b].
      sent: whether each batch is sent to the default device.
    """
    stored, weights = (columns.ids, columns.numeric, columns.labels), np.ones(order.shape[1], np.float32)

    def window(seconds: float) -> float:
        began, made = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            rows = order[made % len(order)]
            ids, numeric, labels = (np.take(column, rows, axis=0) for column in stored)
            batch = Batch(ids, numeric, labels, weights)
            if sent:
                jax.block_until_ready(jax.device_put(batch))
            made += 1
        return made * order.shape[1] / (time.perf_counter() - began)

    return window


def streamed(columns: Columns, schema: Schema, batch: int) -> Callable[[float], float]:
    """Returns a window of chunks as a streamed run makes them: a thread shuffles, gathers and sends rows.

    Args:
      columns: the memory-mapped columns.
      schema: the schema of the columns.
      batch: the number of rows of a batch.
    """
    steps, mesh = steps_per_epoch(len(columns), batch), placement.data_mesh()
    config = replace(Config(), {'training.batch_size': batch})
    schedule = Schedule(len(columns), batch, EPOCHS, steps, [steps])
    feed = StreamedFeed(config, columns, schema, schedule, slices.Cut(batch, batch), mesh)

    def every_chunk() -> Iterator[Chunk]:
        for epoch in range(EPOCHS):
            first = 0
            while first < steps:
                chunk = feed.chunk(epoch, first, steps, REPORT_STEPS)
                first += chunk.step_count
                yield chunk

    chunks = every_chunk()

    def window(seconds: float) -> float:
        began, made = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            chunk = next(chunks)
            jax.block_until_ready((chunk.columns, chunk.order))
            made += chunk.step_count * batch
        return made / (time.perf_counter() - began)

    return window


def data(shape: str, rows: int, batches: list[int], timing: Timing, *, quick: bool) -> Outcome:
    """Measures rows per second of making batches in shuffled order, by batch size and way.

    The files are in the page cache.

    Args:
      shape: the name of a shape in SHAPES.
      rows: the number of rows in the files.
      batches: the batch sizes.
      timing: the windows of each way.
      quick: whether the peak of the machine is measured from small arrays.

    Raises:
      UsageError: there are fewer rows than in the largest batch.
    """
    if max(batches) > rows:
        raise UsageError(
            f'--rows={rows} is less than the largest batch, {max(batches)}: give more --rows or smaller --batches'
        )
    schema, columns = made_up(SHAPES[shape], rows + 2, seed=3)
    with tempfile.TemporaryDirectory() as folder:
        mapped = prepared(pathlib.Path(folder) / 'data', schema, columns, rows).split('train')
        resident = resident_columns(mapped, placement.data_mesh(jax.local_devices()[:1]))
        candidates: dict[str, Callable[[float], float]] = {}
        for batch in batches:
            order = epoch_order(0, 0, rows=rows, batch_size=batch, padded_batch=batch)[: rows // batch]  # whole batches
            ways = (
                resident_gather(resident, jnp.asarray(order)),
                host_gather(mapped, order, sent=False),
                host_gather(mapped, order, sent=True),
                streamed(mapped, schema, batch),
            )
            candidates |= {f'{way}, {batch}': window for way, window in zip(WAYS, ways, strict=True)}
        rates = in_turn(candidates, timing)
    middle, peak = medians(rates), measured_peak('float32', quick=quick)
    row_bytes = 2 * sum(
        column[:1].nbytes for column in (columns.ids, columns.numeric, columns.labels)
    )  # read and written
    lines = [f'shape {shape}, {rows:,} rows, shuffled; peak of copying: {peak.bytes / 1e9:,.1f} GB/s']
    lines += report.table(
        ['batch', 'rows/s', 'share of peak', 'way'],
        [
            (batch, middle[f'{way}, {batch}'], middle[f'{way}, {batch}'] * row_bytes / peak.bytes, way)
            for way in WAYS
            for batch in batches
        ],
    )
    return Outcome(
        lines,
        {
            'shape': shape,
            'rows': rows,
            'batch': batches,
            'rows_per_second': rates,
            'medians': middle,
            'roofline': {
                'bytes_per_row': row_bytes,
                'peak_bytes_per_second': peak.bytes,
                'peak_measured_by': peak.how,
                'share_of_bytes': {name: rate * row_bytes / peak.bytes for name, rate in middle.items()},
            },
        },
    )
