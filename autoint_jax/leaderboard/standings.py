"""The standings of a leaderboard: the search of each model, its chosen setting, and the runs of this setting.

The setting of a model is the trial with the least validation logloss. Test figures of trials are never read. Those of
the final runs are read once, when the table is made.
"""

import pathlib
from typing import Any, NamedTuple

from autoint_jax.comparison.figures import Compared, Test, compared, tested_beside
from autoint_jax.comparison.runs import ComparedRun, check_rows, complete_run
from autoint_jax.comparison.settings import Setting, settings_of_groups
from autoint_jax.config import configuration
from autoint_jax.errors import UsageError
from autoint_jax.leaderboard.board import Board
from autoint_jax.sweeps import trials
from autoint_jax.sweeps.folder import SweepFolder
from autoint_jax.sweeps.trials import Trial
from autoint_jax.training.run_folder.provenance import without_paths

METRICS = ('logloss', 'auc')
FEWEST_MODELS = 2  # that a leaderboard can compare
COURSE = ('best_step', 'best_epoch', 'steps', 'epochs', 'train_seconds', 'train_rows_per_second')  # of a trial's result
PROVENANCE = ('commit', 'versions', 'device', 'time')  # of a trial


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
      beside: tests of logloss beside the model `Board.beside`; [] if that is not complete, or none.
      left_out: {model: why it has no place}.
      incomplete: the models that are not searched and trained to their end.
    """

    models: list[Standing]
    tests: dict[str, Compared]
    beside: list[Test]
    left_out: dict[str, str]
    incomplete: list[str]


def chosen_trial(search: SweepFolder) -> Trial | None:
    """Returns the trial with the least validation logloss, the first of equal ones; None if all trials failed."""
    found = [
        (trials.result(search.of(trial), ['valid']).valid['logloss'], place, trial)
        for place, trial in enumerate(search.trials())
        if trials.final_state(search.of(trial)) == trials.DONE
    ]
    return min(found)[2] if found else None


def standings(board: Board) -> Standings:
    """Reads the standings.

    Raises:
      UsageError: fewer than two models have final runs, or a file of a run is damaged.
    """
    chosen: dict[str, Trial] = {}
    runs: dict[str, list[ComparedRun]] = {}
    left_out: dict[str, str] = {}
    incomplete: list[str] = []
    for model in board.spaces:
        search = board.search_of(model)
        if not is_complete(search):
            incomplete.append(model)
        elif (trial := chosen_trial(search)) is None:
            left_out[model] = f'all of its {board.budget.trials} trials failed: {failure(search, search.trials()[0])}'
        elif not is_complete(final := board.final_of(model, trial.config)):
            incomplete.append(model)
        elif not (done := _done(final)):
            left_out[model] = f'all runs of its chosen setting failed: {failure(final, final.trials()[0])}'
        else:
            chosen[model], runs[model] = trial, done
    if len(runs) < FEWEST_MODELS:
        reasons = '; '.join(
            [f'{model}: {reason}' for model, reason in left_out.items()]
            + [f'{model} is not complete' for model in incomplete]
        )
        raise UsageError(
            f'a leaderboard needs {FEWEST_MODELS} models, and {len(runs)} of {len(board.spaces)} can be compared '
            f'({reasons or "name more --models"})'
        )
    check_rows([run for done in runs.values() for run in done])
    settings = [  # one of each model, also if two have chosen the same options
        setting._replace(name=model)
        for model, setting in zip(runs, settings_of_groups(list(runs.values())), strict=True)
    ]
    valid = compared(settings, METRICS[0]).valid
    order = sorted(range(len(settings)), key=lambda place: valid[place].mean)
    ordered = [settings[place] for place in order]
    names = [setting.name for setting in ordered]
    return Standings(
        [Standing(setting.name, chosen[setting.name], setting) for setting in ordered],
        {metric: compared(ordered, metric) for metric in METRICS},
        tested_beside(ordered, METRICS[0], names.index(board.beside)) if board.beside in names else [],
        left_out,
        incomplete,
    )


def comparable_models(board: Board) -> list[str]:
    """Returns the models whose search and final runs are complete, and that have a final run that is done."""
    able = []
    for model in board.spaces:
        search = board.search_of(model)
        if is_complete(search) and (chosen := chosen_trial(search)) is not None:
            final = board.final_of(model, chosen.config)
            if is_complete(final) and any(
                trials.final_state(final.of(trial)) == trials.DONE for trial in final.trials()
            ):
                able.append(model)
    return able


def runs_left(board: Board, model: str) -> int:
    """Returns the number of trials and final runs of a model that have not ended."""
    search = board.search_of(model)
    if not is_complete(search):
        return _unended(search) + board.budget.seeds
    chosen = chosen_trial(search)
    return 0 if chosen is None else _unended(board.final_of(model, chosen.config))


def is_complete(folder: SweepFolder) -> bool:
    """Returns whether all runs of a sweep are done or have failed."""
    return not _unended(folder)


def failure(folder: SweepFolder, trial: Trial) -> str:
    """Returns the error of a run that failed, without this machine's paths; '' if it is done."""
    return without_paths(str(trials.written(folder.of(trial) / 'failure.json').get('error', '')))


def trial_rows(board: Board) -> list[dict[str, Any]]:
    """Returns a row for each trial that has ended, with its settings, its validation figures and its provenance."""
    rows = []
    for model, space in board.spaces.items():
        search = board.search_of(model)
        for number, trial in enumerate(search.trials()):
            state = trials.final_state(search.of(trial))
            if state is None:
                continue
            result = trials.result(search.of(trial), ['valid']) if state == trials.DONE else None
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
                    **{name: None if result is None else getattr(result, name) for name in COURSE},
                    **_provenance(search.of(trial)),
                }
            )
    return rows


def _unended(folder: SweepFolder) -> int:
    return sum(trials.final_state(folder.of(trial)) is None for trial in folder.trials())


def _done(final: SweepFolder) -> list[ComparedRun]:
    """Returns the final runs that are done."""
    return [
        # Runs that are taken from records have no checksums of rows, so all are known by the hash of their data.
        complete_run(final.of(trial), trial.config, result)._replace(rows=(result.data_hash,))
        for trial in final.trials()
        if trials.final_state(final.of(trial)) == trials.DONE
        for result in [trials.result(final.of(trial))]
    ]


def _provenance(folder: pathlib.Path) -> dict[str, str | None]:
    """Returns what trained a trial, {name of PROVENANCE: text}; texts are None if that is unknown."""
    for name in ('record.json', 'failure.json'):
        if (kept := trials.written(folder / name).get('provenance')) is not None:
            return {name: kept.get(name) for name in PROVENANCE}
    run = trials.written(folder / 'record.json') or trials.written(folder / 'run.json')
    if not run.get('starts'):
        return dict.fromkeys(PROVENANCE)
    start = run['starts'][-1]
    device = start['device']
    return {
        'commit': start['commit'],
        'versions': ', '.join(f'{library} {version}' for library, version in start['versions'].items()),
        'device': f'{device["devices"]} {device["kind"]}, {device.get("processor", "")}',
        'time': start['time'],
    }


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
