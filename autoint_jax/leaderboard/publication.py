"""The publication of a leaderboard: the files of its table in RESULTS_DIR, and its page."""

import pathlib
from typing import Any, NamedTuple

from autoint_jax import stored
from autoint_jax.leaderboard import record, tables
from autoint_jax.leaderboard.answer import answer
from autoint_jax.leaderboard.board import Board
from autoint_jax.leaderboard.page import leaderboard_page
from autoint_jax.leaderboard.standings import FEWEST_MODELS, Standings, comparable_models, standings, trial_rows
from autoint_jax.report import assembly, figures


class Published(NamedTuple):
    """What was published.

    Attributes:
      found: the standings.
      rows: the rows of the table.
      sentences: the answer.
      page: the path of the page.
      figures: the number of figures that lie beside the page.
    """

    found: Standings
    rows: list[dict[str, Any]]
    sentences: list[str]
    page: pathlib.Path
    figures: int


def publish(board: Board, results_dir: pathlib.Path) -> Published:
    """Writes the record, the table and the page of the models that are complete.

    Raises:
      UsageError: fewer than two models are complete, or a file of a run or a record is damaged.
    """
    record.write(board, results_dir)
    with record.locked(board, results_dir):
        found, searched = standings(board), trial_rows(board)
        sentences, rows = answer(board, found), tables.table_rows(found, searched)
        tables.write(results_dir / board.name, board, found, rows, sentences)
        page, output = leaderboard_page(board, found, searched, sentences), board.folder / 'leaderboard.html'
        stored.write_text(output, assembly.document(page))
        written = figures.write(page, output.with_suffix(''))
    return Published(found, rows, sentences, output, len(written))


def publish_if_able(board: Board, results_dir: pathlib.Path) -> None:
    """Publishes as `publish` does if enough models are complete to be compared."""
    if len(comparable_models(board)) >= FEWEST_MODELS:
        publish(board, results_dir)
