"""One evaluation of a run on the validation split."""

import dataclasses
from collections.abc import Mapping
from typing import Any

VALID = 'valid_'  # stands before the names of metrics in a line


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """One evaluation of a run on the validation split.

    Attributes:
      step: the number of steps before the evaluation.
      epoch: the same, in passes over the training split.
      train_logloss: mean training logloss since the previous evaluation, in nats.
      valid: {name of a metric: value} of the validation split.
      skipped_steps: steps since the previous evaluation that were skipped; None if the run does not skip steps.
      overflowed_steps: steps since the previous evaluation that needed more than `mesh.capacity`; None if rows of
        tables were not exchanged all-to-all.
    """

    step: int
    epoch: float
    train_logloss: float
    valid: dict[str, float]
    skipped_steps: int | None = None
    overflowed_steps: int | None = None

    def line(self) -> dict[str, Any]:
        """Returns the evaluation as checkpoints and metrics.jsonl hold it: {'step', 'epoch', 'train_logloss', ...}."""
        values = {f'{VALID}{name}': value for name, value in self.valid.items()}
        counts = {'skipped_steps': self.skipped_steps, 'overflowed_steps': self.overflowed_steps}
        counted = {name: count for name, count in counts.items() if count is not None}
        return {'step': self.step, 'epoch': self.epoch, 'train_logloss': self.train_logloss, **counted, **values}


def of_line(line: Mapping[str, Any]) -> Evaluation:
    """Returns the evaluation of a line of metrics.jsonl. Raises KeyError if the line lacks a key."""
    valid = {name.removeprefix(VALID): value for name, value in line.items() if name.startswith(VALID)}
    counts = line.get('skipped_steps'), line.get('overflowed_steps')
    return Evaluation(line['step'], line['epoch'], line['train_logloss'], valid, *counts)


def of_progress(progress: Mapping[str, Any]) -> list[Evaluation]:
    """Returns the evaluations of a run from the progress that a checkpoint holds. Raises KeyError as `of_line` does."""
    return [of_line(line) for line in progress['evaluations']]
