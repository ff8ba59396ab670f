"""Runs of an experiment: what has a record is read, what has none is run and recorded."""

import csv
import pathlib
from collections.abc import Sequence
from typing import Any

import jax

from autoint_jax import stored
from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.config.fingerprint import fingerprint, former_fingerprint, identity
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.errors import UsageError, system_sentence
from autoint_jax.training.loop import fit
from autoint_jax.training.progress import Reporter
from autoint_jax.training.replicas import copies_that_fit, fit_copies
from autoint_jax.training.run_folder import records

FIGURES = {'auc': stored.finite, 'logloss': stored.finite}
# What the record of a run has, beside what is only shown.
RECORD = {
    'run': str,
    'fingerprint': str,
    'seed': int,
    'config': dict,
    'data': {'dataset': str, 'recipe': str},
    'data_hash': str,
    'test': FIGURES,
    'valid': FIGURES,
    'best_epoch': stored.finite,
    'epochs': stored.finite,
    'train_seconds': stored.finite,
    'parameters': int,
    'embedding_parameters': int,
    'starts': [dict],
}
MEND = 'restore the record, or move it away to have the run trained again, or name another --results_dir'


def completed(
    name: str,
    config: Config,
    data: PreparedData,
    *,
    runs_dir: pathlib.Path,
    results_dir: pathlib.Path,
    reporter: Reporter,
) -> dict[str, Any]:
    """The record of a run, run (or gone on with) if RESULTS_DIR/runs has none for this configuration and data.

    The record is result.json with run.json's account of configuration, command, commit, versions and device. It is
    written when the run is complete, so a long experiment can be interrupted and committed piece by piece.

    Raises UsageError as `recorded` and `fit` do.
    """
    run_id = f'{name}-{fingerprint(config)}'
    if (found := recorded(run_id, config, data, results_dir)) is not None:
        return found
    reporter.say(f'run {run_id}')
    fit(config, data, runs_dir / run_id, reporter)
    return record(run_id, runs_dir / run_id, results_dir)


def completed_seeds(
    name: str,
    config: Config,
    seeds: int,
    data: PreparedData,
    *,
    runs_dir: pathlib.Path,
    results_dir: pathlib.Path,
    reporter: Reporter,
) -> list[dict[str, Any]]:
    """The records of a configuration's runs with seeds 0 to `seeds - 1`; those that have none train together, as copies in one program.

    As many train at once as fit in memory and share the devices evenly; the rest after them. One trains as `completed` does it, also
    where rows must be streamed. Raises UsageError as `recorded` does, before anything is trained; as `fit_copies`
    does; and where training diverged, or one that trains alone cannot be trained, after the others are recorded.
    """
    configs = [configuration.replace(config, {'seed': seed}) for seed in range(seeds)]
    ids = [f'{name}-{fingerprint(one)}' for one in configs]
    missing = [
        number for number, run_id in enumerate(ids) if recorded(run_id, configs[number], data, results_dir) is None
    ]
    at_once = min(copies_that_fit(config, data), len(missing)) if len(missing) > 1 else 1
    at_once -= at_once % min(at_once, jax.local_device_count())
    failed = []
    for first in range(0, len(missing), at_once):
        group = missing[first : first + at_once]
        if len(group) == 1:
            try:
                completed(name, configs[group[0]], data, runs_dir=runs_dir, results_dir=results_dir, reporter=reporter)
            except UsageError as error:
                failed.append(f'{runs_dir / ids[group[0]]}: {error}')
            continue
        reporter.say('runs ' + ' '.join(ids[number] for number in group))
        results = fit_copies(
            [configs[number] for number in group], data, [runs_dir / ids[number] for number in group], reporter
        )
        for number, result in zip(group, results, strict=True):
            if isinstance(result, UsageError):
                failed.append(f'{runs_dir / ids[number]}: {result}')
            else:
                record(ids[number], runs_dir / ids[number], results_dir)
    if failed:
        raise UsageError('\n'.join(failed))
    return [recorded(run_id, one, data, results_dir) for run_id, one in zip(ids, configs, strict=True)]


def recorded_seeds(
    name: str, config: Config, seeds: int, data: PreparedData, results_dir: pathlib.Path
) -> list[dict[str, Any]]:
    """The records there are of a configuration's runs with seeds 0 to `seeds - 1`, in this order; nothing is run.

    Raises UsageError as `recorded` does.
    """
    configs = [configuration.replace(config, {'seed': seed}) for seed in range(seeds)]
    found = [recorded(f'{name}-{fingerprint(one)}', one, data, results_dir) for one in configs]
    return [record for record in found if record is not None]


def recorded(run_id: str, config: Config, data: PreparedData, results_dir: pathlib.Path) -> dict[str, Any] | None:
    """The record of a run; None where RESULTS_DIR/runs has none.

    A record is believed only if it is of this run: of its name, its effective configuration and this data.

    Raises:
      UsageError: the record is of another run or other data, is damaged, or lacks a figure.
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
    theirs = configuration.from_tree(found['config'])
    if identity(theirs) != identity(config):
        raise UsageError(
            f'{path} is a record of another configuration ({"; ".join(configuration.difference(identity(theirs), identity(config)))}): {MEND}'
        )
    return found


def read_record(path: pathlib.Path) -> dict[str, Any]:
    """A record in RESULTS_DIR/runs that is whole and agrees with itself: its name, fingerprint, seed, data set and configuration.

    Raises UsageError, which names the file, where it is not.
    """
    found = stored.read_json(path, RECORD, mend=MEND)
    try:
        config = configuration.from_tree(found['config'])
    except UsageError as error:
        raise UsageError(f'{path} has a configuration that this version cannot read ({error}): {MEND}') from None
    name = fingerprint(config) if path.stem.endswith(fingerprint(config)) else former_fingerprint(config)
    for what, theirs, expected in (
        ('run', found['run'], path.name.removesuffix('.json')),
        ('fingerprint', found['fingerprint'], name),
        ('end of its name', path.stem.rpartition('-')[2], name),
        ('seed', found['seed'], config.seed),
        ('data', found['data'], {'dataset': config.data.dataset, 'recipe': config.data.recipe}),
    ):
        if theirs != expected:
            raise UsageError(
                f'{path} contradicts itself: its {what} is {theirs!r}, but its configuration and name say {expected!r}; it '
                f'was edited or renamed: {MEND}'
            )
    for split in ('valid', 'test'):
        if not (0 <= found[split]['auc'] <= 1 and found[split]['logloss'] >= 0):
            raise UsageError(f'{path} has impossible figures of the {split} split ({found[split]}): {MEND}')
    return found


def record(run_id: str, folder: pathlib.Path, results_dir: pathlib.Path) -> dict[str, Any]:
    """Writes the record of a complete run to RESULTS_DIR/runs."""
    run = records.read_run(folder)
    made = {
        'run': run_id,
        **records.read_result(folder),
        'data': {key: run['config']['data'][key] for key in ('dataset', 'recipe')},
        'config': run['config'],
        'starts': run['starts'],
    }
    path = record_path(run_id, results_dir)
    path.parent.mkdir(parents=True, exist_ok=True)
    records.write_json(path, made)
    return made


def record_path(run_id: str, results_dir: pathlib.Path) -> pathlib.Path:
    """Where the record of a run is, or would be."""
    return results_dir / 'runs' / f'{run_id}.json'


def found_path(run_id: str, config: Config, results_dir: pathlib.Path) -> pathlib.Path | None:
    """Where the record of a run is; None if there is none. Records of earlier versions may have the run's former name.

    Raises UsageError if the folder cannot be read.
    """
    former = run_id.removesuffix(fingerprint(config)) + former_fingerprint(config)
    try:
        return next((path for name in (run_id, former) if (path := record_path(name, results_dir)).exists()), None)
    except OSError as error:
        raise UsageError(system_sentence(error)) from None


def write_table(path: pathlib.Path, rows: Sequence[dict[str, Any]], about: dict[str, Any]) -> None:
    """Writes PATH.json (rows and what they are about) and PATH.csv (rows)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    records.write_json(path.with_name(f'{path.name}.json'), {**about, 'rows': list(rows)})
    with open(path.with_name(f'{path.name}.csv'), 'w', newline='') as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(
            {key: ' '.join(value) if isinstance(value, list) else value for key, value in row.items()} for row in rows
        )
