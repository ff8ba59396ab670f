"""Ablations that the paper does not have: AutoInt with one option changed, beside AutoInt as in the authors' code.

An item changes one option of `autoint_jax/models/autoint.py` in which the authors' code and the paper's equations
differ, all of these options at once, a dropout rate, or the optimizer of tables.
"""

import pathlib
from collections.abc import Sequence
from typing import Any

from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.errors import UsageError
from autoint_jax.records import comparison, runs
from autoint_jax.records.completion import completed_seeds
from autoint_jax.records.record_lines import Record, lines_of
from autoint_jax.records.runs import RunRecord
from autoint_jax.records.tables import seeds_of, write_table
from autoint_jax.reproduction.paper import significance
from autoint_jax.reproduction.paper.ablation_items import ITEMS
from autoint_jax.reproduction.paper.markdown import table
from autoint_jax.training.progress import Reporter

BASE = 'base'
SAID_OF_BASE = ('model.variant', 'optimizer.tables')
# Only this item should change nothing, because deferred Adam follows dense Adam.
AUC_TOLERANCES = {'deferred_adam': 0.0005}
CRITERION = ' and '.join(
    f"AUC of {item} within {tolerance} of the base's, in the mean over seeds that both have"
    for item, tolerance in AUC_TOLERANCES.items()
)


def completed_table(
    dataset: str,
    base: Config,
    data: PreparedData,
    *,
    items: Sequence[str],
    seeds: int,
    runs_dir: pathlib.Path,
    results_dir: pathlib.Path,
    path: pathlib.Path,
    reporter: Reporter,
) -> bool:
    """Trains runs of the base and of items without a record, prints the table, and writes it to PATH.json and PATH.csv.

    The table shows every item that has records of seeds 0 to `seeds - 1`, even if it was not wanted now. An item that
    changes nothing in the base (such as no dropout if there is none) is left out, and a line says so.

    Args:
      dataset: the name of the data set in the names of runs.
      base: the configuration that items change.
      data: the prepared data of the base.
      items: the items to run, of ITEMS.
      seeds: seeds 0 to seeds - 1 are run, those of an item together. The table shows no fewer than before.
      runs_dir: the folder of run folders.
      results_dir: the folder of records.
      path: the path of the table without suffix.
      reporter: receives the progress of the runs.

    Returns:
      Whether CRITERION holds.

    Raises:
      UsageError: the base is not the authors' variant, or as `completed_seeds` raises it.
    """
    if base.model.variant != 'authors':
        raise UsageError(
            f"ablations change options of the authors' variant, but option 'model.variant' of the base is "
            f"{base.model.variant!r}: set it to 'authors' in the configuration of {dataset}"
        )
    shown_seeds, found = max(seeds, seeds_of(path)), dict[str, list[RunRecord]]()
    not_run, no_change = [], []
    for item in [BASE, *ITEMS]:
        config = configuration.replace(base, ITEMS.get(item, {}))
        name = f'{dataset}_autoint' if item == BASE else f'{dataset}_autoint_{item}'
        if item != BASE and config == base:
            no_change.append(item)
        elif item == BASE or item in items:
            found[item] = completed_seeds(
                name, config, seeds, data, runs_dir=runs_dir, results_dir=results_dir, reporter=reporter
            ) + runs.recorded_seeds(name, config, shown_seeds - seeds, data, results_dir, first_seed=seeds)
        elif recorded := runs.recorded_seeds(name, config, shown_seeds, data, results_dir):
            found[item] = recorded
        else:
            not_run.append(item)
    rows = [_row(item, of_item, found[BASE]) for item, of_item in found.items()]
    _show(f'AutoInt with one option changed, {dataset}, seeds 0 to {shown_seeds - 1}', rows)
    for items_said, said in ((no_change, 'the base already has these'), (not_run, 'not run')):
        if items_said:
            print(f'{said}: {", ".join(items_said)}')
    criterion = 'Nothing is judged' if set(AUC_TOLERANCES) <= set(no_change) else CRITERION
    print(f'{criterion}. {_tests_said(rows)}')
    write_table(
        path,
        rows,
        {
            'table': 'AutoInt with one option changed',
            'dataset': dataset,
            'criterion': criterion,
            'not_run': not_run,
            'base': {path: configuration.value(base, path) for path in SAID_OF_BASE},
            'base_has': no_change,
            'significance': [_tests_said(rows)],
            'data_hash': data.hash,
            'seeds': shown_seeds,
        },
        significance.VERSIONS,
    )
    print(f'wrote {path}.json and .csv')
    return all(row['verdict'] != comparison.verdict(False) for row in rows)


def _row(item: str, found: Sequence[RunRecord], base: Sequence[RunRecord]) -> dict[str, Any]:
    """Returns the row of an item.

    Differences are over seeds that both have; None for the base and without such seeds.
    """
    ours = comparison.test_figures(found)
    change = ', '.join(
        f'{path}={value:g}' if isinstance(value, float) else f'{path}={value}'
        for path, value in ITEMS.get(item, {}).items()
    )
    row: dict[str, Any] = {'item': item, 'change': change, 'seeds': ours['auc'].size}
    seeds = {record.seed for record in found} & {record.seed for record in base}
    tests = (
        significance.compared(
            (item, BASE), *([one for one in records_of if one.seed in seeds] for records_of in (found, base))
        )
        if seeds and item != BASE
        else []
    )
    for figure, measured in ours.items():
        test = next((test for test in tests if test.figure == figure), None)
        row |= {
            figure: measured.mean,
            f'{figure}_deviation': measured.deviation,
            f'{figure}_difference': test and test.means[0] - test.means[1],
            f'{figure}_p_paired': test and test.paired and test.paired.p,
            f'{figure}_p_unpaired': test and test.unpaired and test.unpaired.p,
        }
    difference, tolerance = row['auc_difference'], AUC_TOLERANCES.get(item)
    judged = difference is not None and tolerance is not None
    return row | {
        'paired_seeds': len(seeds) if item != BASE else None,
        'verdict': comparison.verdict(abs(difference) <= tolerance) if judged else '',
        'runs': [record.run for record in found],
    }


def _tests_said(rows: Sequence[dict[str, Any]]) -> str:
    tested = sum(row['auc_p_paired'] is not None for row in rows)
    if not tested:
        return 'No test: it takes two seeds that an item and the base both have.'
    return (
        f'p of two-sided paired t-tests over seeds, not corrected for their number: of {tested} items that change '
        f'nothing {0.05 * tested:.1g} would be below 0.05 by chance.'
    )


def _cells(row: dict[str, Any]) -> list[str]:
    def signed(figure):
        value = row[f'{figure}_difference']
        return '' if value is None else f'{value:+.4f}'

    def p(figure):
        value = row[f'{figure}_p_paired']
        return '' if value is None else significance.shown_p(value).removeprefix('p = ').removeprefix('p ')

    auc, logloss = (
        str(comparison.Measured(row[figure], row[f'{figure}_deviation'], row['seeds']))
        for figure in significance.FIGURES
    )
    return [auc, signed('auc'), p('auc'), logloss, signed('logloss'), p('logloss'), str(row['seeds']), row['verdict']]


COLUMNS = ('AUC', 'difference', 'paired p', 'logloss', 'difference', 'paired p', 'seeds')


def _show(title: str, rows: Sequence[dict[str, Any]]) -> None:
    comparison.show(title, ['item', *COLUMNS, 'verdict'], [[row['item'], *_cells(row)] for row in rows])


def ablation_lines(results_dir: pathlib.Path) -> list[str]:
    """Returns Markdown with a table for each data set that has a record."""
    return lines_of(results_dir, 'ablations_*.json', _lines)


def _lines(record: Record, path: pathlib.Path) -> list[str]:
    lines = []
    base = ' and '.join(f'`{option}={value}`' for option, value in record['base'].items())
    lines += [
        '',
        f'**AutoInt with one option changed, {record["dataset"]}** (`{path.name}`). The base has {base}. '
        f'{record["criterion"]}. {record["significance"][0]}',
        '',
    ]
    return lines + table(
        ['change', *COLUMNS, ''],
        [[f'`{row["change"]}`' if row['change'] else BASE, *_cells(row)] for row in record['rows']],
    )
