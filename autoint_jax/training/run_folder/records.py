"""The records of a run folder: run.json, metrics.jsonl, TensorBoard events, result.json."""

import contextlib
import dataclasses
import json
import os
import pathlib
import time
from typing import Any

import jax

from autoint_jax import stored
from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.config.fingerprint import fingerprint, former_fingerprint, identity, identity_tree
from autoint_jax.data.store.opening import OWN_TABLE
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.errors import UsageError
from autoint_jax.evaluation.evaluation import Evaluation
from autoint_jax.training.run_folder.description import Description, Start
from autoint_jax.training.run_folder.events import Events
from autoint_jax.training.run_folder.holding import AlreadyHeld, Holding
from autoint_jax.training.run_folder.provenance import provenance
from autoint_jax.training.run_folder.result import Result, read_result_file


def run_name(name: str, config: Config) -> str:
    """Returns the name of a run's folder: NAME-FINGERPRINT, or NAME-RECIPE-FINGERPRINT for a user's own table.

    A configuration of a published data set has its name, but one configuration serves all tables of a user.

    Args:
      name: the name of the configuration file.
      config: the configuration of the run.
    """
    table = f'{config.data.recipe}-' if config.data.dataset == OWN_TABLE else ''
    return f'{name}-{table}{fingerprint(config)}'


class UnusableFolder(UsageError):
    """A run folder cannot be used. The message ends with advice to choose another folder; commands add the flag."""


class FolderInUse(UnusableFolder):
    """Another process trains in a run folder."""


# Files and folders of a run beside run.json, which is written first.
OF_A_RUN = ('checkpoints', 'metrics.jsonl', 'result.json')


class RunRecords:
    """The records of one run. Opening locks the folder, so that two processes never train one run.

    Attributes:
      locked: whether the file system has locks. Without them, this process stops if another one starts in the folder.
    """

    def __init__(self, folder: pathlib.Path):
        """Raises FolderInUse if another process trains in the folder, UnusableFolder if it cannot be a run folder."""
        _check_run_json(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise UnusableFolder(f'{folder} is not a folder: choose another run folder') from None
        self._folder = folder
        try:
            self._holding = Holding(folder)
        except AlreadyHeld as holder:
            sentence = f'another process is training in {folder}{holder}: wait for it or choose another run folder'
            raise FolderInUse(sentence) from None
        self.locked = self._holding.locked
        self._events = Events(folder / 'tensorboard')

    def start(
        self,
        config: Config,
        data: PreparedData,
        forms: dict[str, str | None],
        copies: int,
        boundaries: dict[str, list[float]],
    ) -> Result | None:
        """Starts or resumes a run: writes run.json, or adds this start to it.

        Args:
          config: the configuration of the run.
          data: the data that it is trained on.
          forms: the forms of the interacting layers and of the optimizer of tables.
          copies: the number of runs in its program.
          boundaries: quantile boundaries of numeric fields, which a new run.json keeps, so that they are computed once.

        Returns:
          The result if the run is complete, else None. If it is complete, nothing is written.

        Raises UnusableFolder as `matching_result` does.
        """
        result = matching_result(self._folder, config, data)
        if result is not None:
            return result
        self._holding.sign()
        path = self._folder / 'run.json'
        self._run = (
            read_run(self._folder)
            if path.exists()
            else Description(
                fingerprint=fingerprint(config),
                seed=config.seed,
                config=identity_tree(config),
                data_hash=data.hash,
                boundaries=boundaries,
                starts=(),
            )
        )
        made = provenance(alone=copies == 1)
        start = Start(
            time=time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()),
            command=made.command,
            commit=made.commit,
            versions=made.versions,
            device=made.device,
            execution=dataclasses.asdict(config.execution),
            compilation_cache=jax.config.values['jax_compilation_cache_dir'],
            forms=forms,
            copies=copies,
        )
        self._write((*self._run.starts, start))
        return None

    def check_held(self) -> None:
        """Raises FolderInUse if another process has begun to train in the folder, as is possible without locks."""
        try:
            self._holding.check()
        except AlreadyHeld as holder:
            raise FolderInUse(
                f'another process{holder} began to train in {self._folder}, so this one stops: wait for it or '
                'choose another run folder'
            ) from None

    def evaluation_count(self) -> int:
        """Returns the number of evaluations in metrics.jsonl; 0 if the file does not exist."""
        path = self._folder / 'metrics.jsonl'
        return path.read_bytes().count(b'\n') if path.exists() else 0

    def restart(
        self, config: Config, evaluations: list[Evaluation], times: list[float], rates: list[float | None]
    ) -> None:
        """Writes metrics.jsonl and the TensorBoard events of a run that resumes after `evaluations`.

        Args:
          config: the configuration of the run.
          evaluations: the evaluations so far.
          times: the time of each evaluation, in seconds since 1970.
          rates: rows/s of training before each evaluation; None if unknown.
        """
        self._metrics(evaluations)
        self._events.restart(config, evaluations, times, rates)

    def evaluated(self, evaluations: list[Evaluation], moment: float, rate: float | None) -> None:
        """Adds the last of a run's evaluations to metrics.jsonl and the events.

        Args:
          evaluations: the evaluations so far.
          moment: the time of the last evaluation, in seconds since 1970.
          rate: rows/s of training before it; None if unknown.
        """
        self._metrics(evaluations)
        self._events.add(evaluations[-1], moment, rate)

    def _metrics(self, evaluations: list[Evaluation]) -> None:
        """Rewrites metrics.jsonl, one line an evaluation, so that it never holds more than the checkpoint does."""
        _replace(
            self._folder / 'metrics.jsonl', ''.join(json.dumps(evaluation.line()) + '\n' for evaluation in evaluations)
        )

    def diverged(self, sentence: str) -> None:
        """Adds a sentence about the divergence of this start to run.json."""
        self._write((*self._run.starts[:-1], dataclasses.replace(self._run.starts[-1], diverged=sentence)))

    def _write(self, starts: tuple[Start, ...]) -> None:
        """Writes run.json with the given starts."""
        self._run = dataclasses.replace(self._run, starts=starts)
        write_json(self._folder / 'run.json', stored.to_json(self._run))

    def result(self, result: Result) -> None:
        """Adds the test figures to the TensorBoard events, then writes result.json."""
        self._events.test(result.best_step, result.test)
        write_json(self._folder / 'result.json', stored.to_json(result))

    def close(self) -> None:
        """Closes the event file, and releases the folder."""
        self._events.close()
        self._holding.close()


def matching_result(folder: pathlib.Path, config: Config, data: PreparedData) -> Result | None:
    """Returns the result of the run in a folder; None if the run is not complete or not begun. It only reads.

    Raises UnusableFolder if the run or its result is of another configuration or other data, or if that is unknown.
    """
    _check_run_json(folder)
    if not (folder / 'run.json').exists():
        return None
    run = read_run(folder)
    theirs = _config_of(folder, run)
    if identity(theirs) != identity(config):
        raise UnusableFolder(
            f'{folder} holds a run of another configuration '
            f'({"; ".join(configuration.difference(identity(theirs), identity(config)))}): choose another run folder'
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
    return result


def _check_run_json(folder: pathlib.Path) -> None:
    """Raises UnusableFolder if a folder has prepared data, or if it has files of a run but no run.json."""
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
        return stored.read_record(path, Description, mend='choose another run folder')
    except UsageError as error:
        raise UnusableFolder(str(error)) from None


def read_config(folder: pathlib.Path) -> Config:
    """Reads the configuration of the run in a folder. Raises UsageError."""
    return _config_of(folder, read_run(folder))


def run_fingerprints(folder: pathlib.Path) -> set[str]:
    """Returns the fingerprints that the files of a run folder may have: the present one, and that of earlier versions.

    Raises UsageError if run.json cannot be read.
    """
    first = _understood(folder, read_run(folder).config)
    return {fingerprint(first), former_fingerprint(first)}


def _config_of(folder: pathlib.Path, run: Description) -> Config:
    """Returns the configuration of a run, with the options of 'execution' of its last start."""
    execution = run.starts[-1].execution if run.starts else None
    return _understood(folder, run.config | ({} if execution is None else {'execution': execution}))


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
    try:
        return read_result_file(
            path, mend='remove this file and run the same command again, which tests the best checkpoint again'
        )
    except UsageError as error:
        raise UnusableFolder(str(error)) from None


def write_json(path: pathlib.Path, value: dict[str, Any]) -> None:
    """Writes JSON to a file. A reader never sees a half-written file."""
    _replace(path, json.dumps(value, indent=2) + '\n')


def _replace(path: pathlib.Path, text: str) -> None:
    unfinished = path.with_name(path.name + '.unfinished')
    with open(unfinished, 'w') as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)
    folder = os.open(path.parent, os.O_RDONLY)
    with contextlib.suppress(OSError):  # some file systems cannot do this
        os.fsync(folder)  # so that the name is on disk too
    os.close(folder)
