"""Where a number comes from: the commit of this code, the versions of libraries, the machine."""

import dataclasses
import os
import pathlib
import platform
import subprocess
import sys
from collections.abc import Mapping

import flax
import jax
import jaxlib
import numpy as np
import optax
import orbax.checkpoint

from autoint_jax.training.step.placement import devices_of_a_run

ROOT = pathlib.Path(__file__).parents[3]
THIS_FILE = pathlib.Path(__file__).relative_to(ROOT).as_posix()
GIT_SECONDS = 60


@dataclasses.dataclass(frozen=True)
class Device:
    """The devices that computed something, and their host.

    Attributes:
      platform: 'cpu', 'gpu' or 'tpu'.
      kind: as JAX calls it.
      devices: how many there were.
      cpus: of the host; None where the system does not say.
      processor: the model of the CPU; older records do not say.
    """

    platform: str
    kind: str
    devices: int
    cpus: int | None
    processor: str = ''


@dataclasses.dataclass(frozen=True)
class Provenance:
    """Where a record comes from.

    Attributes:
      command: that was given, with its flags.
      commit: of this code, see `commit`.
      versions: of Python and the libraries.
      device: that computed it.
    """

    command: tuple[str, ...]
    commit: str | None
    versions: dict[str, str]
    device: Device


def provenance(*, libraries: Mapping[str, str] | None = None, alone: bool = False) -> Provenance:
    """Returns the provenance of what this process computes.

    Args:
      libraries: versions of further libraries that take part, by name.
      alone: whether only the devices of a run alone take part, see `device`.
    """
    return Provenance(tuple(sys.argv), commit(), versions() | dict(libraries or {}), device(alone=alone))


def versions() -> dict[str, str]:
    """Returns the versions of Python and of the libraries that every run uses."""
    return {
        'python': platform.python_version(),
        'jax': jax.__version__,
        'jaxlib': jaxlib.__version__,
        'flax': flax.__version__,
        'optax': optax.__version__,
        'orbax': orbax.checkpoint.__version__,
        'numpy': np.__version__,
    }


def device(*, alone: bool = False) -> Device:
    """Returns the devices of this host, or those that a run alone takes."""
    devices = devices_of_a_run() if alone else jax.local_devices()
    return Device(devices[0].platform, devices[0].device_kind, len(devices), os.cpu_count(), processor())


def processor() -> str:
    """The model of the CPU, as the system calls it."""
    try:
        lines = pathlib.Path('/proc/cpuinfo').read_text(errors='replace').splitlines()
    except OSError:
        lines = []
    models = (line.partition(':')[2].strip() for line in lines if line.startswith('model name'))
    return next(models, '') or platform.processor() or platform.machine()


def commit() -> str | None:
    """The commit of this code, with '+changes' where the working tree differs.

    None outside a git checkout, where git is missing or refuses, and where the checkout is of something else: this code
    may be installed within a repository of its user, whose commit says nothing of it.
    """
    # A hook of git sets variables that name another repository.
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith('GIT_') or name.startswith('GIT_CONFIG')
    }

    def git(*arguments: str) -> str:
        return subprocess.run(
            ['git', '--no-optional-locks', *arguments],
            cwd=ROOT,
            env=own,
            capture_output=True,
            text=True,
            check=True,
            errors='replace',
            timeout=GIT_SECONDS,
        ).stdout.strip()

    try:
        git('ls-files', '--error-unmatch', '--', THIS_FILE)
        return git('rev-parse', 'HEAD') + ('+changes' if git('status', '--porcelain', '--untracked-files=no') else '')
    except (OSError, subprocess.SubprocessError):
        return None
