"""The devices of a run as a mesh [data, table], and how arrays lie on it.

All devices share a batch. The devices of a row of the mesh, its axis `table`, also split the tables between them; the
rows of the mesh, its axis `data`, hold the same tables. Everything else lies whole on every device.
"""

import contextlib
import os
from collections.abc import Sequence
from typing import TypeVar

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from autoint_jax.config.mesh_config import TABLE_DEVICES, MeshConfig, shown_table_devices
from autoint_jax.cores import usable_cores
from autoint_jax.errors import UsageError

DATA_AXIS, TABLE_AXIS = 'data', 'table'
EVERYWHERE = PartitionSpec()
BY_ROW = PartitionSpec((DATA_AXIS, TABLE_AXIS))  # rows of a batch
OF_BATCHES = PartitionSpec(None, (DATA_AXIS, TABLE_AXIS))  # orders [steps, rows of a batch]
SPLIT = PartitionSpec(None, TABLE_AXIS)  # tables [blocks, 64, ...] and what their optimizer keeps for each row

Tree = TypeVar('Tree')

_cpu_is_split = False  # whether `split_cpu` has made the CPU several devices


def split_cpu(copies: int) -> None:
    """Makes the CPU several devices, one per core but at most `copies`, so that copies of a run train side by side.

    Call it before JAX starts its devices, because devices that have started stay as they are, as do GPUs and TPUs. If
    XLA_FLAGS already say how many CPU devices there are, they stay in force. A single run still trains on one CPU
    device, see `devices_of_a_run`.
    """
    global _cpu_is_split
    if 'xla_force_host_platform_device_count' not in os.environ.get('XLA_FLAGS', ''):
        with contextlib.suppress(RuntimeError):  # JAX raises it if its devices have started
            jax.config.update('jax_num_cpu_devices', min(copies, usable_cores()))
            _cpu_is_split = True


def devices_of_a_run() -> list[jax.Device]:
    """Returns the devices that share the batches of a single run: all visible devices, of all processes of the run.

    After `split_cpu` it is only the first CPU device, whose operations use all cores. So a run that is left over beside
    copies trains exactly as it does in a process of its own.
    """
    visible = jax.devices()
    return visible[:1] if _cpu_is_split and visible[0].platform == 'cpu' else visible


def run_mesh(options: MeshConfig, devices: list[jax.Device] | None = None) -> Mesh:
    """Returns the mesh [data, table] of a run.

    Args:
      options: the group `mesh` of its configuration.
      devices: the devices to choose from, by default `devices_of_a_run`.

    Raises UsageError if there are not as many devices as the options need.
    """
    devices = devices_of_a_run() if devices is None else devices
    table = options.table or len(devices) // max(1, options.data)
    data = options.data or len(devices) // table
    if data * table > len(devices) or data * table == 0:
        raise UsageError(
            f'options mesh.data={options.data} and mesh.table={options.table} need {max(1, options.data) * table} '
            f'devices, but there are {len(devices)}: take fewer, or 0 for all that are left'
        )
    if options.data == 0 and data * table < len(devices):
        raise UsageError(
            f'option mesh.table is {table}, which does not divide the {len(devices)} devices: take another number, or '
            f'mesh.data={data} to use {data * table} of them'
        )
    if table not in TABLE_DEVICES:
        raise UsageError(
            f'option mesh.table=0 would split tables over {table} devices, but only {shown_table_devices()} can split '
            'them: give one of these numbers'
        )
    return _mesh(devices[: data * table], table)


def data_mesh(devices: list[jax.Device] | None = None) -> Mesh:
    """Returns a mesh of devices that all hold whole tables, by default of `devices_of_a_run`."""
    return _mesh(devices_of_a_run() if devices is None else devices, 1)


def _mesh(devices: list[jax.Device], table: int) -> Mesh:
    """Returns the mesh [devices / table, table]."""
    grid = np.array(devices).reshape(-1, table)
    return Mesh(grid, (DATA_AXIS, TABLE_AXIS), axis_types=(AxisType.Auto, AxisType.Auto))


def reading_mesh(options: MeshConfig, devices: list[jax.Device] | None = None) -> Mesh:
    """Returns the mesh on which a trained run is read. It splits tables as in training if the devices suffice."""
    devices = devices_of_a_run() if devices is None else devices
    most = options.table or len(devices)
    table = max(size for size in TABLE_DEVICES if size <= min(most, len(devices)))
    return _mesh(devices[: len(devices) // table * table], table)


def batch_axes(mesh: Mesh) -> tuple[str, ...]:
    """Returns the axes over which the rows of a batch are spread: those with several devices."""
    return tuple(axis for axis in (DATA_AXIS, TABLE_AXIS) if mesh.shape[axis] > 1)


def batch_devices(mesh: Mesh) -> int:
    """Returns the number of devices that share a batch."""
    return mesh.shape[DATA_AXIS] * mesh.shape[TABLE_AXIS]


def table_parts(mesh: Mesh) -> int:
    """Returns the number of devices between which tables are split; 1 if they are whole."""
    return mesh.shape[TABLE_AXIS]


def devices_sentence(devices: Sequence[jax.Device]) -> str:
    """Returns how many devices there are and of which kind, such as '2 devices (cpu)' or '8 devices (NVIDIA H100)'."""
    kinds = ', '.join(sorted({device.device_kind for device in devices}))
    return f'{len(devices)} device{"" if len(devices) == 1 else "s"} ({kinds})'


def platform(mesh: Mesh) -> str:
    """Returns the platform of the devices of a mesh: 'cpu', 'gpu' and so on."""
    return mesh.devices.flat[0].platform


def is_shared(mesh: Mesh) -> bool:
    """Whether devices of other processes are in the mesh, too."""
    return mesh.is_multi_process


def split_order(ordered: np.ndarray, mesh: Mesh) -> jax.Array:
    """Returns an order [steps, padded_batch], the same in every process, of which a device has its rows of batches."""
    return _placed(ordered, mesh, OF_BATCHES)


def replicate(tree: Tree, mesh: Mesh) -> Tree:
    """Returns a tree of arrays with every array copied to every device of the mesh.

    Every process must have the same values. Each puts its own on its own devices.
    """
    if not is_shared(mesh):
        return jax.device_put(tree, NamedSharding(mesh, EVERYWHERE))
    return jax.tree.map(lambda array: _placed(np.asarray(array), mesh, EVERYWHERE), tree)


def replicate_array(array: np.ndarray, mesh: Mesh) -> jax.Array:
    """Returns an array copied to every device of the mesh. Every process must have the same values."""
    return _placed(array, mesh, EVERYWHERE)


def _placed(array: np.ndarray, mesh: Mesh, spec: PartitionSpec) -> jax.Array:
    """Returns an array that each process puts on its own devices; `device_put` would compare it over the network."""
    sharding = NamedSharding(mesh, spec)
    if not is_shared(mesh):
        return jax.device_put(array, sharding)
    return jax.make_array_from_callback(array.shape, sharding, lambda place: array[place])
