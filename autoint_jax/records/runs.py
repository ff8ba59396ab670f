"""Records of runs under results/runs: they are written when a run is complete, and believed only if they are of the run asked for."""

import pathlib
from typing import Any

from autoint_jax import stored
from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.config.fingerprint import fingerprint, former_fingerprint, identity
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.errors import UsageError, system_sentence
from autoint_jax.evaluation.metrics import ALWAYS, METRICS
from autoint_jax.training.run_folder import records

FIGURES = dict.fromkeys(ALWAYS, stored.finite)
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
        if not all(METRICS[name].possible(value) for name, value in found[split].items() if name in METRICS):
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
