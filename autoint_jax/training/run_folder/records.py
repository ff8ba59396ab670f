"""Writes the records of a run folder: run.json, metrics.jsonl, TensorBoard events, result.json."""

import dataclasses
import json
import pathlib
import time
from collections.abc import Iterator
from typing import Any

import jax

from autoint_jax import stored, stored_records
from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.config.fingerprint import fingerprint, identity_tree
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.evaluation.evaluation import Evaluation
from autoint_jax.training.processes import group
from autoint_jax.training.run_folder import prolongation
from autoint_jax.training.run_folder.contents import (
    UnusableFolder,
    check_run_json,
    matching_result,
    read_run,
    run_fingerprints,
)
from autoint_jax.training.run_folder.description import Ancestry, Description, Start
from autoint_jax.training.run_folder.encoding import keep
from autoint_jax.training.run_folder.events import Events
from autoint_jax.training.run_folder.holding import AlreadyHeld, Holding
from autoint_jax.training.run_folder.provenance import provenance
from autoint_jax.training.run_folder.result import Result


class FolderInUse(UnusableFolder):
    """Another process trains in a run folder."""


class RunRecords:
    """The records of one run. Opening locks the folder, so that two processes never train one run.

    Attributes:
      locked: whether the file system has locks. Without them, this process stops if another one starts in the folder.
      kept: a sentence about what this start kept of the data for scoring; '' if nothing was left to keep.
      prolonged: a sentence about options by which this start prolongs the run; '' if it does not.
    """

    def __init__(self, folder: pathlib.Path):
        """Raises FolderInUse if another process trains in the folder, UnusableFolder if it cannot be a run folder."""
        check_run_json(folder)
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
        self.locked, self.kept, self.prolonged = self._holding.locked, '', ''
        self._events = Events(folder / 'tensorboard')

    def start(
        self,
        config: Config,
        data: PreparedData,
        forms: dict[str, str | None],
        copies: int,
        boundaries: dict[str, list[float]],
        ancestry: Ancestry | None = None,
    ) -> Result | None:
        """Starts or resumes a run: writes run.json, or adds this start to it.

        Args:
          config: the configuration of the run.
          data: the data that it is trained on.
          forms: the forms of interacting layers, dense layers and the optimizer of tables.
          copies: the number of runs in its program.
          boundaries: quantile boundaries of numeric fields, which a new run.json keeps, so that they are computed once.
          ancestry: the run from whose state it goes on, which a new run.json records.

        Returns:
          The result if the run is complete, else None. If it is complete, nothing is written.

        Raises UnusableFolder as `matching_result` does.
        """
        result = matching_result(self._folder, config, data)
        if result is not None:
            return result
        self._holding.sign()
        self.kept = keep(self._folder, data)
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
                ancestry=ancestry,
                starts=(),
            )
        )
        self._prolong(config)
        made = provenance(alone=copies == 1)
        start = Start(
            time=time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()),
            command=made.command,
            commit=made.commit,
            versions=made.versions,
            device=made.device,
            execution=dataclasses.asdict(config.execution),
            mesh=dataclasses.asdict(config.mesh),
            compilation_cache=jax.config.values['jax_compilation_cache_dir'],
            forms=forms,
            copies=copies,
            processes=group.count(),
        )
        self._write((*self._run.starts, start))
        return None

    def _prolong(self, config: Config) -> None:
        """Gives the description of a run that is prolonged its present configuration, and removes its result."""
        theirs, tree = configuration.from_tree(self._run.config), identity_tree(config)
        if not prolongation.differs_in_length(theirs, config):
            return
        self.prolonged = (
            f'the run in {self._folder} goes on with other options ({prolongation.shown_difference(theirs, config)})'
        )
        (self._folder / 'result.json').unlink(missing_ok=True)  # before run.json: else it would be that of this run
        shorter = (*self._run.shorter, *sorted(run_fingerprints(self._folder)))
        self._run = dataclasses.replace(self._run, fingerprint=fingerprint(config), config=tree, shorter=shorter)

    def remarks(self, *, is_copy: bool) -> Iterator[str]:
        """Yields sentences about this start; what is kept of the data is not repeated for each copy of a run."""
        if not self.locked:
            yield (
                'this file system has no locks: do not start a second process in this run folder, because the first '
                'would stop'
            )
        if self.kept and not is_copy:
            yield self.kept
        if self.prolonged:
            yield self.prolonged

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
        stored.write_text(
            self._folder / 'metrics.jsonl', ''.join(json.dumps(evaluation.line()) + '\n' for evaluation in evaluations)
        )

    def diverged(self, sentence: str) -> None:
        """Adds a sentence about the divergence of this start to run.json."""
        self._write((*self._run.starts[:-1], dataclasses.replace(self._run.starts[-1], diverged=sentence)))

    def _write(self, starts: tuple[Start, ...]) -> None:
        """Writes run.json with the given starts."""
        self._run = dataclasses.replace(self._run, starts=starts)
        stored.write_json(self._folder / 'run.json', stored_records.to_json(self._run))

    def result(self, result: Result) -> None:
        """Adds the test figures to the TensorBoard events, then writes result.json."""
        self._events.test(result.best_step, result.test)
        stored.write_json(self._folder / 'result.json', stored_records.to_json(result))

    def close(self) -> None:
        """Closes the event file, and releases the folder."""
        self._events.close()
        self._holding.close()


def write_bad_step(folder: pathlib.Path, bad: dict[str, Any]) -> pathlib.Path:
    """Writes a step whose loss is not finite, with the rows of its batch, to bad_step.json. Returns its path."""
    path = folder / 'bad_step.json'
    if group.is_first():
        stored.write_json(path, bad)
    return path
