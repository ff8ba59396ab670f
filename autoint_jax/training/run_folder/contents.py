"""Reads what a run folder holds: its description, its configuration and its result."""

import pathlib
from typing import Any

from autoint_jax import stored_records
from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.config.fingerprint import fingerprint, former_fingerprint, identity
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.errors import UsageError
from autoint_jax.training.run_folder import prolongation
from autoint_jax.training.run_folder.description import Description
from autoint_jax.training.run_folder.result import Result, read_result_file

# Files and folders of a run beside run.json, which is written first.
OF_A_RUN = ('checkpoints', 'checkpoints_between', 'metrics.jsonl', 'result.json')


class UnusableFolder(UsageError):
    """A run folder cannot be used. The message ends with advice to choose another folder; commands add the flag."""


def matching_result(folder: pathlib.Path, config: Config, data: PreparedData) -> Result | None:
    """Returns the result of the run in a folder; None if the run is not complete or not begun. It only reads.

    A run that is prolonged by the configuration is not complete.

    Raises UnusableFolder if the run or its result is of another configuration or other data, or if that is unknown.
    """
    check_run_json(folder)
    if not (folder / 'run.json').exists():
        return None
    run = read_run(folder)
    theirs = _config_of(folder, run)
    prolonged = prolongation.differs_in_length(theirs, config)
    if prolonged and (epoch := prolongation.ended_before(folder, config.training)) is not None:
        raise UnusableFolder(
            f'the run in {folder} has been trained further than these options allow '
            f'({prolongation.shown_difference(theirs, config)}), by which it would have ended after epoch {epoch:g}: '
            'choose another run folder'
        )
    if not prolonged and identity(theirs) != identity(config):
        raise UnusableFolder(
            f'{folder} holds a run of another configuration '
            f'({prolongation.shown_difference(theirs, config)}): choose another run folder'
        )
    if run.data_hash != data.hash:
        raise UnusableFolder(
            f'{folder} holds a run on other data than {data.folder} (hash {run.data_hash[:12]}, '
            f'not {data.hash[:12]}): choose another run folder'
        )
    result = read_result(folder)
    if result is not None and not (result.fingerprint in run_fingerprints(folder) and result.data_hash == data.hash):
        raise UnusableFolder(
            f'{folder}/result.json is the result of another run than its run.json says (configuration '
            f'{result.fingerprint} on data {result.data_hash[:12]}): choose another run folder'
        )
    return None if prolonged else result


def check_run_json(folder: pathlib.Path) -> None:
    """Raises UnusableFolder if a folder has prepared data, or if it has files of a run but no run.json."""
    if any(folder.glob('*/*/manifest.json')):
        raise UnusableFolder(f'{folder} is a folder of prepared data: choose another run folder')
    if (folder / 'manifest.json').exists() and (folder / 'schema.json').exists():
        raise UnusableFolder(
            f'{folder} holds prepared data, which cannot be prepared again once a run is in its folder: choose another '
            'run folder'
        )
    left = [name for name in OF_A_RUN if (folder / name).exists()]
    if left and not (folder / 'run.json').exists():
        raise UnusableFolder(
            f'{folder} has {" and ".join(left)} but no run.json, so it is not known which run they are of: '
            'put its run.json back or choose another run folder'
        )


def read_run(folder: pathlib.Path) -> Description:
    """Reads run.json of a run folder. Raises UsageError."""
    path = folder / 'run.json'
    if not path.exists():
        raise UsageError(f'{folder} is not a run folder (it has no run.json): scripts/train.py makes one')
    try:
        return stored_records.read_record(path, Description, mend='choose another run folder')
    except UsageError as error:
        raise UnusableFolder(str(error)) from None


def read_config(folder: pathlib.Path) -> Config:
    """Reads the configuration of the run in a folder. Raises UsageError."""
    return _config_of(folder, read_run(folder))


def checkpoint_fingerprints(folder: pathlib.Path) -> set[str]:
    """Returns the fingerprints that checkpoints in a run folder may have: also those before the run was prolonged.

    Raises UsageError if run.json cannot be read.
    """
    return run_fingerprints(folder) | set(read_run(folder).shorter)


def run_fingerprints(folder: pathlib.Path) -> set[str]:
    """Returns the fingerprints that the files of a run folder may have: the present one, and that of earlier versions.

    Raises UsageError if run.json cannot be read.
    """
    first = _understood(folder, read_run(folder).config)
    return {fingerprint(first), former_fingerprint(first)}


def _config_of(folder: pathlib.Path, run: Description) -> Config:
    """Returns the configuration of a run, with the options of 'execution' and 'mesh' of its last start."""
    if not run.starts:
        return _understood(folder, run.config)
    last = run.starts[-1]
    return _understood(
        folder, run.config | {'mesh': last.mesh} | ({} if last.execution is None else {'execution': last.execution})
    )


def _understood(folder: pathlib.Path, tree: dict[str, Any]) -> Config:
    try:
        return configuration.from_tree(tree)
    except UsageError as error:
        raise UnusableFolder(
            f'{folder}/run.json holds a configuration that this version cannot read ({error}): use the version '
            'that wrote it or choose another run folder'
        ) from None


def read_result(folder: pathlib.Path) -> Result | None:
    """Reads result.json of a run folder; returns None if the run is not complete. Raises UsageError."""
    path = folder / 'result.json'
    if not path.exists():
        return None
    return read_result_file(
        path, mend='remove this file and run the same command again, which tests the best checkpoint again'
    )
