"""The page of a leaderboard: the comparison of the chosen settings, then the searches, budgets and spaces."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from autoint_jax.comparison.page import comparison_page
from autoint_jax.leaderboard.board import Board
from autoint_jax.leaderboard.spaces import range_text
from autoint_jax.leaderboard.standings import METRICS, Standings
from autoint_jax.report.blocks import CAUTION, Block, Chart, Page, Section, Table, Text
from autoint_jax.report.curves import Axis, Curve, lines
from autoint_jax.report.dots import Dot, dots

MOST_CURVES = 8  # models whose search curves are drawn


def leaderboard_page(
    board: Board, found: Standings, searched: Sequence[dict[str, Any]], sentences: Sequence[str]
) -> Page:
    """Returns the page of a leaderboard.

    Args:
      board: the leaderboard.
      found: its standings.
      searched: the rows of all trials, as `trial_rows` returns them.
      sentences: the answer.
    """
    page = comparison_page([standing.setting for standing in found.models], METRICS[0], 'models with equal budgets')
    budget = board.budget
    facts = [
        *page.facts,
        ('trials of each model', str(budget.trials)),
        ('epochs of a run, at most', str(next(iter(board.spaces.values())).config.training.epochs)),
        ('parameters outside embeddings, at most', f'{budget.most_parameters:,}'),
    ]
    more = [
        Section('searches', 'What the searches found', _searches(found, searched)),
        Section('budgets', 'Budgets', _budgets(board, found, searched)),
        Section('spaces', 'What was searched', _spaces(board)),
    ]
    return Page(f'Leaderboard of {board.name}', '. '.join(sentences) + '.', facts, [*page.sections, *more])


def _searches(found: Standings, searched: Sequence[dict[str, Any]]) -> list[Block]:
    losses = {
        standing.model: [row['valid_logloss'] for row in searched if row['model'] == standing.model]
        for standing in found.models
    }
    drawn = list(losses)[:MOST_CURVES]
    left_out = f' The other {len(losses) - len(drawn)} models are left out.' if len(losses) > len(drawn) else ''
    notes = {
        (row['model'], row['number']): ', '.join(f'{name} {value}' for name, value in row['options'].items())
        for row in searched
    }
    values = [
        Dot(model, loss, note=notes[model, number])
        for model, own in losses.items()
        for number, loss in enumerate(own)
        if loss is not None
    ]
    return [
        Text(
            'Every model tries the same number of settings. If a curve still falls at its end, its model may gain from '
            'a longer search, and the order of models may change.'
        ),
        Chart(
            'search_curves',
            lines(
                {model: _curve(losses[model]) for model in drawn},
                Axis('trials', whole=True),
                Axis('best validation logloss so far'),
            ),
            f'The least validation logloss after each number of trials, of the best models.{left_out}',
            f'Search curves of {len(drawn)} models.',
        ),
        Chart(
            'trials',
            dots(values, 'validation logloss', zero=False),
            'A dot is a trial; a wide line says that its model depends much on its options. A failed trial has no dot.',
            f'Validation logloss of all trials of {len(losses)} models.',
        ),
    ]


def _curve(losses: Sequence[float | None]) -> Curve:
    known = np.array([np.inf if loss is None else loss for loss in losses], float)
    return Curve(np.arange(1, len(known) + 1, dtype=float), np.minimum.accumulate(known))


def _budgets(board: Board, found: Standings, searched: Sequence[dict[str, Any]]) -> list[Block]:
    rows: list[list[str | int]] = []
    for model in board.spaces:
        own = [row for row in searched if row['model'] == model]
        done = [row for row in own if row['state'] == 'done']
        sizes = [row['parameters'] for row in own]
        rows.append(
            [
                model,
                len(own),
                len(own) - len(done),
                f'{sum(row["epochs"] for row in done):,.0f}',
                f'{min(sizes):,} to {max(sizes):,}' if sizes else '',
            ]
        )
    blocks: list[Block] = [
        Text(
            f'Every model has {board.budget.trials} trials. A trial whose training fails counts as one. Epochs differ '
            'because runs stop early.'
        ),
        Table(
            'table_of_budgets',
            ['model', 'trials', 'failed', 'epochs of all trials', 'parameters outside embeddings'],
            rows,
            'What each search spent.',
            frozenset(range(1, 5)),
        ),
    ]
    missing = [f'{model} is not complete yet.' for model in found.incomplete]
    missing += [f'{model} has no place: {reason}.' for model, reason in found.left_out.items()]
    return blocks + [Text(sentence, CAUTION) for sentence in missing]


def _spaces(board: Board) -> list[Block]:
    rows: list[list[str | int]] = [
        [model, option, 'its own' if option in space.own else 'shared', range_text(part)]
        for model, space in board.spaces.items()
        for option, part in space.options.items()
    ]
    return [
        Text(
            'Models try the same values of shared options. A model that does not read an option is searched without it.'
        ),
        Table('table_of_spaces', ['model', 'option', '', 'values'], rows, 'The space of each model.'),
    ]
