"""Devices that are not here, for plans on paper."""

import dataclasses
import re
from typing import ClassVar, cast

import jax
from jax.sharding import Mesh

from autoint_jax.config.mesh_config import MeshConfig
from autoint_jax.errors import UsageError
from autoint_jax.training.step import placement

MOST_DEVICES = 1 << 16
_SIZE = re.compile(r'(\d+(?:\.\d+)?) ?([kMGT]?)B')
_UNITS = {'': 1, 'k': 10**3, 'M': 10**6, 'G': 10**9, 'T': 10**12}


class _Client:
    """The part of a backend that `Mesh.local_devices` asks for."""

    def process_index(self) -> int:
        """Returns the number of the process, the same as that of all devices on paper."""
        return 0


@dataclasses.dataclass(frozen=True)
class PaperDevice:
    """An accelerator that a plan is made for, and which need not exist: it has what plans read of a `jax.Device`.

    Attributes:
      id: its number.
      memory: bytes of memory that JAX may use on it; None if unknown.
    """

    id: int
    memory: int | None
    platform: ClassVar[str] = 'gpu'
    device_kind: ClassVar[str] = 'on paper'
    process_index: ClassVar[int] = 0
    client: ClassVar[_Client] = _Client()

    def memory_stats(self) -> dict[str, int]:
        """Returns the statistics of memory that `available.device_memory` reads."""
        return {} if self.memory is None else {'bytes_limit': self.memory}


def mesh_of(options: MeshConfig, devices: int, memory: int | None = None) -> Mesh:
    """Returns the mesh of a run over so many devices on paper.

    Args:
      options: the group `mesh` of its configuration.
      devices: the number of devices.
      memory: bytes of memory that JAX may use on each; None if unknown.

    Raises UsageError if the options do not fit the number of devices.
    """
    if devices > MOST_DEVICES:
        raise UsageError(f'--devices={devices} are more devices than a plan is made for, at most {MOST_DEVICES:,}')
    made = [PaperDevice(number, memory) for number in range(devices)]
    return placement.run_mesh(options, cast(list[jax.Device], made))


def size_of(flag: str, text: str) -> int:
    """Returns the bytes that the value of a flag says, such as '80GB' or '1.5 TB', in decimal units.

    Raises UsageError if it is no such size.
    """
    if not (found := _SIZE.fullmatch(text)) or not (count := int(float(found[1]) * _UNITS[found[2]])):
        raise UsageError(f'--{flag} is {text!r}, but must be a size in kB, MB, GB or TB, such as 80GB')
    return count


def rate_of(flag: str, text: str) -> int:
    """Returns the bytes a second that the value of a flag says, such as '50GB/s'. Raises UsageError if it is none."""
    if not text.endswith('/s') or not _SIZE.fullmatch(text.removesuffix('/s')):
        raise UsageError(f'--{flag} is {text!r}, but must be bytes a second, such as 50GB/s')
    return size_of(flag, text.removesuffix('/s'))
