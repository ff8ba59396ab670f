"""Figures of models on other random splits of the same rows, beside those of the paper.

The paper's figures are of one random split. How far figures move from split to split says how far a published figure
can be from one that is measured on another split.
"""

import math
import pathlib
import statistics
from collections.abc import Sequence
from typing import Any

from scipy import stats

from autoint_jax.records import comparison
from autoint_jax.records.record_lines import Record, lines_of
from autoint_jax.records.runs import RunRecord
from autoint_jax.reproduction.paper.markdown import table
from autoint_jax.reproduction.paper.published import Figures
from autoint_jax.reproduction.paper.significance import FIGURES

LEVEL = 0.05
CRITERION = f"The paper's AUC and logloss could be those of one more random split: p is at least {LEVEL:g} for both"
COLUMNS = ('model', 'figure', 'one split', 'other splits', 'lowest', 'highest', 'number', 'paper', 'p', '')


def prediction_p(values: Sequence[float], other: float) -> float | None:
    """Returns the two-sided p of a figure under Student's prediction distribution of one more value.

    It is the chance that one more value from the normal distribution of `values` is at least as far from their mean as
    `other` is. None if there are fewer than two values, or all are the same.
    """
    if len(values) < 2 or (deviation := statistics.stdev(values)) == 0:
        return None
    t = (other - statistics.fmean(values)) / (deviation * math.sqrt(1 + 1 / len(values)))
    return float(2 * stats.t.sf(abs(t), len(values) - 1))


def row_of(model: str, given: Sequence[RunRecord], others: Sequence[RunRecord], paper: Figures) -> dict[str, Any]:
    """Returns the row of a model.

    Args:
      model: its name.
      given: records of runs with several seeds on the split of the recipe; may be empty.
      others: records of runs on other splits, one on each.
      paper: the published figures.
    """
    row: dict[str, Any] = {'model': model, 'splits': len(others), 'given_seeds': len(given)}
    passed = []
    for figure in FIGURES:
        values = [record.test[figure] for record in others]
        found, published = comparison.measured(values), getattr(paper, figure)
        here = comparison.measured([record.test[figure] for record in given]) if given else None
        p = prediction_p(values, published)
        passed.append(p is None or p >= LEVEL)
        row |= {
            figure: found.mean,
            f'{figure}_deviation': found.deviation,
            f'{figure}_low': min(values),
            f'{figure}_high': max(values),
            f'{figure}_given': here and here.mean,
            f'{figure}_given_deviation': here and here.deviation,
            f'paper_{figure}': published,
            f'{figure}_p': p,
        }
    judged = any(row[f'{figure}_p'] is not None for figure in FIGURES)
    return row | {
        'verdict': comparison.verdict(all(passed)) if judged else '',
        'runs': [record.run for record in others],
    }


def cells(row: dict[str, Any]) -> list[list[str]]:
    """Returns the cells of a row's two lines, one for each figure, as COLUMNS names them."""

    def spread(name: str, figure: str, count: int) -> str:
        mean = row[f'{figure}{name}']
        return '' if mean is None else str(comparison.Measured(mean, row[f'{figure}{name}_deviation'], count))

    return [
        [
            row['model'],
            title,
            spread('_given', figure, row['given_seeds']),
            spread('', figure, row['splits']),
            f'{row[f"{figure}_low"]:.4f}',
            f'{row[f"{figure}_high"]:.4f}',
            str(row['splits']),
            f'{row[f"paper_{figure}"]:.4f}',
            '' if row[f'{figure}_p'] is None else f'{row[f"{figure}_p"]:.2f}',
            row['verdict'] if figure == 'auc' else '',
        ]
        for figure, title in FIGURES.items()
    ]


def split_lines(results_dir: pathlib.Path) -> list[str]:
    """Returns Markdown with a table for each data set that has a record of experiments/splits.py."""
    return lines_of(results_dir, 'splits_*.json', _lines)


def _lines(record: Record, path: pathlib.Path) -> list[str]:
    lines = ['', f'**Other random splits of the same rows, {record["dataset"]}.** {record["criterion"]}.', '']
    rows = [of_figure for row in record['rows'] for of_figure in cells(row)]
    return lines + table(COLUMNS, [[f'`{model}`', *rest] for model, *rest in rows])
