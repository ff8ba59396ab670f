"""How long a leaderboard takes: from the measured speed of each model, then from those that are done."""

import dataclasses
import time

from autoint_jax.config.configuration import Config
from autoint_jax.leaderboard.board import Board
from autoint_jax.leaderboard.draws import OF_A_SHAPE
from autoint_jax.leaderboard.sizes import measured
from autoint_jax.leaderboard.standings import runs_left
from autoint_jax.schema import Schema
from autoint_jax.training.fields import fitted_schema
from autoint_jax.units import counted, shown_seconds

PRIOR = 0.1  # of all expected seconds


@dataclasses.dataclass
class Pace:
    """The expected seconds of the models of a leaderboard that are left, corrected by those that are done.

    Attributes:
      expected: {model: seconds if no run stops early}, of the models that were not complete at the beginning.
      runs: the number of runs of these models that have not ended.
      began: when the last model began.
      done: models that are done, as (expected seconds, seconds that it took).
    """

    expected: dict[str, float]
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
        """Returns the expected seconds of the models that are left.

        They are corrected by the ratio of the seconds that the models that are done took, to those expected of them.
        The ratio counts PRIOR of all expected seconds as taken as expected, so that a small model that is done first,
        such as LR, hardly changes what is expected of large ones.
        """
        rest = sum(seconds for model, seconds in self.expected.items() if model not in self.done)
        prior = PRIOR * sum(self.expected.values())
        took = prior + sum(took for _, took in self.done.values())
        return rest * took / (prior + sum(expected for expected, _ in self.done.values())) if rest else 0.0

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
            f'{shown_seconds(self.left())}, less if runs stop early (from the measured speed of each model)'
        )


def make_pace(board: Board, models: list[str]) -> Pace:
    """Measures the speed of the middle trial of each model, which takes some seconds for each.

    Args:
      board: the leaderboard.
      models: the models that are not complete.
    """
    runs = {model: runs_left(board, model) for model in models}
    return Pace({model: _seconds(board, model, count) for model, count in runs.items()}, sum(runs.values()))


def _seconds(board: Board, model: str, runs: int) -> float:
    """Returns the seconds of some runs of a model if none stops early."""
    config = _middle(board, model)
    rows = len(board.data.split('train'))
    speed = measured(config, _schema(config, board), rows)
    return runs * rows * config.training.epochs * speed.row_seconds + -(-runs // OF_A_SHAPE) * speed.compile_seconds


def _middle(board: Board, model: str) -> Config:
    """Returns the trial of a model with the middle number of parameters."""
    by_size = sorted(board.trials[model], key=lambda trial: board.sizes[trial.id].parameters)
    return by_size[len(by_size) // 2].config


def _schema(config: Config, board: Board) -> Schema:
    return fitted_schema(config, board.data)
