"""A table of models with several seeds: published figures beside ours, and tests of the paper's own model."""

import pathlib
from collections.abc import Callable
from typing import Any

from autoint_jax.config.configuration import Config
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.errors import UsageError
from autoint_jax.records import comparison, runs
from autoint_jax.records.completion import completed_seeds
from autoint_jax.records.runs import RunRecord
from autoint_jax.records.tables import seeds_of, write_table
from autoint_jax.reproduction.paper import base_changes, significance
from autoint_jax.reproduction.paper.published import BASES, OWN_MODELS, Figures
from autoint_jax.training.progress import Reporter

Records = list[RunRecord]


def completed_table(
    title: str,
    dataset: str,
    published: dict[str, dict[str, Figures]],
    *,
    models: list[str],
    seeds: int,
    base_config: Callable[[str], Config],
    tolerances: dict[str, float],
    data_dir: str,
    runs_dir: pathlib.Path,
    results_dir: pathlib.Path,
    path: pathlib.Path,
    reporter: Reporter,
) -> bool:
    """Trains runs of models without a record, prints the table, and writes it to PATH.json and PATH.csv.

    The table shows every model that has records of seeds 0 to `seeds - 1`, even if it was not wanted now, and never
    fewer seeds than before. So it can be completed piece by piece. A model without some of these seeds is shown with
    those that it has. A model passes if its mean AUC is at least that of the paper minus its tolerance. In a table of
    joint models, a row has the change over the base model.

    Args:
      title: the title of the table.
      dataset: the name of the data set, as in `published`.
      published: {model: {dataset: figures}}; one of the models is the paper's own.
      models: the models to run.
      seeds: seeds 0 to seeds - 1 are run.
      base_config: returns the configuration of a model for the data set.
      tolerances: {model: tolerance of AUC}; '' stands for all other models.
      data_dir: the folder of prepared data.
      runs_dir: the folder of run folders.
      results_dir: the folder of records.
      path: the path of the table without suffix.
      reporter: receives the progress of the runs.

    Returns:
      Whether every model in the table passed.

    Raises:
      UsageError: a model to run has no configuration or no prepared data, or as `completed_seeds` raises it.
    """
    bases = {BASES[model]: None for model in published if model in BASES}
    settings = {
        model: _setting(model, base_config, data_dir, needed=model in models, reporter=reporter)
        for model in {**published, **bases}
    }
    shown_seeds, found = max(seeds, seeds_of(path)), dict[str, Records]()
    for model, setting in settings.items():
        if setting is None:
            continue
        config, data = setting
        name = f'{dataset}_{model}'
        if model in models:
            found[model] = completed_seeds(
                name, config, seeds, data, runs_dir=runs_dir, results_dir=results_dir, reporter=reporter
            ) + runs.recorded_seeds(name, config, shown_seeds - seeds, data, results_dir, first_seed=seeds)
        elif recorded := runs.recorded_seeds(name, config, shown_seeds, data, results_dir):
            found[model] = recorded
    shown = {model: found[model] for model in published if model in found}
    not_run = [model for model in published if model not in found]
    if not shown:
        raise UsageError(f'no model of {title} has a record on {dataset!r} under {results_dir}: name some in --models')

    own = next(model for model in published if model in OWN_MODELS)
    tests = significance.compared_with_best(own, shown)
    marks = {test.figure: test.mark for test in tests}
    rows = []
    for model, of_model in shown.items():
        ours = comparison.test_figures(of_model)
        row = _row(model, published[model][dataset], ours, of_model, tolerances.get(model, tolerances['']))
        row |= {f'{figure}_mark': marks.get(figure, '') if model == own else '' for figure in significance.FIGURES}
        if model in BASES:
            base = found.get(BASES[model])
            row |= base_changes.change(model, dataset, ours, comparison.test_figures(base) if base else None)
        rows.append(row)
    criterion = "AUC at least the paper's less " + ', '.join(
        f'{tolerance} ({model or "others"})' for model, tolerance in tolerances.items()
    )
    tested = significance.about(tests, none=f'No t-test: it takes records of {own} and of another model.')
    _show(f'{title}, {dataset}, seeds 0 to {shown_seeds - 1}', rows)
    print('\n'.join([f'not run: {", ".join(not_run)}'] * bool(not_run) + [criterion, *tested['significance']]))
    print(f'runs, {results_dir}/runs/{dataset}_MODEL-ID.json:')
    print('\n'.join(f'  {row["model"]} {" ".join(run.rpartition("-")[2] for run in row["runs"])}' for row in rows))
    write_table(
        path,
        rows,
        {
            'table': title,
            'dataset': dataset,
            'criterion': criterion,
            'not_run': not_run,
            **tested,
            'data_hashes': sorted({setting[1].hash for model in shown if (setting := settings[model]) is not None}),
            'seeds': shown_seeds,
        },
        significance.VERSIONS,
    )
    print(f'wrote {path}.json and .csv')
    return all(row['verdict'] == comparison.verdict(True) for row in rows)


def _setting(
    model: str, base_config: Callable[[str], Config], data_dir: str, *, needed: bool, reporter: Reporter
) -> tuple[Config, PreparedData] | None:
    """Returns the configuration and data of a model.

    If one is missing and the model is not needed, it says so: None.
    """
    try:
        config = base_config(model)
        return config, open_prepared(data_dir, config.data.dataset, config.data.recipe)
    except UsageError as error:
        if needed:
            raise
        reporter.say(f'{model} is left out: {error}')
        return None


def _row(
    model: str, paper: Figures, ours: dict[str, comparison.Measured], found: Records, tolerance: float
) -> dict[str, Any]:
    auc, logloss = ours['auc'], ours['logloss']
    return {
        'model': model,
        'paper_auc': paper.auc,
        'auc': auc.mean,
        'auc_deviation': auc.deviation,
        'auc_difference': auc.mean - paper.auc,
        'paper_logloss': paper.logloss,
        'logloss': logloss.mean,
        'logloss_deviation': logloss.deviation,
        'seeds': auc.size,
        'parameters': found[0].parameters,
        'tolerance': tolerance,
        'verdict': comparison.verdict(auc.mean >= paper.auc - tolerance),
        'runs': [record.run for record in found],
    }


def _show(title: str, rows: list[dict[str, Any]]) -> None:
    columns = [
        'model',
        'paper AUC',
        'our AUC',
        'difference',
        'paper logloss',
        'our logloss',
        'parameters',
        'seeds',
        'verdict',
    ]
    cells = [
        [
            row['model'],
            f'{row["paper_auc"]:.4f}',
            _measured(row, 'auc'),
            f'{row["auc_difference"]:+.4f}',
            f'{row["paper_logloss"]:.4f}',
            _measured(row, 'logloss'),
            f'{row["parameters"]:,}',
            str(row['seeds']),
            row['verdict'],
        ]
        for row in rows
    ]
    if 'base' in rows[0]:
        columns += ['base', 'AUC change', 'paper', 'logloss change', 'paper']
        for of_row, row in zip(cells, rows, strict=True):
            of_row.append(row['base'])
            for figure in significance.FIGURES:
                ours = row[f'{figure}_change']
                of_row += ['not run' if ours is None else f'{ours:+.4f}', f'{row[f"paper_{figure}_change"]:+.4f}']
    comparison.show(title, columns, cells)


def _measured(row: dict[str, Any], figure: str) -> str:
    mark = row[f'{figure}_mark'] and f' {row[f"{figure}_mark"]}'
    return f'{comparison.Measured(row[figure], row[f"{figure}_deviation"], row["seeds"])}{mark}'
