"""The progress of a run: its evaluations, the losses since the last one, and the time that all took."""

import time
from typing import Any

import numpy as np

from autoint_jax.evaluation.evaluation import Evaluation, of_progress
from autoint_jax.training.checkpoints.round_losses import RoundLosses
from autoint_jax.training.step.schedule import Schedule

# A run warns if more than this fraction of its steps needs more than `mesh.capacity`.
MOST_OVERFLOWED = 0.03


class RunProgress:
    """How far a run has come. A checkpoint holds it beside the state.

    Attributes:
      evaluations: the evaluations so far, in order.
      times: the time of each, in seconds since 1970.
      rates: the rows/s of training before each; None if unknown.
      seconds: seconds of training so far.
    """

    def __init__(self, schedule: Schedule, *, counts_skipped: bool):
        """Args:
        schedule: the schedule of the run.
        counts_skipped: whether evaluations count the steps whose loss is not finite.
        """
        self._schedule, self._counts_skipped = schedule, counts_skipped
        self.evaluations: list[Evaluation] = []
        self.times: list[float] = []
        self.rates: list[float | None] = []
        self.seconds = 0.0
        self._evaluated_seconds = 0.0  # `seconds` at the last evaluation
        self._losses = RoundLosses()
        self._overflowed: int | None = None  # steps since the last evaluation; None if none could overflow

    def resume(self, saved: dict[str, Any]) -> None:
        """Takes over the progress that a checkpoint holds. Older versions saved fewer parts of it."""
        self.evaluations, self.seconds = of_progress(saved), saved['seconds']
        self.times = saved.get('times', [time.time()] * len(self.evaluations))
        self.rates = saved.get('rates', [None] * len(self.evaluations))
        self._evaluated_seconds = saved.get('evaluated_seconds', self.seconds)
        self._losses = RoundLosses(saved.get('losses', ''))
        self._overflowed = saved.get('overflowed')

    def saved(self) -> dict[str, Any]:
        """Returns the progress as a checkpoint holds it, as JSON values."""
        return {
            'evaluations': [evaluation.line() for evaluation in self.evaluations],
            'losses': self._losses.saved(),
            'seconds': self.seconds,
            'evaluated_seconds': self._evaluated_seconds,
            'times': self.times,
            'rates': self.rates,
            **({} if self._overflowed is None else {'overflowed': self._overflowed}),
        }

    @property
    def evaluated_step(self) -> int:
        """The step of the last evaluation; 0 before the first one."""
        return self.evaluations[-1].step if self.evaluations else 0

    @property
    def step(self) -> int:
        """The number of steps taken."""
        return self.evaluated_step + len(self._losses)

    def took(self, losses: np.ndarray, overflowed: int | None = None) -> None:
        """Notes the losses of the next steps, float32 [steps], in nats, and how many of them overflowed, if any could.

        A step overflows if it needs more than `mesh.capacity` and is therefore taken in the gathered form.
        """
        self._losses.add(losses)
        if overflowed is not None:
            self._overflowed = (self._overflowed or 0) + overflowed

    def train_logloss(self) -> float:
        """Returns the mean training logloss since the last evaluation, in nats."""
        return self._losses.mean(self._schedule, self.evaluated_step)

    def evaluated(self, train_logloss: float, valid: dict[str, float]) -> None:
        """Notes an evaluation after the steps whose losses are noted, with figures of the validation split."""
        step, epoch = self.step, self.step / self._schedule.epoch_steps
        epochs = epoch - (self.evaluations[-1].epoch if self.evaluations else 0)
        self.rates.append(self._rate(epochs))
        self._evaluated_seconds = self.seconds
        skipped = self._losses.skipped if self._counts_skipped else None
        # The logloss comes first, as in the files of older versions.
        ordered = {name: valid[name] for name in dict.fromkeys(['logloss', *valid])}
        self.evaluations += [Evaluation(step, epoch, train_logloss, ordered, skipped, self._overflowed)]
        self._losses, self._overflowed = RoundLosses(), None
        self.times.append(time.time())

    def overflow_warning(self, capacity: float) -> str:
        """Returns advice to raise `mesh.capacity` if many steps before the last evaluation overflowed; else ''."""
        before, last = [0, *(evaluation.step for evaluation in self.evaluations)][-2:]
        overflowed = self.evaluations[-1].overflowed_steps or 0
        if overflowed <= MOST_OVERFLOWED * (last - before):
            return ''
        return (
            f'{overflowed:,} of the last {last - before:,} steps exchanged rows in the slower gathered form, because a '
            f'device needed more rows of another one than mesh.capacity={capacity:g} allows: raise mesh.capacity'
        )

    def _rate(self, epochs: float) -> float | None:
        """Returns the rows/s of the training since the last evaluation, which was so many epochs."""
        seconds = self.seconds - self._evaluated_seconds
        return epochs * self._schedule.rows / seconds if seconds > 0 else None
