"""The results of the README, written from the records."""

import json
import pathlib
from typing import Any

from autoint_jax.sweeps.comparison import test_figures
from autoint_jax.sweeps.speed import exactness_lines, speed_lines

BEGIN, END = '<!-- results:begin -->', '<!-- results:end -->'
DATASETS = {'movielens_1m': 'MovieLens-1M', 'criteo': 'Criteo', 'avazu': 'Avazu', 'kdd12': 'KDD12'}
# Experiments that train every model of a table of the paper, and what their tables are of.
MODEL_TABLES = {'table2_effectiveness': 'single models', 'table5_joint': 'models with a deep network'}
QUICK_START = 'movielens_100k_autoint'


def results_section(results_dir: pathlib.Path) -> str:
    """Markdown between the README's markers: the paper's tables, field widths, the quick start, exactness, speed."""
    lines = ['Test split; mean ± standard deviation over seeds where there are several; the records are in `results/`.']
    for table, models in MODEL_TABLES.items():
        for record in _records(results_dir, table):
            lines += ['', f'**{record["table"]}, {models}, {DATASETS[record["dataset"]]}.** {record["criterion"]}.', '',
                      '| model | AUC | paper | difference | logloss | paper | parameters | seeds | |', '|---|---|---|---|---|---|---|---|---|']
            lines += [_model_row(row) for row in record['rows']]
    for record in _records(results_dir, 'table4_residual_ablation'):
        lines += ['', f'**Table 4, residual connections.** AUC lost without them: {record["auc_lost"]:.4f}, the paper '
                  f'{record["published_auc_lost"]:.4f}.', '', '| residual | AUC | paper | logloss | paper | seeds | |',
                  '|---|---|---|---|---|---|---|']
        lines += [f'| {"with" if row["residual"] else "without"} | {_spread(row, "auc")} | {row["paper_auc"]:.4f} | '
                  f'{_spread(row, "logloss")} | {row["paper_logloss"]:.4f} | {row["seeds"]} | {row["verdict"]} |' for row in record['rows']]
    for record in _records(results_dir, 'field_widths'):
        lines += ['', f'**Fields of different widths, {DATASETS[record["dataset"]]}, {record["data_rows"]:,} rows.** '
                  f'{record["criterion"]}: {record["verdict"]}.', '',
                  '| widths | values in tables | saved | AUC | difference | logloss |', '|---|---|---|---|---|---|']
        lines += [f'| `{row["variant"]}` | {row["table_values"]:,} | {row["saved"]:.0%} | {_spread(row, "auc")} | '
                  f'{row["auc_difference"]:+.4f} | {row["logloss"]:.4f} |' for row in record['rows']]
    quick = [json.loads(path.read_text()) for path in sorted((results_dir / 'runs').glob(f'{QUICK_START}-*.json'))]
    if quick:
        figures = test_figures(quick)
        lines += ['', f'**Quick start** (MovieLens-100k with ids, {len(quick)} seeds): AUC {figures["auc"]}, logloss {figures["logloss"]}.']
    lines += exactness_lines(results_dir)
    lines += ['', *speed_lines(results_dir)]
    return '\n'.join(lines)


def _records(results_dir: pathlib.Path, experiment: str) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(results_dir.glob(f'{experiment}_*.json'))]


def _spread(row: dict[str, Any], figure: str) -> str:
    deviation = row.get(f'{figure}_deviation')
    return f'{row[figure]:.4f}' + ('' if deviation is None else f' ± {deviation:.4f}')


def _model_row(row: dict[str, Any]) -> str:
    return (f'| `{row["model"]}` | {_spread(row, "auc")} | {row["paper_auc"]:.4f} | {row["auc_difference"]:+.4f} | '
            f'{_spread(row, "logloss")} | {row["paper_logloss"]:.4f} | {row["parameters"]:,} | {row["seeds"]} | {row["verdict"]} |')


def updated(readme: str, section: str) -> str:
    """The README with the text between its markers replaced."""
    before, rest = readme.split(BEGIN)
    return f'{before}{BEGIN}\n{section}\n{END}{rest.split(END)[1]}'
