"""How a batch is cut: into equal parts for the devices, and each part into slices of rows that fit a core's cache."""

import math
import pathlib
from typing import NamedTuple

from jax.sharding import Mesh

from autoint_jax.kernels.library import library
from autoint_jax.models import registry
from autoint_jax.training.processes.decisions import decided
from autoint_jax.training.step.placement import batch_devices, usable_cores
from autoint_jax.training.step.state import Setup

# Outside the compiled kernel: the most bytes of the largest array of a slice (`row_floats`).
HEADS_SLICE_BYTES = 8_000_000
# For the compiled kernel: fraction of the L2 cache of each core that takes part. Measured with 1 and 2 MiB a core, 7
# and 39 fields.
KERNEL_CACHE_FRACTION = 0.62
# A slice of twice the size costs the kernel this fraction of its time in cache misses, but it may save more: a core
# takes whole blocks of rows, and a small slice has few blocks, which the cores cannot divide evenly and of which the
# last is not full. Measured with 2 MiB, 1 and 2 cores, 8 fields. A single core takes whole blocks that fit: with 1 MiB,
# slices of 40 and 80 rows ran 2 to 10 percent faster than slices of 128 rows (8 fields).
KERNEL_CACHE_COST = 0.03
USUAL_CACHE = 1 << 20  # bytes of an L2 cache where the system does not tell


class Cut(NamedTuple):
    """How a batch is cut.

    Attributes:
      slice_rows: rows that a device takes at a time.
      padded_batch: rows of the batch with padding, a multiple of slice_rows times the number of devices.
    """

    slice_rows: int
    padded_batch: int


def cut(rows: int, setup: Setup, mesh: Mesh) -> Cut:
    """Returns the cut of a training batch over a mesh. With batch normalisation each device's part is one slice.

    Args:
      rows: rows of the batch, without padding.
      setup: the setup of the run.
      mesh: the devices.
    """
    if setup.config.model.deep_batch_norm:
        return _cut(rows, 0, mesh)
    if setup.config.mesh.ordered_sums:
        return _equal_cut(rows, setup, mesh, fewest=1)
    return _cut(rows, setup.config.execution.slice_rows or _decided_slice_rows(rows, setup, mesh), mesh)


def scoring_cut(rows: int, setup: Setup, mesh: Mesh) -> Cut:
    """Returns the cut of a batch to score; the arguments are those of `cut`.

    The compiled kernel keeps no activations then, and is fastest if each device's part is one slice. With ordered sums
    logits have the same bits on every mesh, too: XLA compiles loops of several turns alike.
    """
    if setup.config.mesh.ordered_sums:
        return _equal_cut(rows, setup, mesh, fewest=2)
    slice_rows = setup.config.execution.slice_rows
    if not slice_rows and setup.form != 'cpu_kernel':
        slice_rows = _decided_slice_rows(rows, setup, mesh)
    return _cut(rows, slice_rows, mesh)


def _equal_cut(rows: int, setup: Setup, mesh: Mesh, *, fewest: int) -> Cut:
    """Returns the cut into slices that have the same size on every mesh; some may hold padding only.

    Each device takes at least `fewest` slices.
    """
    slice_rows, devices = setup.config.execution.slice_rows, batch_devices(mesh)
    return Cut(slice_rows, max(fewest, -(-rows // (slice_rows * devices))) * slice_rows * devices)


def _cut(rows: int, slice_rows: int, mesh: Mesh) -> Cut:
    """Returns the cut for slices of `slice_rows` rows, 0 for one slice per device."""
    devices = batch_devices(mesh)
    per_device = -(-rows // devices)
    slice_rows = min(slice_rows, per_device) if slice_rows else per_device
    return Cut(slice_rows, -(-per_device // slice_rows) * slice_rows * devices)


def _decided_slice_rows(rows: int, setup: Setup, mesh: Mesh) -> int:
    """Returns what `_automatic_slice_rows` returns in the first process, because hosts may have different caches."""
    return decided(lambda: _automatic_slice_rows(rows, setup, mesh))


def _automatic_slice_rows(rows: int, setup: Setup, mesh: Mesh) -> int:
    """Returns the rows of a slice, or 0 for one slice per device.

    On one core these are whole blocks of the kernel, otherwise a power of two.
    """
    config, schema = setup.config, setup.schema
    if setup.platform != 'cpu':
        return 0
    row_bytes = 4 * registry.model_class(config.model).row_floats(config.model, schema)
    if setup.form != 'cpu_kernel':
        return _fitting_power_of_two(HEADS_SLICE_BYTES, row_bytes)
    cores = max(1, usable_cores() // len(mesh.local_devices))
    cache, per_device = int(KERNEL_CACHE_FRACTION * second_level_cache()) * cores, -(-rows // batch_devices(mesh))
    block_rows = library().interacting_block_examples(len(schema.fields))
    if cores == 1:
        return _whole_blocks(cache // row_bytes, per_device, block_rows)
    slice_rows = _fitting_power_of_two(cache, row_bytes)

    def turns(slice_rows: int) -> int:
        """Returns how many blocks of a batch the busiest core works on, over all slices."""
        slice_rows = min(slice_rows, per_device)
        return math.ceil(per_device / slice_rows) * math.ceil(math.ceil(slice_rows / block_rows) / cores)

    return 2 * slice_rows if turns(2 * slice_rows) < (1 - KERNEL_CACHE_COST) * turns(slice_rows) else slice_rows


def _whole_blocks(fitting_rows: int, rows: int, block_rows: int) -> int:
    """Returns the rows of the slice that gives `rows` rows the fewest blocks; the largest if there are several.

    A slice is one whole block or more, and has at most `fitting_rows` rows unless a block has more.
    """
    most = max(1, min(fitting_rows, rows) // block_rows)
    return block_rows * min(range(most, 0, -1), key=lambda blocks: -(-rows // (blocks * block_rows)) * blocks)


def _fitting_power_of_two(available: int, row_bytes: int) -> int:
    """Returns the largest power of two of rows that fits into `available` bytes, but at least 16."""
    return 1 << (max(16, available // row_bytes).bit_length() - 1)


def second_level_cache() -> int:
    """Returns the bytes of a core's L2 cache."""
    try:
        size = pathlib.Path('/sys/devices/system/cpu/cpu0/cache/index2/size').read_text().strip()
        return int(size.removesuffix('K')) << 10 if size.endswith('K') else USUAL_CACHE
    except (OSError, ValueError):
        return USUAL_CACHE
