"""Completion of an experiment's runs: a run that has a record is read, any other is trained and recorded."""

import pathlib
from collections.abc import Sequence

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


def completed_runs(
    name: str,
    configs: Sequence[Config],
    data: PreparedData,
    *,
    runs_dir: pathlib.Path,
    results_dir: pathlib.Path,
    reporter: Reporter,
) -> list[RunRecord | UsageError]:
    """Returns the records of the runs of some configurations, in order, after it trains the missing ones.

    Missing runs train as copies in one program, as many at once as fit in memory and share the devices evenly. A single
    run trains as in `completed`, which can also stream rows from disk. If a run diverges or cannot be trained, its
    error stands in place of its record.

    Args:
      name: the name of the runs, without a fingerprint.
      configs: the configurations; they differ in options that change no shape, such as the seed or a learning rate.
      data: the prepared data of all runs.
      runs_dir: folder of run folders.
      results_dir: folder of records.
      reporter: told of progress.

    Raises:
      UsageError: a record is refused, before anything is trained; or `fit_copies` raises it.
    """
    ids = [f'{name}-{fingerprint(config)}' for config in configs]
    found: dict[int, RunRecord | UsageError] = {
        number: record
        for number, run_id in enumerate(ids)
        if (record := runs.recorded(run_id, configs[number], data, results_dir)) is not None
    }
    missing = [number for number in range(len(configs)) if number not in found]
    at_once = min(copies_that_fit(configs[0], data), len(missing)) if len(missing) > 1 else 1
    at_once -= at_once % min(at_once, jax.local_device_count())
    for first in range(0, len(missing), at_once):
        group = missing[first : first + at_once]
        if len(group) == 1:
            number = group[0]
            try:
                found[number] = completed(
                    name, configs[number], data, runs_dir=runs_dir, results_dir=results_dir, reporter=reporter
                )
            except UsageError as error:
                found[number] = error
            continue
        reporter.say('runs ' + ' '.join(ids[number] for number in group))
        results = fit_copies(
            [configs[number] for number in group], data, [runs_dir / ids[number] for number in group], reporter
        )
        for number, result in zip(group, results, strict=True):
            found[number] = (
                result
                if isinstance(result, UsageError)
                else runs.record(ids[number], runs_dir / ids[number], results_dir)
            )
    return [found[number] for number in range(len(configs))]


def completed_seeds(
    name: str,
    config: Config,
    seeds: int,
    data: PreparedData,
    *,
    runs_dir: pathlib.Path,
    results_dir: pathlib.Path,
    reporter: Reporter,
    first_seed: int = 0,
) -> list[RunRecord]:
    """Returns the records of a configuration's runs with seeds first_seed to `first_seed + seeds - 1`.

    The missing ones are trained as in `completed_runs`.

    Raises:
      UsageError: as `completed_runs` does; or some runs diverged or could not be trained, after the others are
        recorded.
    """
    configs = [configuration.replace(config, {'seed': seed}) for seed in range(first_seed, first_seed + seeds)]
    found = completed_runs(name, configs, data, runs_dir=runs_dir, results_dir=results_dir, reporter=reporter)
    failed = [
        f'{runs_dir / f"{name}-{fingerprint(one)}"}: {error}'
        for one, error in zip(configs, found, strict=True)
        if isinstance(error, UsageError)
    ]
    if failed:
        raise UsageError('\n'.join(failed))
    return [record for record in found if not isinstance(record, UsageError)]
