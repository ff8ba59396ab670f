"""Complete runs that are compared, from their folders or from a sweep."""

import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from autoint_jax.config.configuration import Config
from autoint_jax.config.fingerprint import identity
from autoint_jax.data.store.columns import SPLITS
from autoint_jax.errors import UsageError
from autoint_jax.evaluation.evaluation import Evaluation
from autoint_jax.sweeps import trials
from autoint_jax.sweeps.folder import SweepFolder
from autoint_jax.training.run_folder import contents
from autoint_jax.training.run_folder.encoding import kept_encoding
from autoint_jax.training.run_folder.result import Result

MOST_RUNS = 1000


class ComparedRun(NamedTuple):
    """A complete run.

    Attributes:
      folder: its folder.
      config: its configuration, without what only says how it was computed.
      result: its result.
      evaluations: its evaluations on validation rows; () if they are not kept.
      rows: what its rows are known by: checksums of the labels of all splits, or the hash of its data.
    """

    folder: pathlib.Path
    config: Config
    result: Result
    evaluations: tuple[Evaluation, ...]
    rows: tuple[Any, ...]


def runs_of_folders(folders: Sequence[pathlib.Path]) -> list[ComparedRun]:
    """Reads complete runs.

    Raises UsageError if a folder holds no complete run, or if they cannot be compared, as `check` says.
    """
    found = []
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f'{folder} is not a folder: name run folders, as scripts/train.py printed them')
        config, result = contents.read_config(folder), contents.read_result(folder)
        if result is None:
            raise UsageError(
                f'{folder} holds a run that is not complete, so it has no test figures: train it to its end, or leave '
                'it out'
            )
        found.append(complete_run(folder, config, result))
    check(found)
    return found


def runs_of_sweep(folder: SweepFolder) -> list[ComparedRun]:
    """Reads the trials of a sweep that are done. Raises UsageError as `runs_of_folders` does."""
    done = [trial for trial in folder.trials() if folder.of(trial).is_dir() and folder.state(trial)[0] == trials.DONE]
    found = [complete_run(folder.of(trial), trial.config, trials.result(folder.of(trial))) for trial in done]
    if len(found) < 2:
        raise UsageError(
            f'the sweep {folder.sweep.name} in {folder.path} has {len(found)} trials that are done, and a comparison '
            'needs at least two: scripts/sweep.py run trains them'
        )
    check(found)
    return found


def complete_run(folder: pathlib.Path, config: Config, result: Result) -> ComparedRun:
    """Returns a complete run for a comparison, with the evaluations in its folder."""
    evaluations = tuple(trials.evaluations(folder))
    kept = kept_encoding(folder, result.data_hash)
    splits = {} if kept is None else kept.manifest['splits']
    labels = tuple(splits.get(split, {}).get('labels_sha256') for split in SPLITS)
    # Other recipes of the same rows may be compared, as with and without crossed fields.
    return ComparedRun(folder, identity(config), result, evaluations, labels if all(labels) else (result.data_hash,))


def check(found: Sequence[ComparedRun]) -> None:
    """Raises UsageError if runs cannot be compared: too few, the same run twice, or different rows."""
    if len(found) < 2:
        raise UsageError(f'{len(found)} run is named, and a comparison needs at least two: name more run folders')
    if len(found) > MOST_RUNS:
        raise UsageError(f'{len(found):,} runs are named, more than {MOST_RUNS:,}: name fewer')
    seen: dict[Config, ComparedRun] = {}
    for run in found:
        other = seen.setdefault(run.config, run)
        if other is not run:
            raise UsageError(
                f'{other.folder} and {run.folder} hold the same run, with the same configuration and seed: name it once'
            )
    check_rows(found)


def check_rows(found: Sequence[ComparedRun]) -> None:
    """Raises UsageError if runs were not all trained and tested on the same rows."""
    for run in found:
        if run.rows != found[0].rows:
            raise UsageError(
                f'{run.folder} was trained and tested on other rows ({_data_name(run)}) than {found[0].folder} '
                f'({_data_name(found[0])}), so their figures cannot be compared: name runs of one split of one data set'
            )


def _data_name(run: ComparedRun) -> str:
    data = run.config.data
    return f'{data.dataset}/{data.recipe}, hash {run.result.data_hash[:12]}'
