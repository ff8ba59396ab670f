"""AutoInt's figures under other conditions of training, beside the default and the paper."""

import math
import pathlib
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from autoint_jax.evaluation.paired import holm, paired_tests
from autoint_jax.records import comparison
from autoint_jax.records.record_lines import Record, lines_of
from autoint_jax.records.runs import RunRecord
from autoint_jax.reproduction.own_figure_conditions import ALL, DEFAULT, POOLED, SAID
from autoint_jax.reproduction.paper import significance
from autoint_jax.reproduction.paper.markdown import table

LEVEL = 0.05
CRITERION = (
    f'No condition differs from the default in AUC: p of the paired test, corrected for their number, is at least '
    f'{LEVEL:g} for all'
)
COLUMNS = ('condition', 'AUC', 'AUC, valid', 'difference', '95 % interval', 'p', 'p, unpaired', 'logloss', 'seeds')


def by_seed(records: Sequence[RunRecord], figure: str) -> dict[int, float]:
    """Returns {seed: mean of a test figure over the records with this seed}."""
    return {
        seed: statistics.fmean(record.test[figure] for record in records if record.seed == seed)
        for seed in sorted({record.seed for record in records})
    }


def rows_of(found: Mapping[str, Sequence[RunRecord]]) -> list[dict[str, Any]]:
    """Returns the row of each condition from {condition: records}, with the default first.

    Differences are from the default, over the seeds that both have. Runs of one seed count as one, by their mean.
    """
    rows = [_row(name, records, found[DEFAULT]) for name, records in found.items()]
    for figure in significance.FIGURES:
        # What the pooled row says is said by its parts, too.
        tested = [
            row for row in rows if row['condition'] not in (DEFAULT, POOLED, ALL) and row[f'{figure}_p'] is not None
        ]
        for row, p in zip(tested, holm([row[f'{figure}_p'] for row in tested]), strict=True):
            row[f'{figure}_p_holm'] = p
    return rows


def _row(name: str, records: Sequence[RunRecord], default: Sequence[RunRecord]) -> dict[str, Any]:
    row: dict[str, Any] = {'condition': name, 'number': len(records), 'seeds': len(by_seed(records, 'auc'))}
    row['paired_seeds'] = None
    for figure in significance.FIGURES:
        found = comparison.measured([record.test[figure] for record in records])
        valid = comparison.measured([record.valid[figure] for record in records])
        row |= {figure: found.mean, f'{figure}_deviation': found.deviation, f'{figure}_valid': valid.mean}
        row |= dict.fromkeys(f'{figure}_{end}' for end in ('difference', 'low', 'high', 'p', 'p_unpaired', 'p_holm'))
        if name in (DEFAULT, ALL):
            continue
        ours, theirs = by_seed(records, figure), by_seed(default, figure)
        both = [seed for seed in ours if seed in theirs]
        row['paired_seeds'] = len(both)
        if not both:
            continue
        tests = paired_tests([ours[seed] for seed in both], [theirs[seed] for seed in both])
        row[f'{figure}_difference'] = tests.difference.value
        if len(both) > 1:
            row |= {f'{figure}_low': tests.difference.low, f'{figure}_high': tests.difference.high}
            row[f'{figure}_p'] = None if math.isnan(tests.t) else tests.t
        unpaired = significance.welch(*([one.test[figure] for one in of] for of in (records, default)))
        row[f'{figure}_p_unpaired'] = unpaired and unpaired.p
    return row | {'runs': [record.run for record in records]}


def no_cause(rows: Sequence[dict[str, Any]]) -> bool:
    """Returns whether CRITERION holds."""
    return all(row['auc_p_holm'] is None or row['auc_p_holm'] >= LEVEL for row in rows)


def cells(row: dict[str, Any]) -> list[str]:
    """Returns the cells of a row, as COLUMNS names them."""

    def number(name: str, form: str) -> str:
        return '' if row[name] is None else form.format(row[name])

    interval = number('auc_low', '{:+.4f} to ') + number('auc_high', '{:+.4f}')
    count = str(row['seeds']) if row['number'] == row['seeds'] else f'{row["seeds"]} ({row["number"]} runs)'
    return [
        SAID[row['condition']],
        str(comparison.Measured(row['auc'], row['auc_deviation'], row['number'])),
        f'{row["auc_valid"]:.4f}',
        number('auc_difference', '{:+.4f}'),
        interval,
        number('auc_p', '{:.2f}'),
        number('auc_p_unpaired', '{:.2f}'),
        str(comparison.Measured(row['logloss'], row['logloss_deviation'], row['number'])),
        count,
    ]


def own_figure_lines(results_dir: pathlib.Path) -> list[str]:
    """Returns Markdown with a table for each data set that has a record of experiments/own_figure.py."""
    return lines_of(results_dir, 'own_figure_*.json', _lines)


def _lines(record: Record, path: pathlib.Path) -> list[str]:
    paper = record['paper']
    lines = [
        '',
        f"**AutoInt's own figure under other conditions, {record['dataset']}.** The paper has AUC {paper['auc']:.4f} "
        f'and logloss {paper["logloss"]:.4f}. {record["criterion"]}: {record["verdict"]}.',
        '',
    ]
    return lines + table(COLUMNS, [cells(row) for row in record['rows']])
