"""Runs of an experiment: what has a record is read, what has none is run and recorded."""

import csv
import json
import pathlib
from collections.abc import Sequence
from typing import Any

from autoint_jax import config as configuration
from autoint_jax.config import Config
from autoint_jax.data.prepared import PreparedData
from autoint_jax.training import records
from autoint_jax.training.loop import fit
from autoint_jax.training.progress import Reporter


def completed(name: str, config: Config, data: PreparedData, *, runs_dir: pathlib.Path, results_dir: pathlib.Path,
              reporter: Reporter) -> dict[str, Any]:
    """The record of a run, run (or gone on with) if RESULTS_DIR/runs has none for this configuration and data.

    The record is result.json with run.json's account of configuration, command, commit, versions and device. It is
    written when the run is complete, so a long experiment can be interrupted and committed piece by piece.

    Raises UsageError as `fit` does.
    """
    run_id = f'{name}-{configuration.fingerprint(config)}'
    path = results_dir / 'runs' / f'{run_id}.json'
    if path.exists():
        record = json.loads(path.read_text())
        if record['data_hash'] == data.hash:
            return record
    reporter.say(f'run {run_id}')
    result = fit(config, data, runs_dir / run_id, reporter)
    run = records.read_run(runs_dir / run_id)
    record = {'run': run_id, **result, 'data': {key: data.manifest[key] for key in ('dataset', 'recipe')},
              'config': run['config'], 'starts': run['starts']}
    path.parent.mkdir(parents=True, exist_ok=True)
    records.write_json(path, record)
    return record


def write_table(path: pathlib.Path, rows: Sequence[dict[str, Any]], about: dict[str, Any]) -> None:
    """Writes PATH.json (rows and what they are about) and PATH.csv (rows)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    records.write_json(path.with_suffix('.json'), {**about, 'rows': list(rows)})
    with open(path.with_suffix('.csv'), 'w', newline='') as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows({key: ' '.join(value) if isinstance(value, list) else value for key, value in row.items()}
                         for row in rows)
