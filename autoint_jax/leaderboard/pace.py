"""How long a leaderboard takes: from counted operations and a measured speed, then from the models that are done."""

import dataclasses
import statistics
import time

from autoint_jax.config.configuration import Config
from autoint_jax.leaderboard.board import Board
from autoint_jax.leaderboard.draws import OF_A_SHAPE
from autoint_jax.leaderboard.sizes import Measured, measured, row_operations
from autoint_jax.leaderboard.standings import runs_left
from autoint_jax.schema import Schema
from autoint_jax.training.fields import fitted_schema
from autoint_jax.units import counted, shown_seconds


@dataclasses.dataclass
class Pace:
    """The expected seconds of the models of a leaderboard that are left, corrected by those that are done.

    Attributes:
      expected: {model: seconds if no run stops early}, of the models that were not complete at the beginning.
      measured_on: the model whose speed was measured.
      runs: the number of runs of these models that have not ended.
      began: when the last model began.
      done: models that are done, as (expected seconds, seconds that it took).
    """

    expected: dict[str, float]
    measured_on: str
    runs: int
    began: float = dataclasses.field(default_factory=time.perf_counter)
    done: dict[str, tuple[float, float]] = dataclasses.field(default_factory=dict)

    def finished(self, model: str) -> None:
        """Notes that a model is done."""
        now = time.perf_counter()
        if model in self.expected:
            self.done[model] = self.expected[model], now - self.began
        self.began = now

    def left(self) -> float:
        """Returns the expected seconds of the models that are left."""
        rest = sum(seconds for model, seconds in self.expected.items() if model not in self.done)
        if not self.done:
            return rest
        return rest * sum(took for _, took in self.done.values()) / sum(seconds for seconds, _ in self.done.values())

    def sentence(self, board: Board) -> str:
        """Returns what is trained, and how long that takes, before anything is trained."""
        if not self.expected:
            return 'all runs of this leaderboard are complete: nothing is trained'
        budget, models = board.budget, len(self.expected)
        training = next(iter(board.spaces.values())).config.training
        each = f'{counted(budget.trials, "trial")} and {counted(budget.seeds, "seed")} each'
        total = models * (budget.trials + budget.seeds)
        left = f', of which {self.runs:,} are left' if self.runs < total else ''
        return (
            f'{counted(models, "model")} with {each} are {total:,} runs of at most '
            f'{counted(training.epochs, "epoch")}{left}: about '
            f'{shown_seconds(self.left())}, less if runs stop early (from counted operations, at the measured speed '
            f'of {self.measured_on})'
        )


def make_pace(board: Board, models: list[str]) -> Pace:
    """Counts the operations of models, and measures the speed of the one in the middle.

    Args:
      board: the leaderboard.
      models: the models that are not complete.
    """
    if not models:
        return Pace({}, '', 0)
    operations = {model: row_operations(_middle(board, model), _schema(board, model)) for model in models}
    in_the_middle = statistics.median_low(operations.values())
    of = next(model for model in models if operations[model] == in_the_middle)
    speed = measured(_middle(board, of), _schema(board, of))
    runs = {model: runs_left(board, model) for model in models}
    expected = {
        model: _seconds(board, model, runs[model], operations[model] / in_the_middle, speed) for model in models
    }
    return Pace(expected, of, sum(runs.values()))


def _seconds(board: Board, model: str, runs: int, relative: float, speed: Measured) -> float:
    """Returns the seconds of some runs of a model if none stops early.

    Args:
      board: the leaderboard.
      model: the model.
      runs: the number of runs.
      relative: its operations for a row, divided by those of the measured model.
      speed: of the measured model.
    """
    rows = len(board.data.split('train')) * board.spaces[model].config.training.epochs
    programs = -(-runs // OF_A_SHAPE)
    return runs * rows * relative * speed.row_seconds + programs * speed.compile_seconds


def _middle(board: Board, model: str) -> Config:
    """Returns the trial of a model with the middle number of parameters."""
    by_size = sorted(board.trials[model], key=lambda trial: board.sizes[trial.id].parameters)
    return by_size[len(by_size) // 2].config


def _schema(board: Board, model: str) -> Schema:
    return fitted_schema(_middle(board, model), board.data)
