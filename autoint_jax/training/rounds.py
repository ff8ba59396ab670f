"""The rounds of training: each takes the steps up to the next evaluation, in chunks, and evaluates and saves there.

A run alone and copies that train in one program go through their rounds here. They differ only in what `Trainer` names.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import jax

from autoint_jax.training.pace import SAVE, STOP, Pace
from autoint_jax.training.step.feed import Chunk, Feed
from autoint_jax.training.step.schedule import Schedule
from autoint_jax.training.step.state import TrainState
from autoint_jax.training.stopping import Stopping


class Trainer(Protocol):
    """The interface of what takes steps, evaluates and saves: a run alone, or copies of one.

    Attributes:
      schedule: the steps to take at most.
      feed: hands over the rows of each chunk.
    """

    schedule: Schedule
    feed: Feed

    def next_round(self) -> tuple[int, int] | None:
        """Begins a round. Returns the step of the last evaluation and the number of steps; None if no round is left."""

    def chunk(self, state: TrainState, chunk: Chunk) -> tuple[TrainState, jax.Array]:
        """Takes the steps of a chunk; it donates the state. Returns the state after them, and their losses."""

    def flush(self, state: TrainState) -> TrainState:
        """Returns the state with every row of its tables up to date; it donates the state."""

    def report(self) -> None:
        """Reports evaluations that are not reported yet."""

    def took(self, losses: Any, count: int) -> None:
        """Notes the losses of a chunk of `count` steps, as it returned them. Raises Diverged if one is not finite."""

    def spent(self, seconds: float) -> None:
        """Notes seconds of training."""

    def doing(self, what: str) -> None:
        """Reports an activity that may take long."""

    def steps(self, rate: float) -> None:
        """Reports the number of steps taken, the latest at `rate` rows per second."""

    def save_between(self, state: TrainState) -> None:
        """Saves the state between two evaluations."""

    def evaluate(self, state: TrainState) -> None:
        """Evaluates the state on the validation split, and saves it."""

    def newest_saved(self) -> int:
        """Waits until everything is saved, and returns the step from which training can resume; 0 if there is none."""


def train(trainer: Trainer, state: TrainState, *, checkpoint_seconds: float, began: float) -> float | None:
    """Trains through all rounds that are left. The last evaluation is not reported yet then.

    A round is reported while the first steps of the next one are under way.

    Args:
      trainer: what trains.
      state: the state to begin with, which is donated.
      checkpoint_seconds: seconds between two saves by the clock; 0 for none.
      began: the time at which training was asked for, by `time.perf_counter`.

    Returns:
      The seconds from `began` to the end of the first chunk; None if no step was left.

    Raises:
      Diverged: training has diverged.
      Stopped, Terminated, KeyboardInterrupt: a signal has asked to stop, as `Stopping.leave` says.
    """
    schedule, first_step_seconds = trainer.schedule, None
    with Stopping() as stopping:
        pace = Pace(checkpoint_seconds, lambda: stopping.asked)
        while (position := trainer.next_round()) is not None:
            evaluated, step = position
            epoch, first = divmod(evaluated, schedule.epoch_steps)
            coming = Coming(trainer.feed, pace, epoch, first + step - evaluated, schedule.next_evaluation(first))
            while coming.left:
                start = before = time.perf_counter()
                trainer.doing('compiling and taking the first steps' if first_step_seconds is None else 'training')
                for state, losses, count in dispatched(trainer.chunk, state, coming):
                    trainer.report()
                    trainer.took(jax.device_get(losses), count)
                    now = time.perf_counter()
                    first_step_seconds = first_step_seconds or now - began
                    trainer.steps(count * schedule.batch_size / (now - before))
                    pace.took(count, now - before)
                    before = now
                trainer.spent(time.perf_counter() - start)
                if coming.left:  # the pace has decided to save or to stop
                    trainer.report()
                    trainer.save_between(state)
                    if coming.decision == STOP:
                        stopping.leave(trainer.newest_saved())
                    pace.saved()
            start = time.perf_counter()
            state = trainer.flush(state)  # only here: a flush after every report would change rounding, and take time
            trainer.spent(time.perf_counter() - start)
            trainer.evaluate(state)
            pace.saved()
    return first_step_seconds


class Coming:
    """The chunks of a round that are still to come, as an iterator that ends where the run shall save or stop.

    Attributes:
      decision: the last decision of the pace.
    """

    def __init__(self, feed: Feed, pace: Pace, epoch: int, first: int, stop: int):
        """Takes the feed and the pace of the run, and the steps of an epoch from `first` to `stop - 1`."""
        self._feed, self._pace, self._epoch, self._first, self._stop = feed, pace, epoch, first, stop
        self.decision = SAVE

    @property
    def left(self) -> int:
        """The number of steps that are still to come."""
        return self._stop - self._first

    def __iter__(self) -> Iterator[Chunk]:
        while self.left:
            self.decision = self._pace.next()
            if self.decision in (STOP, SAVE):
                return
            chunk = self._feed.chunk(self._epoch, self._first, self._stop, self.decision)
            self._first += chunk.step_count
            yield chunk


def dispatched(
    chunk: Callable[[TrainState, Chunk], tuple[TrainState, jax.Array]], state: TrainState, chunks: Iterable[Chunk]
) -> Iterator[tuple[TrainState, jax.Array, int]]:
    """Dispatches chunks, and yields the state after each, its losses [max_steps], and its number of steps.

    It dispatches a chunk before it yields the one before, so that the device has work while the host waits for losses.
    A dispatch donates the state, so only the last state that is yielded can be read.
    """
    ahead: list[tuple[TrainState, jax.Array, int]] = []
    for taken in chunks:
        state, losses = chunk(state, taken)
        yield from ahead
        ahead = [(state, losses, taken.step_count)]
    yield from ahead
