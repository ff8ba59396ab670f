"""The results of the README, written from the records."""

import os
import pathlib
from typing import Any

from autoint_jax import stored
from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.errors import UsageError
from autoint_jax.records import runs
from autoint_jax.records.comparison import test_figures
from autoint_jax.records.record_lines import Record, lines_of
from autoint_jax.reproduction.paper.ablations import ablation_lines
from autoint_jax.reproduction.paper.attention import attention_lines
from autoint_jax.reproduction.paper.base_changes import change_lines
from autoint_jax.reproduction.paper.curves import curve_lines
from autoint_jax.reproduction.paper.data_statistics import statistics_lines
from autoint_jax.reproduction.paper.model_size import model_size_lines
from autoint_jax.reproduction.paper.run_time import run_time_lines
from autoint_jax.reproduction.speed import copy_lines, exactness_lines, speed_lines

BEGIN, END = '<!-- results:begin -->', '<!-- results:end -->'
DATASETS = {'movielens_1m': 'MovieLens-1M', 'criteo': 'Criteo', 'avazu': 'Avazu', 'kdd12': 'KDD12'}
# Experiments that train every model of a table of the paper, and what their tables are of.
MODEL_TABLES = {'table2_effectiveness': 'single models', 'table5_joint': 'models with a deep network'}
QUICK_START = 'movielens_100k_autoint'


def results_section(results_dir: pathlib.Path, quick_start: Config) -> str:
    """Markdown between the README's markers: the paper's tables and figures, ablations, what was measured beside them, speed.

    Args:
      results_dir: folder of records.
      quick_start: the configuration whose records of all seeds are the quick start's.
    """
    lines = ['Test split; mean ± standard deviation over seeds where there are several; the records are in `results/`.']
    lines += (
        statistics_lines(results_dir)
        + _table_lines(results_dir, 'table2_effectiveness')
        + model_size_lines(results_dir)
    )
    lines += lines_of(results_dir, 'table4_residual_ablation_*.json', _residual_lines)
    lines += _table_lines(results_dir, 'table5_joint') + change_lines(results_dir)
    lines += (
        run_time_lines(results_dir)
        + curve_lines(results_dir)
        + attention_lines(results_dir)
        + ablation_lines(results_dir)
    )
    lines += lines_of(results_dir, 'field_widths_*.json', _width_lines)
    lines += _quick_start_lines(results_dir, quick_start)
    lines += exactness_lines(results_dir) + copy_lines(results_dir)
    lines += ['', *speed_lines(results_dir)]
    return '\n'.join(lines)


def _table_lines(results_dir: pathlib.Path, table: str) -> list[str]:
    """A table of models on each data set that has a record."""

    def of(record: Record, path: pathlib.Path) -> list[str]:
        lines = []
        lines += [
            '',
            f'**{record["table"]}, {MODEL_TABLES[table]}, {DATASETS[record["dataset"]]}.** {record["criterion"]}.',
            '',
            '| model | AUC | paper | difference | logloss | paper | parameters | seeds | |',
            '|---|---|---|---|---|---|---|---|---|',
        ]
        lines += [_model_row(row) for row in record['rows']]
        lines += [''] + [f'Not run: {", ".join(record["not_run"])}.'] * bool(record['not_run']) + record['significance']
        lines += [record['significance_method']] if record['tests'] else []
        return lines

    return lines_of(results_dir, f'{table}_*.json', of)


def _residual_lines(record: Record, path: pathlib.Path) -> list[str]:
    lines = [
        '',
        f'**Table 4, residual connections, {DATASETS[record["dataset"]]}.** AUC lost without them: '
        f'{record["auc_lost"]:.4f}, the paper {record["published_auc_lost"]:.4f}.',
        '',
        '| residual | AUC | paper | logloss | paper | seeds | |',
        '|---|---|---|---|---|---|---|',
    ]
    lines += [
        f'| {"with" if row["residual"] else "without"} | {_spread(row, "auc")} | {row["paper_auc"]:.4f} | '
        f'{_spread(row, "logloss")} | {row["paper_logloss"]:.4f} | {row["seeds"]} | {row["verdict"]} |'
        for row in record['rows']
    ]
    lines += ['', *record['significance']]
    return lines


def _width_lines(record: Record, path: pathlib.Path) -> list[str]:
    lines = [
        '',
        f'**Fields of different widths, {DATASETS[record["dataset"]]}, {record["data_rows"]:,} rows.** '
        f'{record["criterion"]}: {record["verdict"]}.',
        '',
        '| widths | values in tables | saved | AUC | difference | logloss |',
        '|---|---|---|---|---|---|',
    ]
    lines += [
        f'| `{row["variant"]}` | {row["table_values"]:,} | {row["saved"]:.0%} | {_spread(row, "auc")} | '
        f'{row["auc_difference"]:+.4f} | {row["logloss"]:.4f} |'
        for row in record['rows']
    ]
    return lines


def _quick_start_lines(results_dir: pathlib.Path, config: Config) -> list[str]:
    found = [runs.read_record(path) for path in sorted((results_dir / 'runs').glob(f'{QUICK_START}-*.json'))]
    found = [
        record
        for record in found
        if record['run'].removeprefix(f'{QUICK_START}-')
        == configuration.fingerprint(configuration.replace(config, {'seed': record['config']['seed']}))
    ]
    if not found:
        return []
    figures = test_figures(found)
    return [
        '',
        f'**Quick start** (MovieLens-100k with ids, {len(found)} seeds): AUC {figures["auc"]}, '
        f'logloss {figures["logloss"]}.',
    ]


def _spread(row: dict[str, Any], figure: str) -> str:
    """'0.8441 ± 0.0009 **', the mark of a t-test where the row has one."""
    deviation, mark = row.get(f'{figure}_deviation'), row.get(f'{figure}_mark')
    return f'{row[figure]:.4f}' + ('' if deviation is None else f' ± {deviation:.4f}') + (f' {mark}' if mark else '')


def _model_row(row: dict[str, Any]) -> str:
    return (
        f'| `{row["model"]}` | {_spread(row, "auc")} | {row["paper_auc"]:.4f} | {row["auc_difference"]:+.4f} | '
        f'{_spread(row, "logloss")} | {row["paper_logloss"]:.4f} | {row["parameters"]:,} | {row["seeds"]} | '
        f'{row["verdict"]} |'
    )


def updated(readme: str, section: str) -> str:
    """The README with the text between its markers replaced. Raises UsageError where they are not there, once each."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end) or BEGIN in rest or END in before + after:
        raise UsageError(
            f'the README must have the lines {BEGIN} and {END}, in this order and once each: results go between'
        )
    return f'{before}{BEGIN}\n{section}\n{END}{after}'


def update(path: pathlib.Path, section: str) -> None:
    """Replaces the text between a README's markers, in a file beside it first. Raises UsageError as `updated` does."""
    text, unfinished = updated(stored.read_text(path), section), path.with_name(path.name + '.unfinished')
    unfinished.write_text(text)
    os.replace(unfinished, path)
