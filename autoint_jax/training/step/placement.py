"""Devices that share a batch, and how a batch is cut among and within them."""

import contextlib
import math
import os
import pathlib
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from autoint_jax.config.configuration import Config
from autoint_jax.data.store.columns import Columns
from autoint_jax.kernels.library import library
from autoint_jax.models import registry
from autoint_jax.schema import Batch, Schema
from autoint_jax.training.step import aligned

DATA_AXIS = 'data'
EVERYWHERE = PartitionSpec()

# Bytes of the largest array of a slice (`row_floats`); of the compiled kernel a share of the second-level cache of each core that works
# on it. Measured with 1 and 2 MiB a core, 7 and 39 fields.
HEADS_SLICE_BYTES = 8_000_000
KERNEL_SLICE_SHARE = 0.62
# A slice twice as large costs the kernel this share of time for its cache, and may save more: a core works on whole blocks, of which a
# small slice has few, the last of them not full, that cores cannot share evenly. Measured with 2 MiB, 1 and 2 cores, 8 fields. A core
# alone takes whole blocks that fit: with 1 MiB slices of 40 and 80 rows ran 2 to 10 percent faster than of 128 (8 fields).
KERNEL_CACHE_COST = 0.03
USUAL_CACHE = 1 << 20  # bytes, where the system does not say

_cpu_is_split = False  # by `split_cpu`


def usable_cores() -> int:
    """Cores this process may run on; all of them where the system does not say."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def split_cpu(copies: int) -> None:
    """Makes the CPU several devices, one a core and no more than copies of a run, so that copies train side by side.

    To be called before JAX starts its devices: those that are started stay as they are, and so do other devices. XLA_FLAGS that say how
    many there are stay in force. A run alone still trains on one device, see `devices_of_a_run`.
    """
    global _cpu_is_split
    if 'xla_force_host_platform_device_count' not in os.environ.get('XLA_FLAGS', ''):
        with contextlib.suppress(RuntimeError):  # raised where devices are started
            jax.config.update('jax_num_cpu_devices', min(copies, usable_cores()))
            _cpu_is_split = True


def devices_of_a_run() -> list[jax.Device]:
    """The devices that share the batches of a run alone: all visible devices of this host.

    Where `split_cpu` has made the CPU several devices, it is the first of them, whose operations have all cores: so a run that is left
    over beside copies trains as it does in a process of its own.
    """
    visible = jax.local_devices()
    return visible[:1] if _cpu_is_split and visible[0].platform == 'cpu' else visible


def second_level_cache() -> int:
    """Bytes of a core's second-level cache."""
    try:
        size = pathlib.Path('/sys/devices/system/cpu/cpu0/cache/index2/size').read_text().strip()
        return int(size.removesuffix('K')) << 10 if size.endswith('K') else USUAL_CACHE
    except (OSError, ValueError):
        return USUAL_CACHE


def data_mesh(devices: list[jax.Device] | None = None) -> Mesh:
    """A mesh of one axis, `data`, over the given devices or `devices_of_a_run`."""
    devices = devices_of_a_run() if devices is None else devices
    return Mesh(np.array(devices), (DATA_AXIS,), axis_types=(AxisType.Auto,))


class Cut(NamedTuple):
    """How a batch is cut: `slice_rows` rows at a time on each device, the batch padded to a multiple of it."""

    slice_rows: int
    padded_batch: int


def cut(rows: int, config: Config, schema: Schema, mesh: Mesh) -> Cut:
    """The cut of a batch of `rows` rows to train on, over a mesh. Statistics of a whole batch leave a device's part whole."""
    if config.model.deep_batch_norm:
        return _cut(rows, 0, mesh)
    return _cut(rows, config.training.slice_rows or _automatic_slice_rows(rows, config, schema, mesh), mesh)


def scoring_cut(rows: int, config: Config, schema: Schema, mesh: Mesh) -> Cut:
    """The cut of a batch of `rows` rows to score. The compiled kernel keeps nothing then: whole parts suit it best."""
    slice_rows = config.training.slice_rows
    if not slice_rows and registry.interacting_form(config.model) != 'cpu_kernel':
        slice_rows = _automatic_slice_rows(rows, config, schema, mesh)
    return _cut(rows, slice_rows, mesh)


def _cut(rows: int, slice_rows: int, mesh: Mesh) -> Cut:
    devices = mesh.shape[DATA_AXIS]
    on_each = -(-rows // devices)
    slice_rows = min(slice_rows, on_each) if slice_rows else on_each
    return Cut(slice_rows, -(-on_each // slice_rows) * slice_rows * devices)


def _automatic_slice_rows(rows: int, config: Config, schema: Schema, mesh: Mesh) -> int:
    """A power of two, whole blocks of the compiled kernel on one core, or 0 where slices bring nothing."""
    if mesh.devices.flat[0].platform != 'cpu':
        return 0
    row_bytes = 4 * registry.model_class(config.model).row_floats(config.model, schema)
    if registry.interacting_form(config.model) != 'cpu_kernel':
        return _fitting(HEADS_SLICE_BYTES, row_bytes)
    cores = max(1, usable_cores() // mesh.size)
    room, on_each = int(KERNEL_SLICE_SHARE * second_level_cache()) * cores, -(-rows // mesh.shape[DATA_AXIS])
    of_block = library().interacting_block_examples(len(schema.fields))
    if cores == 1:
        return _whole_blocks(room // row_bytes, on_each, of_block)
    slice_rows = _fitting(room, row_bytes)

    def turns(slice_rows: int) -> int:
        """Blocks of a batch that the busiest core works on, slice after slice."""
        slice_rows = min(slice_rows, on_each)
        return math.ceil(on_each / slice_rows) * math.ceil(math.ceil(slice_rows / of_block) / cores)

    return 2 * slice_rows if turns(2 * slice_rows) < (1 - KERNEL_CACHE_COST) * turns(slice_rows) else slice_rows


def _whole_blocks(fitting_rows: int, rows: int, of_block: int) -> int:
    """Rows of whole blocks, one at least, that fit and leave the fewest blocks to work on; the most rows of these."""
    most = max(1, min(fitting_rows, rows) // of_block)
    return of_block * min(range(most, 0, -1), key=lambda blocks: -(-rows // (blocks * of_block)) * blocks)


def _fitting(room: int, row_bytes: int) -> int:
    """A power of two of rows, at least 16, that fit into some bytes."""
    return 1 << (max(16, room // row_bytes).bit_length() - 1)


def replicate(tree, mesh: Mesh):
    """The tree on every device of the mesh."""
    return jax.device_put(tree, NamedSharding(mesh, EVERYWHERE))


class Resident(NamedTuple):
    """A split's columns on every device, as in `data.store.columns.Columns`."""

    ids: jax.Array
    numeric: jax.Array
    labels: jax.Array


def resident(columns: Columns, mesh: Mesh) -> Resident:
    """Copies a split to the devices; CPU devices share one copy."""
    return replicate(Resident(*(aligned.copy(array) for array in (columns.ids, columns.numeric, columns.labels))), mesh)


def gathered(columns: Resident, rows: jax.Array) -> Batch:
    """Rows of resident columns as a batch; row -1 has weight 0."""
    at = jnp.maximum(rows, 0)
    return Batch(columns.ids[at], columns.numeric[at], columns.labels[at], (rows >= 0).astype(jnp.float32))
