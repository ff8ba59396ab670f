"""Records of runs under results/runs. A record is written when a run is complete, and is checked when it is read."""

import dataclasses
import math
import pathlib
from typing import Any

from autoint_jax import stored, stored_records
from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.config.fingerprint import fingerprint, former_fingerprint, identity, identity_tree
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.errors import UsageError, system_sentence
from autoint_jax.evaluation.metrics import ALWAYS, METRICS
from autoint_jax.training.run_folder import contents
from autoint_jax.training.run_folder.description import Start
from autoint_jax.training.run_folder.prolongation import read_evaluations
from autoint_jax.training.run_folder.provenance import without_paths
from autoint_jax.training.run_folder.result import Result

FIGURES = dict.fromkeys(ALWAYS, stored.finite)
MEND = 'restore the record, or move it away to have the run trained again, or name another --results_dir'


@dataclasses.dataclass(frozen=True)
class DataName:
    """The name of prepared data: a data set, and the recipe by which it was prepared."""

    dataset: str
    recipe: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunRecord(Result):
    """The record of a complete run: its result, its configuration and its starts.

    Attributes:
      run: the name of the run, NAME-FINGERPRINT, which is also the name of its file.
      data: the name of the data that it was trained on.
      config: the configuration, as in `Description`.
      starts: the starts, as in `Description`.
      evaluations: its evaluations, as the lines of metrics.jsonl; older records have none.
    """

    run: str
    data: DataName
    config: dict[str, Any]
    starts: tuple[Start, ...]
    evaluations: tuple[dict[str, Any], ...] = ()


def recorded_seeds(
    name: str, config: Config, seeds: int, data: PreparedData, results_dir: pathlib.Path, first_seed: int = 0
) -> list[RunRecord]:
    """Returns the existing records of runs with seeds first_seed to `first_seed + seeds - 1`, in order.

    Trains nothing. Raises UsageError as `recorded` does.
    """
    configs = [configuration.replace(config, {'seed': seed}) for seed in range(first_seed, first_seed + seeds)]
    found = [recorded(f'{name}-{fingerprint(one)}', one, data, results_dir) for one in configs]
    return [record for record in found if record is not None]


def recorded(run_id: str, config: Config, data: PreparedData, results_dir: pathlib.Path) -> RunRecord | None:
    """Returns the record of a run; None if RESULTS_DIR/runs has none.

    The record must have the name and the configuration of this run, and must be of a run on this data.

    Raises:
      UsageError: the record is of another run or other data, or is damaged, or lacks a figure.
    """
    path = found_path(run_id, config, results_dir)
    if path is None:
        return None
    on = stored.read_json(path, {'data_hash': str}, mend=MEND)['data_hash']
    if on != data.hash:
        raise UsageError(
            f'{path} is a record of this run on other data than {data.folder} (hash {on[:12]}, not {data.hash[:12]}): '
            'name another --results_dir, or remove the record'
        )
    found = read_record(path)
    theirs = configuration.from_tree(found.config)
    if identity(theirs) != identity(config):
        difference = '; '.join(configuration.difference(identity(theirs), identity(config)))
        raise UsageError(f'{path} is a record of another configuration ({difference}): {MEND}')
    return found


def read_record(path: pathlib.Path) -> RunRecord:
    """Reads a record in RESULTS_DIR/runs, and checks that its name, fingerprint, seed, data and configuration agree.

    Raises UsageError, which names the file, if the record is damaged or contradicts itself.
    """
    found = stored_records.read_record(path, RunRecord, mend=MEND)
    stored.checked(
        {'test': found.test, 'valid': found.valid}, {'test': FIGURES, 'valid': FIGURES}, str(path), mend=MEND
    )
    try:
        config = configuration.from_tree(found.config)
    except UsageError as error:
        raise UsageError(f'{path} has a configuration that this version cannot read ({error}): {MEND}') from None
    former = found.version == 1 and not path.stem.endswith(fingerprint(config))
    name = former_fingerprint(config) if former else fingerprint(config)
    for what, theirs, expected in (
        ('run', found.run, path.name.removesuffix('.json')),
        ('fingerprint', found.fingerprint, name),
        ('end of its name', path.stem.rpartition('-')[2], name),
        ('seed', found.seed, config.seed),
        ('data', found.data, DataName(config.data.dataset, config.data.recipe)),
    ):
        if theirs != expected:
            raise UsageError(
                f'{path} contradicts itself: its {what} is {theirs!r}, but its configuration and name say '
                f'{expected!r}; it was edited or renamed: {MEND}'
            )
    for split, figures in (('valid', found.valid), ('test', found.test)):
        # Those of ALWAYS are finite here; others are NaN if they are not defined on the data.
        given = {name: value for name, value in figures.items() if name in METRICS and not math.isnan(value)}
        if not all(METRICS[name].possible(value) for name, value in given.items()):
            raise UsageError(f'{path} has impossible figures of the {split} split ({figures}): {MEND}')
    return found


def record(run_id: str, folder: pathlib.Path, results_dir: pathlib.Path) -> RunRecord:
    """Writes the record of a complete run to RESULTS_DIR/runs. Commands in it name no folders of this machine.

    Args:
      run_id: the run's name, NAME-FINGERPRINT.
      folder: its run folder.
      results_dir: folder of records.

    Raises UsageError if the run is not complete.
    """
    run, config, result = contents.read_run(folder), contents.read_config(folder), contents.read_result(folder)
    if result is None:
        raise UsageError(f'{folder} holds a run that is not complete: train it first')
    made = RunRecord(
        **vars(result)
        | {
            'fingerprint': fingerprint(config),
            'run': run_id,
            'data': DataName(config.data.dataset, config.data.recipe),
            'config': identity_tree(config),
            'starts': tuple(map(_without_paths, run.starts)),
            'evaluations': tuple(one.line() for one in read_evaluations(folder)),
            'version': RunRecord.VERSION,
        }
    )
    path = record_path(run_id, results_dir)
    path.parent.mkdir(parents=True, exist_ok=True)
    stored.write_json(path, stored_records.to_json(made))
    return made


def _without_paths(start: Start) -> Start:
    """Returns a start whose command and cache are named without absolute paths."""
    cache = start.compilation_cache and pathlib.Path(start.compilation_cache).name
    return dataclasses.replace(start, command=tuple(map(without_paths, start.command)), compilation_cache=cache)


def record_path(run_id: str, results_dir: pathlib.Path) -> pathlib.Path:
    """Returns the path of the record of a run, whether it exists or not."""
    return results_dir / 'runs' / f'{run_id}.json'


def found_path(run_id: str, config: Config, results_dir: pathlib.Path) -> pathlib.Path | None:
    """Returns the path of a run's record; None if it has no record. Older records may have the run's former name.

    Raises UsageError if the folder cannot be read.
    """
    former = run_id.removesuffix(fingerprint(config)) + former_fingerprint(config)
    try:
        return next((path for name in (run_id, former) if (path := record_path(name, results_dir)).exists()), None)
    except OSError as error:
        raise UsageError(system_sentence(error)) from None
