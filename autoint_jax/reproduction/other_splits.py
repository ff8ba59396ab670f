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
CRITERION = (
    f"The paper's figures could be those of another random split: p over other splits is at least {LEVEL:g} for AUC "
    'and logloss, and so is p by rows for AUC'
)
COLUMNS = (
    'model',
    'figure',
    'one split',
    'by rows',
    'other splits',
    'lowest',
    'highest',
    'number',
    'paper',
    'p',
    'p by rows',
    '',
)


def prediction_p(values: Sequence[float], other: float) -> float | None:
    """Returns the two-sided p of a figure under Student's prediction distribution of one more value.

    It is the chance that one more value from the normal distribution of `values` is at least as far from their mean as
    `other` is. None if there are fewer than two values, or all are the same.
    """
    if len(values) < 2 or (deviation := statistics.stdev(values)) == 0:
        return None
    t = (other - statistics.fmean(values)) / (deviation * math.sqrt(1 + 1 / len(values)))
    return float(2 * stats.t.sf(abs(t), len(values) - 1))


def deviation_by_rows(auc: float, positives: int, negatives: int) -> float:
    """Returns the standard deviation of an AUC over random test rows (Hanley and McNeil, Radiology 1982).

    Args:
      auc: the AUC.
      positives, negatives: the numbers of test rows of each label.
    """
    first, second = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    summed = auc * (1 - auc) + (positives - 1) * (first - auc**2) + (negatives - 1) * (second - auc**2)
    return math.sqrt(summed / (positives * negatives))


def row_of(
    model: str,
    given: Sequence[RunRecord],
    others: Sequence[RunRecord],
    paper: Figures,
    *,
    positives: int,
    negatives: int,
) -> dict[str, Any]:
    """Returns the row of a model.

    The p by rows is the chance that the AUCs of two random test splits, with the same model, are at least as far from
    each other as the paper's is from that of the split of the recipe.

    Args:
      model: its name.
      given: records of runs with several seeds on the split of the recipe; may be empty.
      others: records of runs on other splits, one on each; may be empty.
      paper: the published figures.
      positives, negatives: the numbers of test rows of each label.
    """
    row: dict[str, Any] = {'model': model, 'splits': len(others), 'given_seeds': len(given)}
    passed = []
    for figure in FIGURES:
        values, here = ([record.test[figure] for record in records] for records in (others, given))
        found, at_home = (comparison.measured(of) if of else None for of in (values, here))
        published = getattr(paper, figure)
        p = prediction_p(values, published)
        passed.append(p is None or p >= LEVEL)
        row |= {
            figure: found and found.mean,
            f'{figure}_deviation': found and found.deviation,
            f'{figure}_low': min(values, default=None),
            f'{figure}_high': max(values, default=None),
            f'{figure}_given': at_home and at_home.mean,
            f'{figure}_given_deviation': at_home and at_home.deviation,
            f'paper_{figure}': published,
            f'{figure}_p': p,
        }
    row['auc_by_rows'] = row['auc_p_by_rows'] = None
    if given:
        row['auc_by_rows'] = deviation_by_rows(row['auc_given'], positives, negatives)
        apart = (row['paper_auc'] - row['auc_given']) / (math.sqrt(2) * row['auc_by_rows'])
        row['auc_p_by_rows'] = float(2 * stats.norm.sf(abs(apart)))
        passed.append(row['auc_p_by_rows'] >= LEVEL)
    return row | {'verdict': comparison.verdict(all(passed)), 'runs': [record.run for record in others]}


def cells(row: dict[str, Any]) -> list[list[str]]:
    """Returns the cells of a row's two lines, one for each figure, as COLUMNS names them."""

    def spread(name: str, figure: str, count: int) -> str:
        mean = row[f'{figure}{name}']
        return '' if mean is None else str(comparison.Measured(mean, row[f'{figure}{name}_deviation'], count))

    def number(name: str, form: str) -> str:
        return '' if row.get(name) is None else format(row[name], form)

    return [
        [
            row['model'],
            title,
            spread('_given', figure, row['given_seeds']),
            number(f'{figure}_by_rows', '.4f'),
            spread('', figure, row['splits']),
            number(f'{figure}_low', '.4f'),
            number(f'{figure}_high', '.4f'),
            str(row['splits'] or ''),
            number(f'paper_{figure}', '.4f'),
            number(f'{figure}_p', '.2f'),
            number(f'{figure}_p_by_rows', '.2f'),
            row['verdict'] if figure == 'auc' else '',
        ]
        for figure, title in FIGURES.items()
        if figure == 'auc' or row['splits']
    ]


def split_lines(results_dir: pathlib.Path) -> list[str]:
    """Returns Markdown with a table for each data set that has a record of experiments/splits.py."""
    return lines_of(results_dir, 'splits_*.json', _lines)


def _lines(record: Record, path: pathlib.Path) -> list[str]:
    lines = ['', f'**Other random splits of the same rows, {record["dataset"]}.** {record["criterion"]}.', '']
    rows = [of_figure for row in record['rows'] for of_figure in cells(row)]
    return lines + table(COLUMNS, [[f'`{model}`', *rest] for model, *rest in rows])
