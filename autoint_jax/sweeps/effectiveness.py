"""A table of models: every one trained once a seed, the published figure beside ours."""

import pathlib
import sys
from collections.abc import Callable
from typing import Any

from autoint_jax.config import Config
from autoint_jax.data.prepared import open_prepared
from autoint_jax.sweeps import comparison, runs
from autoint_jax.sweeps.published import Figures
from autoint_jax.training import records
from autoint_jax.training.progress import Reporter


def completed_table(title: str, dataset: str, published: dict[str, dict[str, Figures]], *, models: list[str], seeds: int,
                    base_config: Callable[[str], Config], tolerances: dict[str, float], data_dir: str, runs_dir: pathlib.Path,
                    results_dir: pathlib.Path, path: pathlib.Path, reporter: Reporter) -> bool:
    """Runs what has no record, prints the table, writes PATH.json and PATH.csv; whether every model passed.

    A model passes if its mean AUC is at least the paper's less its tolerance; every model is shown, passed or not.

    Args:
      title: of the table.
      dataset: its name, as in `published`.
      published: {model: {dataset: figures}}.
      models: those to run; the table written has these only.
      seeds: 0 to seeds - 1 are run.
      base_config: model -> its configuration for the data set.
      tolerances: {model: AUC}; '' is that of models not named.
      data_dir, runs_dir, results_dir: folders of prepared data, run folders, records.
      path: of the table, without suffix.
      reporter: of the runs.
    """
    rows, shown = [], []
    for model in models:
        config = base_config(model)
        data = open_prepared(data_dir, config.data.dataset, config.data.recipe)
        found = runs.completed_seeds(f'{dataset}_{model}', config, seeds, data, runs_dir=runs_dir, results_dir=results_dir,
                                     reporter=reporter)
        ours, paper = comparison.test_figures(found), published[model][dataset]
        tolerance = tolerances.get(model, tolerances[''])
        row = _row(model, paper, ours, found, tolerance)
        rows.append(row)
        shown.append([model, f'{paper.auc:.4f}', str(ours['auc']), f'{row["auc_difference"]:+.4f}', f'{paper.logloss:.4f}',
                      str(ours['logloss']), f'{row["parameters"]:,}', row['verdict']])
    comparison.show(f'{title}, {dataset}, {seeds} seeds', ['model', 'paper AUC', 'our AUC', 'difference', 'paper logloss',
                                                          'our logloss', 'parameters', 'verdict'], shown)
    criterion = ('AUC at least the paper\'s less ' + ', '.join(
        f'{tolerance} ({model or "others"})' for model, tolerance in tolerances.items()))
    print(criterion)
    runs.write_table(path, rows, {'table': title, 'dataset': dataset, 'criterion': criterion, 'command': sys.argv,
                                  'commit': records.commit(), 'versions': records.versions(), 'device': records.device(),
                                  'seeds': seeds})
    print(f'wrote {path}.json and .csv')
    return all(row['verdict'] == comparison.verdict(True) for row in rows)


def _row(model: str, paper: Figures, ours: dict[str, comparison.Measured], found: list[dict[str, Any]],
         tolerance: float) -> dict[str, Any]:
    auc, logloss = ours['auc'], ours['logloss']
    return {
        'model': model, 'paper_auc': paper.auc, 'auc': auc.mean, 'auc_deviation': auc.deviation,
        'auc_difference': auc.mean - paper.auc, 'paper_logloss': paper.logloss, 'logloss': logloss.mean,
        'logloss_deviation': logloss.deviation, 'seeds': auc.count, 'parameters': found[0]['parameters'],
        'tolerance': tolerance, 'verdict': comparison.verdict(auc.mean >= paper.auc - tolerance),
        'runs': [record['run'] for record in found]}
