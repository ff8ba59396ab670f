"""The parts of README.md and of docs/ that are written from the records of results/.

A page marks each such part, a section, by a line before it and one after it (`BEGIN`, `END`). Everything else on a page
is written by hand.
"""

import pathlib
import re
from typing import Any

from autoint_jax import stored
from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.config.fingerprint import fingerprint
from autoint_jax.errors import UsageError
from autoint_jax.records import runs
from autoint_jax.records.comparison import test_figures
from autoint_jax.records.record_lines import Record, lines_of
from autoint_jax.reproduction.crosses import SHAPES, crosses_lines
from autoint_jax.reproduction.daily import daily_lines
from autoint_jax.reproduction.faithfulness import faithfulness_lines
from autoint_jax.reproduction.headline import headline_lines
from autoint_jax.reproduction.ladder import ladder_lines
from autoint_jax.reproduction.leaderboard import leaderboard_lines
from autoint_jax.reproduction.other_splits import split_lines
from autoint_jax.reproduction.own_figure import own_figure_lines
from autoint_jax.reproduction.paper import markdown
from autoint_jax.reproduction.paper.ablations import ablation_lines
from autoint_jax.reproduction.paper.attention import attention_lines
from autoint_jax.reproduction.paper.base_changes import change_lines
from autoint_jax.reproduction.paper.curves import curve_lines
from autoint_jax.reproduction.paper.data_statistics import statistics_lines
from autoint_jax.reproduction.paper.evidence import evidence_lines
from autoint_jax.reproduction.paper.model_size import model_size_lines
from autoint_jax.reproduction.paper.run_time import run_time_lines
from autoint_jax.reproduction.scoring_speed import predict_lines, serving_lines
from autoint_jax.reproduction.speed import copy_lines, exactness_lines, speed_lines

BEGIN, END = '<!-- {}:begin -->', '<!-- {}:end -->'  # around a section, with its name
README, RESULTS, SPEED, DAILY = 'README.md', 'docs/results.md', 'docs/speed.md', 'docs/daily_training.md'
FAITHFULNESS, LEADERBOARD = 'docs/faithfulness.md', 'docs/leaderboard.md'
SCORING, SERVING = 'docs/scoring.md', 'docs/serving.md'
PICTURE = 'docs/attention.png'
DATASETS = {'movielens_1m': 'MovieLens-1M', 'criteo': 'Criteo', 'avazu': 'Avazu', 'kdd12': 'KDD12'}
# Experiments that train every model of a table of the paper, and what their tables are of.
MODEL_TABLES = {'table2_effectiveness': 'single models', 'table5_joint': 'models with a deep network'}
QUICK_START = 'movielens_100k_autoint'


def sections(results_dir: pathlib.Path, quick_start: Config) -> dict[str, dict[str, str]]:
    """Returns {page: {name of a section: its Markdown}} from the records of a folder.

    Args:
      results_dir: folder of records, relative to the root of the project.
      quick_start: the configuration of the quick start; its records of all seeds are shown.

    Raises UsageError if a record cannot be read or has another form than expected.
    """
    found = {
        README: {'headline': headline_lines(results_dir)},
        RESULTS: {'results': results_lines(results_dir, quick_start)},
        SPEED: {
            'peers': speed_lines(results_dir),
            'copies': copy_lines(results_dir),
            'exactness': exactness_lines(results_dir),
        },
        DAILY: {'daily': daily_lines(results_dir)},
        FAITHFULNESS: {'faithfulness': faithfulness_lines(results_dir)},
        LEADERBOARD: {'leaderboard': leaderboard_lines(results_dir)},
        SCORING: {'rate': predict_lines(results_dir)},
        SERVING: {'times': serving_lines(results_dir)},
    }
    return {
        page: {name: '\n'.join(_linked(lines, page)).strip() for name, lines in parts.items()}
        for page, parts in found.items()
    }


def results_lines(results_dir: pathlib.Path, quick_start: Config) -> list[str]:
    """Returns Markdown of tables, figures, ablations and the experiments beside them; arguments as for `sections`."""
    return [
        *statistics_lines(results_dir),
        *_table_lines(results_dir, 'table2_effectiveness'),
        *model_size_lines(results_dir),
        *lines_of(results_dir, 'table4_residual_ablation_*.json', _residual_lines),
        *_table_lines(results_dir, 'table5_joint'),
        *change_lines(results_dir),
        *run_time_lines(results_dir),
        *curve_lines(results_dir),
        *attention_lines(results_dir),
        *evidence_lines(results_dir),
        *ablation_lines(results_dir),
        *own_figure_lines(results_dir),
        *split_lines(results_dir),
        *lines_of(results_dir, 'field_widths_*.json', _width_lines),
        *crosses_lines(results_dir),
        *ladder_lines(results_dir),
        *_quick_start_lines(results_dir, quick_start),
    ]


def _linked(lines: list[str], page: str) -> list[str]:
    """Returns lines with links relative to a page, from links relative to the root of the project."""
    above = '../' * page.count('/')
    return [re.sub(r'\]\((?!https?://)', f']({above}', line) for line in lines]


def _table_lines(results_dir: pathlib.Path, table: str) -> list[str]:
    """Returns a table of models for each data set that has a record."""

    def of(record: Record, path: pathlib.Path) -> list[str]:
        lines = [
            '',
            f'**{record["table"]}, {MODEL_TABLES[table]}, {DATASETS[record["dataset"]]}.** {record["criterion"]}.',
            '',
        ]
        lines += markdown.table(
            ['model', 'AUC', 'paper', 'difference', 'logloss', 'paper', 'parameters', 'seeds', ''],
            [_model_cells(row) for row in record['rows']],
        )
        lines += [''] + [f'Not run: {", ".join(record["not_run"])}.'] * bool(record['not_run']) + record['significance']
        return lines

    return lines_of(results_dir, f'{table}_*.json', of)


def _residual_lines(record: Record, path: pathlib.Path) -> list[str]:
    lines = [
        '',
        f'**Table 4, residual connections, {DATASETS[record["dataset"]]}.** AUC lost without them: '
        f'{record["auc_lost"]:.4f}, the paper {record["published_auc_lost"]:.4f}.',
        '',
    ]
    lines += markdown.table(
        ['residual', 'AUC', 'paper', 'logloss', 'paper', 'seeds', ''],
        [
            [
                'with' if row['residual'] else 'without',
                _spread(row, 'auc'),
                f'{row["paper_auc"]:.4f}',
                _spread(row, 'logloss'),
                f'{row["paper_logloss"]:.4f}',
                row['seeds'],
                row['verdict'],
            ]
            for row in record['rows']
        ],
    )
    lines += ['', *record['significance']]
    return lines


def _width_lines(record: Record, path: pathlib.Path) -> list[str]:
    lines = [
        '',
        f'**Fields of different widths, {SHAPES[record["dataset"]]}, {record["data_rows"]:,} rows.** '
        f'{record["criterion"]}: {record["verdict"]}.',
        '',
    ]
    return lines + markdown.table(
        ['widths', 'values in tables', 'saved', 'AUC', 'difference', 'logloss'],
        [
            [
                f'`{row["variant"]}`',
                f'{row["table_values"]:,}',
                f'{row["saved"]:.0%}',
                _spread(row, 'auc'),
                f'{row["auc_difference"]:+.4f}',
                f'{row["logloss"]:.4f}',
            ]
            for row in record['rows']
        ],
    )


def _quick_start_lines(results_dir: pathlib.Path, config: Config) -> list[str]:
    found = [runs.read_record(path) for path in sorted((results_dir / 'runs').glob(f'{QUICK_START}-*.json'))]
    found = [
        record
        for record in found
        if record.run.removeprefix(f'{QUICK_START}-')
        == fingerprint(configuration.replace(config, {'seed': record.seed}))
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
    """Returns text such as '0.8441 ± 0.0009 **', with the mark of the t-test if the row has one."""
    deviation, mark = row.get(f'{figure}_deviation'), row.get(f'{figure}_mark')
    return f'{row[figure]:.4f}' + ('' if deviation is None else f' ± {deviation:.4f}') + (f' {mark}' if mark else '')


def _model_cells(row: dict[str, Any]) -> list[object]:
    return [
        f'`{row["model"]}`',
        _spread(row, 'auc'),
        f'{row["paper_auc"]:.4f}',
        f'{row["auc_difference"]:+.4f}',
        _spread(row, 'logloss'),
        f'{row["paper_logloss"]:.4f}',
        f'{row["parameters"]:,}',
        row['seeds'],
        row['verdict'],
    ]


def updated(text: str, parts: dict[str, str], page: str) -> str:
    """Returns a page with the text between the markers of its sections replaced.

    Args:
      text: of the page.
      parts: {name of a section: its Markdown}.
      page: its name, for the error.

    Raises UsageError if the markers of a section are not there, in order and once each.
    """
    for name, section in parts.items():
        begin, end = BEGIN.format(name), END.format(name)
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed) or begin in rest or end in before + after:
            raise UsageError(f'{page} must have the lines {begin} and {end}, in this order and once each: add them')
        text = f'{before}{begin}\n{section}\n{end}{after}'
    return text


def update(path: pathlib.Path, parts: dict[str, str]) -> None:
    """Replaces the sections of a page, by a file beside it that is renamed. Raises UsageError as `updated` does."""
    stored.write_text(path, updated(stored.read_text(path), parts, str(path)))
