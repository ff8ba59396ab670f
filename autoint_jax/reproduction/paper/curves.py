"""Curves of the paper: AutoInt with one option varied, with several seeds for each value (Figures 5 and 6, heads)."""

import pathlib
from typing import Any

from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.errors import UsageError
from autoint_jax.records import comparison, runs
from autoint_jax.records.comparison import Measured
from autoint_jax.records.completion import completed_seeds
from autoint_jax.records.record_lines import Record, lines_of
from autoint_jax.records.runs import RunRecord
from autoint_jax.records.tables import seeds_of, write_table
from autoint_jax.reproduction.paper import curve_criteria, curve_plot
from autoint_jax.reproduction.paper.curve_options import CURVES, Curve
from autoint_jax.reproduction.paper.markdown import table
from autoint_jax.reproduction.paper.published import EFFECTIVENESS, Figures
from autoint_jax.reproduction.paper.significance import FIGURES
from autoint_jax.training.progress import Reporter


def chosen_values(curve: Curve, given: list[str] | None) -> tuple[int, ...]:
    """Returns the values to run, in rising order.

    Args:
      curve: the curve.
      given: the values as text; None stands for the values of the curve.

    Raises:
      UsageError: a given value is not a whole number, or there is none.
    """
    try:
        values = tuple(sorted({int(value) for value in given})) if given is not None else curve.values
    except ValueError:
        values = ()
    if not values:
        raise UsageError(
            f'--values is {",".join(given or ())!r}, but must be whole numbers with commas between them, such as '
            f'{",".join(map(str, curve.values))}'
        )
    return values


def completed_curve(
    curve: Curve,
    dataset: str,
    base: Config,
    *,
    values: tuple[int, ...],
    seeds: int,
    data_dir: str,
    runs_dir: pathlib.Path,
    results_dir: pathlib.Path,
    reporter: Reporter,
) -> bool:
    """Trains runs without a record, prints the table, and writes RESULTS_DIR/NAME_DATASET.{json,csv,png}.

    For the value of the base, the runs are those of other tables under DATASET_autoint and `fixed_name`. The table
    shows each value that has records of seeds 0 to `seeds - 1`, even if it was not wanted now. So a curve can be
    completed piece by piece.

    Args:
      curve: the curve.
      dataset: the name of the data set.
      base: the configuration in which the option is varied.
      values: the values to run.
      seeds: seeds 0 to seeds - 1 are run. The seeds of a value train together.
      data_dir: the folder of prepared data.
      runs_dir: the folder of run folders.
      results_dir: the folder of records.
      reporter: receives the progress of the runs.

    Returns:
      Whether no criterion failed.

    Raises:
      UsageError: the option cannot have a value, or the base already has the fixed options; nothing is trained before.
        Also as `completed_seeds` raises it.
    """
    if curve.fixed and configuration.replace(base, dict(curve.fixed)) == base:
        raise UsageError(
            f'AutoInt on {dataset} has {" and ".join(f"{path}={value:g}" for path, value in curve.fixed.items())} '
            f'already: {curve.title} would be the curve with its configuration'
        )
    configs = {
        value: configuration.replace(base, {**curve.fixed, curve.option: value})
        for value in sorted({*values, *curve.values})
    }
    data = open_prepared(data_dir, base.data.dataset, base.data.recipe)
    path = results_dir / f'{curve.name}_{dataset}'
    shown_seeds, found = max(seeds, seeds_of(path)), {}
    for value, config in configs.items():
        name = _run_name(curve, dataset, base, value)
        if value in values:
            found[value] = completed_seeds(
                name, config, seeds, data, runs_dir=runs_dir, results_dir=results_dir, reporter=reporter
            ) + runs.recorded_seeds(name, config, shown_seeds - seeds, data, results_dir, first_seed=seeds)
        elif recorded := runs.recorded_seeds(name, config, shown_seeds, data, results_dir):
            found[value] = recorded
    ours = {value: comparison.test_figures(of_value) for value, of_value in found.items()}
    means = {value: Figures(figures['auc'].mean, figures['logloss'].mean) for value, figures in ours.items()}
    criteria = curve.criteria(dataset, means)
    verdict = curve_criteria.overall(criteria)
    paper = None if curve.fixed else EFFECTIVENESS['autoint'].get(dataset)
    rows = [
        {curve.option: value, **_row(ours[value], found[value], paper if value == curve.published_value else None)}
        for value in found
    ]

    title = f'{curve.title}, {dataset}, {_seeds(shown_seeds)}'
    comparison.show(
        title,
        [curve.label, 'AUC', 'logloss', 'parameters', 'seeds'],
        [
            [
                str(value),
                str(ours[value]['auc']),
                str(ours[value]['logloss']),
                f'{of_value[0].parameters:,}',
                str(len(of_value)),
            ]
            for value, of_value in found.items()
        ],
    )
    if paper is not None:
        print(
            f'paper, Table 2, {curve.published_value} {curve.label}: AUC {paper.auc:.4f}, logloss {paper.logloss:.4f}'
        )
    for criterion in criteria:
        print(f'{criterion.text}: {criterion.verdict}')
    curve_plot.save(path.with_suffix('.png'), title, curve.label, ours, paper and (curve.published_value, paper))
    write_table(
        path,
        rows,
        {
            'table': curve.title,
            'dataset': dataset,
            'option': curve.option,
            'label': curve.label,
            'criteria': [{'criterion': criterion.text, 'verdict': criterion.verdict} for criterion in criteria],
            'verdict': verdict.verdict,
            'data_hash': data.hash,
            'seeds': shown_seeds,
        },
    )
    print(f'wrote {path}.json, .csv and .png')
    return verdict.passed is not False


def curve_lines(results_dir: pathlib.Path) -> list[str]:
    """Returns Markdown for each curve that has a record: its criteria, table and figure."""
    return [line for curve in CURVES for line in lines_of(results_dir, f'{curve.name}_*.json', _lines)]


def _lines(record: Record, path: pathlib.Path) -> list[str]:
    rows = record['rows']
    about = '; '.join(f'{one["criterion"]}: {one["verdict"]}' for one in record['criteria'])
    lines = ['', f'**{record["table"]}**, `{record["dataset"]}`, {_seeds(record["seeds"])}. Criteria: {about}.', '']
    lines += table(
        [record['label'], *(str(row[record['option']]) for row in rows)],
        [
            *([name, *(_cell(row, figure) for row in rows)] for figure, name in FIGURES.items()),
            ['seeds', *(row['seeds'] for row in rows)],
        ],
    )
    image = path.with_suffix('.png')
    if image.exists():
        lines += ['', f'![{record["table"]}, {record["dataset"]}]({image.as_posix()})']
    return lines


def _run_name(curve: Curve, dataset: str, base: Config, value: int) -> str:
    varied = '' if value == configuration.value(base, curve.option) else f'_{curve.option.rpartition(".")[2]}_{value}'
    return f'{dataset}_autoint{curve.fixed_name}{varied}'


def _row(ours: dict[str, Measured], found: list[RunRecord], paper: Figures | None) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for figure, measured in ours.items():
        row |= {
            figure: measured.mean,
            f'{figure}_deviation': measured.deviation,
            f'paper_{figure}': None if paper is None else getattr(paper, figure),
        }
    return row | {
        'parameters': found[0].parameters,
        'embedding_parameters': found[0].embedding_parameters,
        'seeds': len(found),
        'runs': [record.run for record in found],
    }


def _cell(row: dict[str, Any], figure: str) -> str:
    ours, paper = Measured(row[figure], row[f'{figure}_deviation'], row['seeds']), row[f'paper_{figure}']
    return str(ours) if paper is None else f'{ours} (paper {paper:.4f})'


def _seeds(count: int) -> str:
    return 'one seed' if count == 1 else f'{count} seeds'
