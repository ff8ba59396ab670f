"""The schedule of a run: how many steps it takes, and after which of them it is evaluated."""

from typing import NamedTuple

from autoint_jax.config.configuration import Config
from autoint_jax.training.step.order import steps_per_epoch


class Schedule(NamedTuple):
    """The steps of a run.

    Attributes:
      rows: rows of the training split.
      batch_size: rows of a batch, without padding.
      epochs: epochs at most.
      epoch_steps: steps of an epoch.
      evaluated_after: steps within an epoch after which the run is evaluated, ascending; the last is the epoch's end.
    """

    rows: int
    batch_size: int
    epochs: int
    epoch_steps: int
    evaluated_after: list[int]

    @property
    def last_step(self) -> int:
        """The step after which the run ends, unless early stopping ends it before."""
        return self.epochs * self.epoch_steps

    def next_evaluation(self, first: int) -> int:
        """Returns the step within an epoch at which the next evaluation follows, from step `first` of the epoch on."""
        return next(stop for stop in self.evaluated_after if stop > first)


def make_schedule(config: Config, rows: int) -> Schedule:
    """Returns the schedule of a run on `rows` training rows."""
    training = config.training
    batch_size = min(training.batch_size, rows)
    epoch_steps = steps_per_epoch(rows, batch_size)
    evaluated_after = evaluation_steps(epoch_steps, training.evaluations_per_epoch)
    return Schedule(rows, batch_size, training.epochs, epoch_steps, evaluated_after)


def evaluation_steps(epoch_steps: int, evaluations_per_epoch: int) -> list[int]:
    """Returns the steps within an epoch after which to evaluate: evenly spread, and the last step is one of them."""
    evaluations = min(evaluations_per_epoch, epoch_steps)
    return sorted({-(-epoch_steps * part // evaluations) for part in range(1, evaluations + 1)})
