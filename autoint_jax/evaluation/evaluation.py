"""One evaluation of a run on the validation split."""

import dataclasses
from collections.abc import Mapping
from typing import Any

VALID = 'valid_'  # stands before the names of metrics in a line


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """One evaluation of a run on the validation split.

    Attributes:
      step: after which the run was evaluated.
      epoch: the same in passes over the training split.
      train_logloss: mean training logloss since the evaluation before, in nats.
      valid: {name of a metric: value} of the validation split.
    """

    step: int
    epoch: float
    train_logloss: float
    valid: dict[str, float]

    def line(self) -> dict[str, Any]:
        """Returns the evaluation as checkpoints and metrics.jsonl hold it: {'step', 'epoch', 'train_logloss', ...}."""
        values = {f'{VALID}{name}': value for name, value in self.valid.items()}
        return {'step': self.step, 'epoch': self.epoch, 'train_logloss': self.train_logloss, **values}


def of_line(line: Mapping[str, Any]) -> Evaluation:
    """The evaluation that a line holds. Raises KeyError where it lacks a key."""
    valid = {name.removeprefix(VALID): value for name, value in line.items() if name.startswith(VALID)}
    return Evaluation(line['step'], line['epoch'], line['train_logloss'], valid)


def of_progress(progress: Mapping[str, Any]) -> list[Evaluation]:
    """The evaluations of a run in the progress that is saved with a checkpoint. Raises KeyError as `of_line` does."""
    return [of_line(line) for line in progress['evaluations']]
