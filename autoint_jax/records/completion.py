"""Completion of an experiment's runs: a run that has a record is read, any other is trained and recorded."""

import pathlib

import jax

from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.config.fingerprint import fingerprint
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.errors import UsageError
from autoint_jax.records import runs
from autoint_jax.records.runs import RunRecord
from autoint_jax.training.copies.capacity import copies_that_fit
from autoint_jax.training.copies.fitting import fit_copies
from autoint_jax.training.loop import fit
from autoint_jax.training.progress import Reporter


def completed(
    name: str,
    config: Config,
    data: PreparedData,
    *,
    runs_dir: pathlib.Path,
    results_dir: pathlib.Path,
    reporter: Reporter,
) -> RunRecord:
    """Returns the record of a run. The run is trained or resumed first if RESULTS_DIR/runs has no record of it.

    The record joins result.json with the configuration, command, commit, versions and device of run.json. It is written
    when the run is complete, so a long experiment can be interrupted and resumed.

    Raises UsageError as `runs.recorded` and `fit` do.
    """
    run_id = f'{name}-{fingerprint(config)}'
    if (found := runs.recorded(run_id, config, data, results_dir)) is not None:
        return found
    reporter.say(f'run {run_id}')
    fit(config, data, runs_dir / run_id, reporter)
    return runs.record(run_id, runs_dir / run_id, results_dir)


def completed_seeds(
    name: str,
    config: Config,
    seeds: int,
    data: PreparedData,
    *,
    runs_dir: pathlib.Path,
    results_dir: pathlib.Path,
    reporter: Reporter,
) -> list[RunRecord]:
    """Returns the records of a configuration's runs with seeds 0 to `seeds - 1`, after it trains the missing ones.

    Missing runs train as copies in one program, as many at once as fit in memory and share the devices evenly. A single
    run trains as in `completed`, which can also stream rows from disk.

    Raises:
      UsageError: a record is refused, before anything is trained; `fit_copies` raises it; or some runs diverged or
        could not be trained, after the others are recorded.
    """
    configs = [configuration.replace(config, {'seed': seed}) for seed in range(seeds)]
    ids = [f'{name}-{fingerprint(one)}' for one in configs]
    missing = [
        number for number, run_id in enumerate(ids) if runs.recorded(run_id, configs[number], data, results_dir) is None
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
                runs.record(ids[number], runs_dir / ids[number], results_dir)
    if failed:
        raise UsageError('\n'.join(failed))
    return runs.recorded_seeds(name, config, seeds, data, results_dir)
