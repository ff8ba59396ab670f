"""The provenance of a number: the commit of this code, the versions of libraries and the machine."""

import dataclasses
import os
import pathlib
import platform
import re
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
RECORDS = 'results'  # the folder of records, in ROOT
# An absolute path at the start of a word or of the value of an option. The double slash of a URL does not start a path.
ABSOLUTE_PATH = re.compile(r'(?:(?<=[\s=\'":,])|^)/(?!/)[^\s=\'":,]*')


@dataclasses.dataclass(frozen=True)
class Device:
    """The devices that computed something, and their host.

    Attributes:
      platform: 'cpu', 'gpu' or 'tpu'.
      kind: the kind of device, as JAX names it.
      devices: the number of devices.
      cpus: the number of CPUs of the host; None if it is unknown.
      processor: the model of the CPU; empty in older records.
    """

    platform: str
    kind: str
    devices: int
    cpus: int | None
    processor: str = ''


@dataclasses.dataclass(frozen=True)
class Provenance:
    """The provenance of a record.

    Attributes:
      command: the command, with its flags.
      commit: the commit of this code, see `commit`.
      versions: the versions of Python and the libraries.
      device: the devices that computed the record.
    """

    command: tuple[str, ...]
    commit: str | None
    versions: dict[str, str]
    device: Device


def provenance(*, libraries: Mapping[str, str] | None = None, alone: bool = False) -> Provenance:
    """Returns the provenance of what this process computes.

    Args:
      libraries: {name: version} of further libraries that take part.
      alone: whether only the devices that a single run uses take part, see `device`.
    """
    return Provenance(tuple(sys.argv), commit(), versions() | dict(libraries or {}), device(alone=alone))


def without_paths(text: str) -> str:
    """Shortens absolute paths in a text: relative to the working directory if below it, else to their last name."""

    def shortened(match: re.Match) -> str:
        path = pathlib.Path(match[0])
        below = path.is_relative_to(pathlib.Path.cwd()) and path != pathlib.Path.cwd()
        return str(path.relative_to(pathlib.Path.cwd())) if below else path.name

    return ABSOLUTE_PATH.sub(shortened, text)


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
    """Returns the devices of this host; if `alone`, only those that a single run uses."""
    devices = devices_of_a_run() if alone else jax.local_devices()
    return Device(devices[0].platform, devices[0].device_kind, len(devices), os.cpu_count(), processor())


def processor() -> str:
    """Returns the model of the CPU, as the system names it."""
    try:
        lines = pathlib.Path('/proc/cpuinfo').read_text(errors='replace').splitlines()
    except OSError:
        lines = []
    models = (line.partition(':')[2].strip() for line in lines if line.startswith('model name'))
    return next(models, '') or platform.processor() or platform.machine()


def commit() -> str | None:
    """Returns the commit of this code, with '+changes' if files of the working tree differ from it.

    Records in `results` are left out: they are no code, and a command that writes several records would mark all but
    the first. Files that the commit lacks are left out, too.

    Returns None outside a git checkout, if git is missing or fails, and if the checkout does not track this file: this
    code may be installed inside a repository of its user, whose commit says nothing about it.
    """
    # Git sets variables for its hooks, which would name another repository.
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
        changed = git('status', '--porcelain', '--untracked-files=no', '--', ':(top)', f':(exclude){RECORDS}')
        return git('rev-parse', 'HEAD') + ('+changes' if changed else '')
    except (OSError, subprocess.SubprocessError):
        return None
