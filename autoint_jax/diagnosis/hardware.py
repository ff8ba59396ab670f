"""Checks of the devices, cores, memory, disk and compiled kernels of this machine."""

import os
import pathlib
import shutil

import jax

from autoint_jax.config.configuration import Config
from autoint_jax.cores import usable_cores
from autoint_jax.diagnosis.checks import BAD, NOTE, OK, Check
from autoint_jax.errors import UsageError
from autoint_jax.kernels import library
from autoint_jax.models.interacting.forms import chosen_form
from autoint_jax.training.memory.available import available_ram, device_memory
from autoint_jax.units import shown_bytes

# Environment variables that change what XLA compiles or how much memory it takes.
VARIABLES = (
    'XLA_FLAGS',
    'JAX_PLATFORMS',
    'JAX_ENABLE_X64',
    'JAX_DEFAULT_MATMUL_PRECISION',
    'CUDA_VISIBLE_DEVICES',
    'XLA_PYTHON_CLIENT_PREALLOCATE',
    'XLA_PYTHON_CLIENT_MEM_FRACTION',
)
LITTLE_DISK = 1_000_000_000


def device_checks(config: Config, fields: int | None = None) -> list[Check]:
    """Checks devices, cores and RAM, and shows which form of the interacting layers a configuration uses on them.

    Args:
      config: the configuration.
      fields: number of fields of its data; None if unknown.
    """
    devices = jax.local_devices()
    kinds = sorted({device.device_kind for device in devices})
    memory = (
        ''
        if devices[0].platform == 'cpu'
        else (f', {shown_bytes(limit)} of memory each' if (limit := device_memory(devices[0])) else ', memory unknown')
    )
    cores, ram = usable_cores(), available_ram()
    found = [
        Check(OK, f'{len(devices)} x {devices[0].platform} ({", ".join(kinds)}){memory}'),
        Check(OK, f'{cores} of {os.cpu_count()} CPU cores may be used'),
        Check(NOTE, 'free RAM: unknown') if ram is None else Check(OK, f'{shown_bytes(ram)} of RAM are free'),
    ]
    if devices[0].platform == 'cpu' and pathlib.Path('/proc/driver/nvidia/version').exists():
        found.append(
            Check(
                NOTE,
                'an NVIDIA driver is loaded, but JAX computes on the CPU: requirements.txt says how to install the '
                'GPU build',
            )
        )
    return found + [_kernels(devices[0].platform), _form(config, fields), *_variables()]


def disk_checks(folders: dict[str, pathlib.Path]) -> list[Check]:
    """Checks that folders can be written and have free disk space.

    Args:
      folders: {purpose: folder}; a folder may not exist yet.
    """
    found = []
    for purpose, folder in folders.items():
        there, free = existing(folder), free_disk(folder)
        if not there.is_dir() or not os.access(there, os.W_OK):
            found.append(Check(BAD, f'{purpose} ({folder}): {there} cannot be written'))
        elif free < LITTLE_DISK:
            found.append(Check(NOTE, f'{purpose} ({folder}): only {shown_bytes(free)} of disk are free'))
        else:
            found.append(Check(OK, f'{purpose} ({folder}): {shown_bytes(free)} of disk are free'))
    return found


def _kernels(platform: str) -> Check:
    if platform != 'cpu':
        return Check(OK, f'compiled CPU kernels: not used on {platform}')
    if reason := library.unavailable():
        return Check(
            NOTE, f'compiled CPU kernels: {reason}; without them XLA computes the interacting layers, more slowly'
        )
    if sentence := library.not_kept():
        return Check(NOTE, f'compiled CPU kernels: {sentence}')
    return Check(OK, f'compiled CPU kernels: {library.built()}')


def _form(config: Config, fields: int | None) -> Check:
    asked = config.execution.form
    try:
        chosen = chosen_form(asked, config.model, fields=fields)
    except UsageError as error:
        return Check(BAD, str(error))
    meant = '' if asked == chosen else f', for {asked!r}'
    return Check(OK, f'interacting layers: form {chosen!r}{meant}')


def _variables() -> list[Check]:
    return [Check(NOTE, f'{name}={os.environ[name]} is set') for name in VARIABLES if os.environ.get(name)]


def existing(folder: pathlib.Path) -> pathlib.Path:
    """Returns the folder, or its nearest parent that exists."""
    folder = folder.absolute()
    return folder if folder.exists() else existing(folder.parent)


def free_disk(folder: pathlib.Path) -> int:
    """Returns the free bytes of the disk on which a folder is, or would be made."""
    return shutil.disk_usage(existing(folder)).free
