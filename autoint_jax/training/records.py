"""The records of a run folder: run.json, metrics.jsonl, TensorBoard events, result.json."""

import fcntl
import json
import os
import pathlib
import platform
import subprocess
import sys
import time
from typing import Any

import flax
import jax
import jaxlib
import numpy as np
import optax
import orbax.checkpoint
from tensorboardX import SummaryWriter

from autoint_jax import config as configuration
from autoint_jax.config import Config
from autoint_jax.data.prepared import OWN_TABLE, PreparedData
from autoint_jax.errors import UsageError


def run_name(name: str, config: Config) -> str:
    """The name of a run's folder: NAME-FINGERPRINT, or NAME-RECIPE-FINGERPRINT for a user's own table.

    A configuration of a published data set is named after it, but one for own tables serves any of them.

    Args:
      name: of the configuration file.
      config: of the run.
    """
    table = f'{config.data.recipe}-' if config.data.dataset == OWN_TABLE else ''
    return f'{name}-{table}{configuration.fingerprint(config)}'


class UnusableFolder(UsageError):
    """A run folder cannot be used; the sentence ends with the advice to choose another, and a command adds by which flag."""


class FolderInUse(UnusableFolder):
    """Another process trains in a run folder."""


class RunRecords:
    """The records of one run. Opening locks the folder, so that two processes never train one run."""

    def __init__(self, folder: pathlib.Path):
        """Raises FolderInUse where another process trains in the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lock = open(folder / '.lock', 'w')
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderInUse(f'another process is training in {folder}: wait for it or choose another run folder') from None
        self._events = None

    def start(self, config: Config, data: PreparedData, forms: dict[str, str], copies: int) -> dict[str, Any] | None:
        """Opens the run of a configuration on some data: writes run.json, or adds this start to it, with its forms and the number of
        runs in its program.

        Returns the result if the run is complete; then nothing is written. Raises UnusableFolder where the folder's run is
        of another configuration or other data.
        """
        path = self._folder / 'run.json'
        run = read_run(self._folder) if path.exists() else {
            'fingerprint': configuration.fingerprint(config), 'seed': config.seed,
            'config': configuration.to_tree(config), 'data_hash': data.hash, 'starts': []}
        theirs = configuration.from_tree(run['config'])
        if theirs != config:
            raise UnusableFolder(f'{self._folder} holds a run of another configuration '
                                 f'({"; ".join(configuration.difference(theirs, config))}): choose another run folder')
        if run['data_hash'] != data.hash:
            raise UnusableFolder(f'{self._folder} holds a run on other data than {data.folder} (hash {run["data_hash"][:12]}, '
                                 f'not {data.hash[:12]}): choose another run folder')
        result = read_result(self._folder)
        if result is not None:
            return result
        run['starts'].append({'time': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()), 'command': sys.argv,
                              'commit': commit(), 'versions': versions(), 'device': device(), 'forms': forms, 'copies': copies})
        write_json(path, run)
        return None

    def evaluations(self, evaluations: list[dict[str, Any]]) -> None:
        """Rewrites metrics.jsonl, one line an evaluation, so that it never holds more than the checkpoint does."""
        _replace(self._folder / 'metrics.jsonl', ''.join(json.dumps(line) + '\n' for line in evaluations))

    def events(self, evaluation: dict[str, Any]) -> None:
        """Adds an evaluation's numbers to the TensorBoard events; steps after a resumed one are superseded."""
        if self._events is None:
            self._events = SummaryWriter(str(self._folder / 'tensorboard'), purge_step=evaluation['step'])
        for name, value in evaluation.items():
            if isinstance(value, float):
                self._events.add_scalar(name, value, evaluation['step'])
        self._events.flush()

    def result(self, result: dict[str, Any]) -> None:
        write_json(self._folder / 'result.json', result)

    def close(self) -> None:
        if self._events is not None:
            self._events.close()
        self._lock.close()


def read_run(folder: pathlib.Path) -> dict[str, Any]:
    """run.json of a run folder. Raises UsageError."""
    return _read(folder / 'run.json', f'{folder} is not a run folder (it has no run.json): scripts/train.py makes one')


def read_result(folder: pathlib.Path) -> dict[str, Any] | None:
    """result.json of a run folder, or None where the run is not complete."""
    return _read(folder / 'result.json', '') if (folder / 'result.json').exists() else None


def _read(path: pathlib.Path, missing: str) -> dict[str, Any]:
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise UsageError(missing) from None
    except json.JSONDecodeError as error:
        raise UnusableFolder(f'{path} is damaged ({error}): delete the run folder or choose another run folder') from None


def write_json(path: pathlib.Path, value: dict[str, Any]) -> None:
    """Writes JSON so that the file is never seen half written."""
    _replace(path, json.dumps(value, indent=2) + '\n')


def _replace(path: pathlib.Path, text: str) -> None:
    unfinished = path.with_name(path.name + '.unfinished')
    with open(unfinished, 'w') as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)


def versions() -> dict[str, str]:
    return {'python': platform.python_version(), 'jax': jax.__version__, 'jaxlib': jaxlib.__version__,
            'flax': flax.__version__, 'optax': optax.__version__, 'orbax': orbax.checkpoint.__version__,
            'numpy': np.__version__}


def device() -> dict[str, Any]:
    devices = jax.local_devices()
    return {'platform': devices[0].platform, 'kind': devices[0].device_kind, 'devices': len(devices),
            'cpus': os.cpu_count()}


def commit() -> str | None:
    """The commit of this code, with '+changes' where the working tree differs; None outside a git checkout."""
    root = pathlib.Path(__file__).parents[2]
    try:
        head = subprocess.run(['git', 'rev-parse', 'HEAD'], cwd=root, capture_output=True, text=True, check=True)
        changes = subprocess.run(['git', 'status', '--porcelain', '--untracked-files=no'], cwd=root,
                                 capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.stdout.strip() + ('+changes' if changes.stdout.strip() else '')
