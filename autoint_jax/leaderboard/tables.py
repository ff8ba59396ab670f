"""The table of a leaderboard, as records keep it and as it is printed."""

import math
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from autoint_jax.evaluation.paired import LEVEL
from autoint_jax.leaderboard.answer import shown
from autoint_jax.leaderboard.board import Board
from autoint_jax.leaderboard.draws import OF_A_SHAPE
from autoint_jax.leaderboard.standings import METRICS, Standings
from autoint_jax.records import comparison
from autoint_jax.records.tables import write_table

COLUMNS = (
    'model',
    'logloss, test',
    'AUC, test',
    'logloss, valid',
    'p',
    'rank',
    'parameters',
    'rows/s',
    'seeds',
    'trials',
)


def table_rows(found: Standings, searched: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns a row for each model, the best by validation logloss first.

    Args:
      found: the standings.
      searched: the rows of all trials, as `trial_rows` returns them.
    """
    of = found.tests[METRICS[0]]
    tests = {test.setting: test for test in of.others}
    beside = {test.setting: test for test in found.beside}
    rows = []
    for place, standing in enumerate(found.models):
        own = [row for row in searched if row['model'] == standing.model]
        done = [row for row in own if row['state'] == 'done']
        runs, test = standing.setting.runs, tests.get(place)
        row: dict[str, Any] = {'model': standing.model}
        for split in ('valid', 'test'):
            for metric in METRICS:
                spread = getattr(found.tests[metric], split)[place]
                row |= {f'{split}_{metric}': spread.mean, f'{split}_{metric}_deviation': spread.deviation}
        interval = None if test is None else test.tests.difference
        other = beside.get(place)
        row |= {
            'difference': None if interval is None else _known(interval.value),
            'difference_low': None if interval is None else _known(interval.low),
            'difference_high': None if interval is None else _known(interval.high),
            'p_t': None if test is None else _known(test.t),
            'p_wilcoxon': None if test is None else _known(test.wilcoxon),
            'minus_beside': None if other is None else _known(-other.tests.difference.value),
            'p_t_beside': None if other is None else _known(other.t),
            'mean_rank': None if of.ranks is None else float(of.ranks.ranks[place]),
            'parameters': runs[0].result.parameters,
            'embedding_parameters': runs[0].result.embedding_parameters,
            'rows_per_second': float(np.mean([run.result.train_rows_per_second for run in runs])),
            'seeds': [str(seed) for seed in standing.setting.seeds],
            'trials': len(own),
            'failed_trials': len(own) - len(done),
            'searched_epochs': float(sum(row['epochs'] for row in done)),
            'searched_seconds': float(sum(row['train_seconds'] for row in done)),
            'chosen': standing.chosen.id,
            'runs': [run.folder.name for run in runs],
        }
        rows.append(row)
    return rows


def show(title: str, found: Standings, rows: Sequence[dict[str, Any]]) -> None:
    """Prints the table."""
    tests = found.tests
    comparison.show(
        title,
        COLUMNS,
        [
            [
                row['model'],
                shown(tests['logloss'].test[place]),
                shown(tests['auc'].test[place]),
                shown(tests['logloss'].valid[place]),
                'best' if not place else _p(row['p_t']),
                '' if row['mean_rank'] is None else f'{row["mean_rank"]:.1f}',
                f'{row["parameters"] + row["embedding_parameters"]:,}',
                f'{row["rows_per_second"]:,.0f}',
                str(len(row['seeds'])),
                str(row['trials']) + (f', {row["failed_trials"]} failed' if row['failed_trials'] else ''),
            ]
            for place, row in enumerate(rows)
        ],
    )


def write(
    path: pathlib.Path, board: Board, found: Standings, rows: Sequence[dict[str, Any]], sentences: Sequence[str]
) -> None:
    """Writes PATH.json and PATH.csv.

    Args:
      path: the path of the table of models, without suffix.
      board: the leaderboard.
      found: its standings.
      rows: the rows of its models.
      sentences: the answer.
    """
    ranks = found.tests[METRICS[0]].ranks
    standing = {
        'seeds_of_a_model': board.budget.seeds,
        'spaces': {model: space.tree() for model, space in board.spaces.items()},
        'answer': list(sentences),
        'left_out': found.left_out,
        'incomplete': found.incomplete,
        'beside': board.beside if found.beside else '',
        'friedman_p': None if ranks is None else _known(ranks.p),
        'critical_difference': None if ranks is None else ranks.critical_difference,
        'critical_difference_level': 1 - LEVEL,
    }
    write_table(path, rows, about_of(board) | standing)


def about_of(board: Board) -> dict[str, Any]:
    """Returns what records say about a leaderboard: its data, and the budget of each model."""
    config = next(iter(board.spaces.values())).config
    return {
        'experiment': 'leaderboard',
        'dataset': config.data.dataset,
        'recipe': config.data.recipe,
        'data_hash': board.data.hash,
        'data_rows': {split: part['rows'] for split, part in board.data.manifest['splits'].items()},
        'trials_of_a_model': board.budget.trials,
        'trials_of_a_shape': OF_A_SHAPE,
        'epochs_of_a_run': config.training.epochs,
        'most_parameters': board.budget.most_parameters,
        'draw_seed': board.budget.draw_seed,
        'objective': 'lowest validation logloss',
    }


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _p(p: float | None) -> str:
    return 'no test' if p is None else '< 0.0001' if p < 1e-4 else f'{p:.3g}'
