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
    """The name of a run's folder: NAME-FINGERPRINT, or NAME-RECIPE-FINGERPRINT for a user's own table.

    A configuration of a published data set is named after it, but one for own tables serves any of them.

    Args:
      name: of the configuration file.
      config: of the run.
    """
    table = f'{config.data.recipe}-' if config.data.dataset == OWN_TABLE else ''
    return f'{name}-{table}{fingerprint(config)}'


class UnusableFolder(UsageError):
    """A run folder cannot be used; the sentence ends with the advice to choose another, and a command adds by which
    flag.
    """


class FolderInUse(UnusableFolder):
    """Another process trains in a run folder."""


# What a run leaves in its folder after run.json, which it writes first.
OF_A_RUN = ('checkpoints', 'metrics.jsonl', 'result.json')


class RunRecords:
    """The records of one run. Opening locks the folder, so that two processes never train one run.

    Attributes:
      locked: whether the file system keeps locks; where it does not, a process that is joined by another one stops.
    """

    def __init__(self, folder: pathlib.Path):
        """Raises FolderInUse where another process trains in the folder, UnusableFolder where the folder cannot be a
        run's.
        """
        _check_run_json(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise UnusableFolder(f'{folder} is no folder: choose another run folder') from None
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
        """Opens the run of a configuration on some data: writes run.json, or adds this start to it, with its forms and
        the number of runs in its program. A new run.json has the quantile boundaries of numeric fields too, so that
        readers need not take them.

        Returns the result if the run is complete; then nothing is written. Raises UnusableFolder as `matching_result`
        does.
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
        """Raises FolderInUse where another process has begun to train in the folder, which a file system without locks
        lets it.
        """
        try:
            self._holding.check()
        except AlreadyHeld as holder:
            raise FolderInUse(
                f'another process{holder} began to train in {self._folder}, so this one stops: wait for it or '
                'choose another run folder'
            ) from None

    def evaluation_count(self) -> int:
        """How many evaluations metrics.jsonl has; 0 where there is none."""
        path = self._folder / 'metrics.jsonl'
        return path.read_bytes().count(b'\n') if path.exists() else 0

    def restart(
        self, config: Config, evaluations: list[Evaluation], times: list[float], rates: list[float | None]
    ) -> None:
        """Makes metrics.jsonl and the TensorBoard events those of a run that goes on after `evaluations`.

        Args:
          config: of the run.
          evaluations: so far.
          times: when each was made, seconds since 1970.
          rates: rows/s of training before each; None where it is unknown.
        """
        self._metrics(evaluations)
        self._events.restart(config, evaluations, times, rates)

    def evaluated(self, evaluations: list[Evaluation], moment: float, rate: float | None) -> None:
        """Adds the last of a run's evaluations to metrics.jsonl and the events.

        Args:
          evaluations: so far.
          moment: when the last was made, seconds since 1970.
          rate: rows/s of training before it; None where it is unknown.
        """
        self._metrics(evaluations)
        self._events.add(evaluations[-1], moment, rate)

    def _metrics(self, evaluations: list[Evaluation]) -> None:
        """Rewrites metrics.jsonl, one line an evaluation, so that it never holds more than the checkpoint does."""
        _replace(
            self._folder / 'metrics.jsonl', ''.join(json.dumps(evaluation.line()) + '\n' for evaluation in evaluations)
        )

    def diverged(self, sentence: str) -> None:
        """Adds to run.json how this start ended."""
        self._write((*self._run.starts[:-1], dataclasses.replace(self._run.starts[-1], diverged=sentence)))

    def _write(self, starts: tuple[Start, ...]) -> None:
        """Writes run.json with other starts."""
        self._run = dataclasses.replace(self._run, starts=starts)
        write_json(self._folder / 'run.json', stored.to_json(self._run))

    def result(self, result: Result) -> None:
        """Adds the test figures to the TensorBoard events, then writes result.json."""
        self._events.test(result.best_step, result.test)
        write_json(self._folder / 'result.json', stored.to_json(result))

    def close(self) -> None:
        self._events.close()
        self._holding.close()


def matching_result(folder: pathlib.Path, config: Config, data: PreparedData) -> Result | None:
    """The result of a run in its folder, or None where the run is not complete or not begun. Reads only.

    Raises UnusableFolder where the folder's run, or its result, is of another configuration or other data, or where it
    cannot be known what it is of.
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
    """Raises UnusableFolder where a folder has prepared data, or what a run leaves, but no run.json that says which
    run.
    """
    if (folder / 'manifest.json').exists() and (folder / 'schema.json').exists():
        raise UnusableFolder(
            f'{folder} holds prepared data, which could not be prepared again with a run in it: choose another run '
            'folder'
        )
    left = [name for name in OF_A_RUN if (folder / name).exists()]
    if left and not (folder / 'run.json').exists():
        raise UnusableFolder(
            f'{folder} has {" and ".join(left)} but no run.json, so it is not known which run they are of: '
            'put its run.json back or choose another run folder'
        )


def read_run(folder: pathlib.Path) -> Description:
    """run.json of a run folder. Raises UsageError."""
    path = folder / 'run.json'
    if not path.exists():
        raise UsageError(f'{folder} is not a run folder (it has no run.json): scripts/train.py makes one')
    try:
        return stored.read_record(path, Description, mend='choose another run folder')
    except UsageError as error:
        raise UnusableFolder(str(error)) from None


def read_config(folder: pathlib.Path) -> Config:
    """The configuration of a run folder's run. Raises UsageError."""
    return _config_of(folder, read_run(folder))


def run_fingerprints(folder: pathlib.Path) -> set[str]:
    """The fingerprints by which the files of a run folder may name its run: the present one, and that of earlier
    versions.

    Raises UsageError where run.json cannot be read.
    """
    first = _understood(folder, read_run(folder).config)
    return {fingerprint(first), former_fingerprint(first)}


def _config_of(folder: pathlib.Path, run: Description) -> Config:
    """The configuration of a run, with the options of 'execution' of its last start."""
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
    """result.json of a run folder, or None where the run is not complete. Raises UsageError."""
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
    """Writes JSON so that the file is never seen half written."""
    _replace(path, json.dumps(value, indent=2) + '\n')


def _replace(path: pathlib.Path, text: str) -> None:
    unfinished = path.with_name(path.name + '.unfinished')
    with open(unfinished, 'w') as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)
    folder = os.open(path.parent, os.O_RDONLY)
    with contextlib.suppress(OSError):  # some file systems cannot
        os.fsync(folder)  # so that the name is on disk too
    os.close(folder)
