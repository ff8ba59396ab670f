"""The devices of a run as a mesh, and how arrays lie on it: whole on every device, or split by rows of a batch."""

import contextlib
import os
from collections.abc import Sequence
from typing import TypeVar

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

DATA_AXIS = 'data'
EVERYWHERE = PartitionSpec()
BY_ROW = PartitionSpec(DATA_AXIS)

Tree = TypeVar('Tree')

_cpu_is_split = False  # whether `split_cpu` has made the CPU several devices


def usable_cores() -> int:
    """Returns the number of cores that this process may run on; all cores where the system does not tell."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


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


def data_mesh(devices: list[jax.Device] | None = None) -> Mesh:
    """Returns a mesh of one axis, `data`, over the given devices, by default `devices_of_a_run`."""
    devices = devices_of_a_run() if devices is None else devices
    return Mesh(np.array(devices), (DATA_AXIS,), axis_types=(AxisType.Auto,))


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


def replicate(tree: Tree, mesh: Mesh) -> Tree:
    """Returns a tree of arrays with every array copied to every device of the mesh.

    Every process must have the same values. Each puts its own on its own devices.
    """
    if not is_shared(mesh):
        return jax.device_put(tree, NamedSharding(mesh, EVERYWHERE))
    return jax.tree.map(lambda array: _of_every_process(np.asarray(array), mesh), tree)


def replicate_array(array: np.ndarray, mesh: Mesh) -> jax.Array:
    """Returns an array copied to every device of the mesh. Every process must have the same values."""
    if not is_shared(mesh):
        return jax.device_put(array, NamedSharding(mesh, EVERYWHERE))
    return _of_every_process(array, mesh)


def _of_every_process(array: np.ndarray, mesh: Mesh) -> jax.Array:
    """Returns an array that each process puts on its own devices; `device_put` would compare it over the network."""
    return jax.make_array_from_callback(array.shape, NamedSharding(mesh, EVERYWHERE), lambda place: array[place])


def replicated_shapes(tree: Tree, mesh: Mesh) -> Tree:
    """Returns the shapes and types of a tree of arrays, or of shapes, as `replicate` places them."""
    sharding = NamedSharding(mesh, EVERYWHERE)
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), tree)
