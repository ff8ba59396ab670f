"""The last column of Table 5: the change by a deep network, from the single model to the joint model built on it."""

import pathlib
import statistics
from collections.abc import Sequence
from typing import Any

from autoint_jax import stored
from autoint_jax.records.comparison import Measured
from autoint_jax.records.record_lines import MEND, read
from autoint_jax.reproduction.paper.markdown import table
from autoint_jax.reproduction.paper.published import BASES, DATASETS, EFFECTIVENESS, JOINT, Figures


def published_change(model: str, datasets: Sequence[str] = DATASETS) -> Figures:
    """Returns the paper's mean change of AUC and logloss over data sets.

    Over all four it is the column of the paper.
    """
    pairs = [(JOINT[model][dataset], EFFECTIVENESS[BASES[model]][dataset]) for dataset in datasets]
    return Figures(
        *(
            statistics.fmean(getattr(joint, figure) - getattr(base, figure) for joint, base in pairs)
            for figure in Figures._fields
        )
    )


def change(model: str, dataset: str, ours: dict[str, Measured], base: dict[str, Measured] | None) -> dict[str, Any]:
    """Returns the part of a row with the changes on a data set. Ours are None if the base has no records."""
    row: dict[str, Any] = {'base': BASES[model]}
    for figure, theirs in published_change(model, [dataset])._asdict().items():
        row |= {
            f'{figure}_change': None if base is None else ours[figure].mean - base[figure].mean,
            f'paper_{figure}_change': theirs,
        }
    return row


def change_lines(results_dir: pathlib.Path) -> list[str]:
    """Returns Markdown with mean changes over the data sets that have records of Table 5 and of the base."""
    changes: dict[str, dict[str, dict[str, Any]]] = {}
    for path in sorted(results_dir.glob('table5_joint_*.json')):
        record = read(path)
        with stored.of_form(path, mend=MEND):
            for row in record['rows']:
                if row.get('auc_change') is not None:
                    row = {name: row[name] for name in ('model', *(f'{figure}_change' for figure in Figures._fields))}
                    changes.setdefault(row['model'], {})[record['dataset']] = row
    if not changes:
        return []
    lines = [
        '',
        "**Table 5, change over the base model** when a deep network is added, in the mean over data sets; the paper's "
        'over the same data sets and over all four.',
        '',
    ]
    cells = []
    for model, rows in changes.items():
        same, every = published_change(model, list(rows)), published_change(model)
        of_model = [f'`{model}`', f'`{BASES[model]}`', ', '.join(rows)]
        for figure in Figures._fields:
            ours = statistics.fmean(row[f'{figure}_change'] for row in rows.values())
            of_model += [f'{value:+.4f}' for value in (ours, getattr(same, figure), getattr(every, figure))]
        cells.append(of_model)
    columns = ['model', 'base', 'data sets', 'AUC', 'paper', 'paper, all', 'logloss', 'paper', 'paper, all']
    return lines + table(columns, cells)
