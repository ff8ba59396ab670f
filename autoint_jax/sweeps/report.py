"""The report of a sweep: its trials sorted by the objective, and the mean of each setting over its seeds.

A setting is a choice of values for all options in which the trials differ, except the seed. Only validation figures
decide the order. Test figures are shown beside them and decide nothing.
"""

import pathlib
from typing import Any, NamedTuple

from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.errors import UsageError
from autoint_jax.records import comparison
from autoint_jax.records.tables import write_table
from autoint_jax.sweeps import trials
from autoint_jax.sweeps.folder import SweepFolder
from autoint_jax.sweeps.trials import Trial

SPLITS = ('valid', 'test')


class Report(NamedTuple):
    """The tables of a report. Their rows are sorted by the objective, the best first; rows without a figure come last.

    Attributes:
      figures: the metrics that all trials have, of both splits: 'valid_auc' and so on.
      options: the options in which trials differ, except the seed.
      settings: a row for each setting, with mean and sample standard deviation over the seeds that are done.
          trials: a row for each trial. If the trial is done, its figures are those of the best checkpoint by
        `training.monitor`. Otherwise they are the best validation figures so far, which do not count in `settings`.
    """

    figures: list[str]
    options: list[str]
    settings: list[dict[str, Any]]
    trials: list[dict[str, Any]]


def report(folder: SweepFolder) -> Report:
    """Makes the report of a sweep.

    Raises:
      UsageError: the sweep has no trial yet, its folder holds another search, or trials that are done used different
        data.
    """
    listed = folder.trials()
    if not listed:
        raise UsageError(f'{folder.path} has no trial yet: run the sweep first')
    _refuse_different_data(folder, listed)
    options = sorted(
        {option for trial in listed for option in configuration.differing(listed[0].config, trial.config)} - {'seed'}
    )
    names = [
        name
        for name in folder.sweep.config.training.evaluated
        if all(name in trial.config.training.evaluated for trial in listed)
    ]
    figures = [f'{split}_{name}' for split in SPLITS for name in names]
    rows = [_trial_row(folder, trial, options, figures) for trial in listed]
    by_setting: dict[tuple, list[dict[str, Any]]] = {}
    for row in rows:
        by_setting.setdefault(tuple(row[option] for option in options), []).append(row)
    objective = folder.sweep.objective

    def rank(row: dict[str, Any]) -> tuple[bool, float]:
        value = row[objective]
        return value is None, 0.0 if value is None else folder.sweep.better_first(value)

    settings = [_setting_row(found, options, figures) for found in by_setting.values()]
    return Report(figures, options, sorted(settings, key=rank), sorted(rows, key=rank))


def write(folder: SweepFolder, made: Report, output: pathlib.Path) -> list[pathlib.Path]:
    """Writes OUTPUT/sweep_NAME (settings) and OUTPUT/sweep_NAME_trials, each as .json and .csv.

    Returns the paths without suffix.
    """
    about = {
        'sweep': folder.sweep.name,
        'base': folder.sweep.base,
        'objective': folder.sweep.objective,
        'file': folder.sweep.text,
    }
    paths = [output / f'sweep_{folder.sweep.name}', output / f'sweep_{folder.sweep.name}_trials']
    for path, rows in zip(paths, (made.settings, made.trials), strict=True):
        write_table(path, rows, about)
    return paths


def show(folder: SweepFolder, made: Report) -> None:
    """Prints the table of settings and the best setting."""
    names = [option.rpartition('.')[2] for option in made.options]
    comparison.show(
        f'{folder.sweep.name}, by {folder.sweep.objective}',
        [
            *(names if len(set(names)) == len(names) else made.options),
            *(figure.replace('_', ' ') for figure in made.figures),
            'done',
        ],
        [
            [
                *(_shown(row[option]) for option in made.options),
                *(_spread(row, figure) for figure in made.figures),
                f'{row["done"]} of {row["seeds"]}',
            ]
            for row in made.settings
        ],
    )
    best = made.settings[0]
    if best['done']:
        print(
            f'best by {folder.sweep.objective}, without regard to test figures: '
            + (', '.join(f'{option} = {_shown(best[option])}' for option in made.options) or 'the only setting')
        )


def _refuse_different_data(folder: SweepFolder, listed: list[Trial]) -> None:
    """Raises UsageError if the data was prepared again between trials."""
    first: dict[tuple[str, str], Trial] = {}
    for trial in listed:
        if trials.final_state(folder.of(trial)) == trials.DONE:
            one = first.setdefault((trial.config.data.dataset, trial.config.data.recipe), trial)
            if trials.data_hash(folder.of(trial)) != trials.data_hash(folder.of(one)):
                raise UsageError(
                    f'{folder.of(trial)} was trained on other data than {folder.of(one)}, so means over both say '
                    'nothing: delete the folders of the trials on one of the two and run the sweep again'
                )


def _trial_row(folder: SweepFolder, trial: Trial, options: list[str], figures: list[str]) -> dict[str, Any]:
    path = folder.of(trial)
    state = folder.state(trial)[0]
    row = {
        'trial': trial.id,
        'state': state,
        **{option: _plain(trial.config, option) for option in options},
        'seed': trial.config.seed,
        **dict.fromkeys([*figures, 'best_epoch', 'train_seconds']),
    }
    if state == trials.DONE:
        result = trials.result(path)
        found = {
            f'{split}_{name}': value
            for split, values in (('valid', result.valid), ('test', result.test))
            for name, value in values.items()
        }
        return (
            row
            | {figure: found[figure] for figure in figures}
            | {'best_epoch': result.best_epoch, 'train_seconds': result.train_seconds}
        )
    if evaluations := trials.evaluations(path):
        best = min(
            evaluations, key=lambda evaluation: folder.sweep.better_first(evaluation.valid[folder.sweep.metric.name])
        )
        return row | {
            **{figure: best.line()[figure] for figure in figures if figure.startswith('valid_')},
            'best_epoch': best.epoch,
        }
    return row


def _setting_row(rows: list[dict[str, Any]], options: list[str], figures: list[str]) -> dict[str, Any]:
    done = [row for row in rows if row['state'] == trials.DONE]
    made = {option: rows[0][option] for option in options}
    for figure in figures:
        found = comparison.measured([row[figure] for row in done]) if done else None
        made |= {figure: found and found.mean, f'{figure}_deviation': found and found.deviation}
    return made | {'done': len(done), 'seeds': len(rows), 'runs': [row['trial'] for row in done]}


def _shown(value: Any) -> str:
    return f'{value:.4g}' if isinstance(value, float) else str(value)


def _spread(row: dict[str, Any], figure: str) -> str:
    return '' if row[figure] is None else str(comparison.Measured(row[figure], row[f'{figure}_deviation'], row['done']))


def _plain(config: Config, option: str) -> Any:
    """Returns the value of an option as tables keep it. A list becomes text."""
    value = configuration.value(config, option)
    return ','.join(map(str, value)) if isinstance(value, tuple) else value
