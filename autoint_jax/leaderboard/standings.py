"""The standings of a leaderboard: the search of each model, its chosen setting, and the runs of this setting.

The setting of a model is the trial with the least validation logloss. Test figures of trials are never read. Those of
the final runs are read once, when the table is made.
"""

import math
from typing import Any, NamedTuple

from autoint_jax.comparison.figures import Compared, compared
from autoint_jax.comparison.runs import ComparedRun, check, complete_run
from autoint_jax.comparison.settings import Setting, settings_of
from autoint_jax.config import configuration
from autoint_jax.errors import UsageError
from autoint_jax.leaderboard.board import Board
from autoint_jax.sweeps import trials
from autoint_jax.sweeps.folder import SweepFolder
from autoint_jax.sweeps.trials import Trial
from autoint_jax.training.run_folder.provenance import without_paths

METRICS = ('logloss', 'auc')
FEWEST_MODELS = 2  # that a leaderboard can compare


class Standing(NamedTuple):
    """A model whose search is complete, and whose final runs are complete.

    Attributes:
      model: its name.
      chosen: the trial with the least validation logloss.
      setting: the final runs of this setting.
    """

    model: str
    chosen: Trial
    setting: Setting


class Standings(NamedTuple):
    """The standings of all models of a leaderboard.

    Attributes:
      models: the standings of models, the least mean validation logloss of the final runs first.
      tests: {metric: figures, paired tests and ranks}, of settings in the order of `models`.
      left_out: {model: why it has no place}.
    """

    models: list[Standing]
    tests: dict[str, Compared]
    left_out: dict[str, str]


def chosen_trial(search: SweepFolder) -> Trial | None:
    """Returns the trial with the least validation logloss, the first of equal ones; None if no trial has one."""
    found = [
        (trials.result(search.of(trial)).valid['logloss'], place, trial)
        for place, trial in enumerate(search.trials())
        if trials.final_state(search.of(trial)) == trials.DONE
    ]
    able = [one for one in found if math.isfinite(one[0])]
    return min(able)[2] if able else None


def standings(board: Board) -> Standings:
    """Reads the standings.

    Raises:
      UsageError: fewer than two models have final runs, or a file of a run is damaged.
    """
    chosen: dict[str, Trial] = {}
    runs: dict[str, list[ComparedRun]] = {}
    left_out: dict[str, str] = {}
    for model in board.spaces:
        search = board.search_of(model)
        if not is_complete(search):
            left_out[model] = 'its search is not complete'
        elif (trial := chosen_trial(search)) is None:
            left_out[model] = f'all of its {board.budget.trials} trials failed: {failure(search, search.trials()[0])}'
        elif not is_complete(final := board.final_of(model, trial.config)):
            left_out[model] = 'the runs of its chosen setting are not complete'
        elif not (done := _done(final)):
            left_out[model] = f'all runs of its chosen setting failed: {failure(final, final.trials()[0])}'
        else:
            chosen[model], runs[model] = trial, done
    if len(runs) < FEWEST_MODELS:
        reasons = '; '.join(f'{model}: {reason}' for model, reason in left_out.items())
        raise UsageError(
            f'a leaderboard needs {FEWEST_MODELS} models, and {len(runs)} of {len(board.spaces)} can be compared '
            f'({reasons or "name more --models"})'
        )
    check([run for done in runs.values() for run in done])
    of_run = {run.folder: model for model, done in runs.items() for run in done}
    settings = [
        setting._replace(name=of_run[setting.runs[0].folder])
        for setting in settings_of([run for done in runs.values() for run in done])
    ]
    valid = compared(settings, METRICS[0]).valid
    order = sorted(range(len(settings)), key=lambda place: valid[place].mean)
    ordered = [settings[place] for place in order]
    return Standings(
        [Standing(setting.name, chosen[setting.name], setting) for setting in ordered],
        {metric: compared(ordered, metric) for metric in METRICS},
        left_out,
    )


def is_complete(folder: SweepFolder) -> bool:
    """Returns whether all runs of a sweep are done or have failed."""
    return all(trials.final_state(folder.of(trial)) is not None for trial in folder.trials())


def failure(folder: SweepFolder, trial: Trial) -> str:
    """Returns the error of a run that failed, without this machine's paths; '' if it is done."""
    return without_paths(str(trials.written(folder.of(trial) / 'failure.json').get('error', '')))


def trial_rows(board: Board) -> list[dict[str, Any]]:
    """Returns a row for each trial that has ended, with its settings and validation figures."""
    rows = []
    for model, space in board.spaces.items():
        search = board.search_of(model)
        for number, trial in enumerate(search.trials()):
            state = trials.final_state(search.of(trial))
            if state is None:
                continue
            result = trials.result(search.of(trial)) if state == trials.DONE else None
            size = board.sizes[trial.id]
            rows.append(
                {
                    'model': model,
                    'number': number,
                    'trial': trial.id,
                    'state': state,
                    'error': failure(search, trial) if result is None else '',
                    'options': {option: _plain(configuration.value(trial.config, option)) for option in space.options},
                    'parameters': size.parameters,
                    'embedding_parameters': size.embedding_parameters,
                    **{f'valid_{name}': None if result is None else result.valid[name] for name in METRICS},
                    'best_epoch': None if result is None else result.best_epoch,
                    'epochs': None if result is None else result.epochs,
                    'train_seconds': None if result is None else result.train_seconds,
                }
            )
    return rows


def _done(final: SweepFolder) -> list[ComparedRun]:
    """Returns the final runs that are done."""
    return [
        complete_run(final.of(trial), trial.config, trials.result(final.of(trial)))
        for trial in final.trials()
        if trials.final_state(final.of(trial)) == trials.DONE
    ]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
