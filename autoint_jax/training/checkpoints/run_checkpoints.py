"""The checkpoints of a run: those of its evaluations, and those between two evaluations."""

import contextlib
import pathlib
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from autoint_jax.errors import disk_is_full
from autoint_jax.evaluation.evaluation import Evaluation
from autoint_jax.evaluation.stopping import best_evaluation
from autoint_jax.training.checkpoints.checkpoints import Checkpoints
from autoint_jax.training.checkpoints.state_sums import StateSums
from autoint_jax.training.step.state import TrainState


class RunCheckpoints:
    """The checkpoints of the run that this process trains, in two folders.

    Each folder keeps one checkpoint more than a run needs to resume, in case the newest one is damaged. Checkpoints of
    evaluations hold states whose tables are up to date. Those between evaluations hold the states as they are, because
    bringing tables up to date earlier than a run that is not interrupted would change rounding; they serve only to
    resume.

    Attributes:
      evaluated: the checkpoints of evaluations: the newest, the one before it, and the best of both.
      between: the checkpoints since the last evaluation: the newest, and the one before it.
      say: told when the disk is full and the run goes on.
    """

    def __init__(self, folder: pathlib.Path, *, go_on_if_full: bool, monitor: str):
        """Args:
        folder: the run folder.
        go_on_if_full: whether a full disk is only reported, instead of raising OSError.
        monitor: the name of the metric that decides which evaluation is the best.
        """
        self.evaluated = Checkpoints(folder / 'checkpoints')
        self.between = Checkpoints(folder / 'checkpoints_between')
        self.say: Callable[[str], None] = lambda sentence: None
        self._go_on, self._monitor = go_on_if_full, monitor

    def steps(self) -> list[int]:
        """Returns the steps of all checkpoints, ascending."""
        return sorted({*self.evaluated.steps(), *self.between.steps()})

    def save_evaluated(
        self, state: TrainState, progress: dict[str, Any], sums: StateSums, evaluations: Sequence[Evaluation]
    ) -> None:
        """Saves the state of the last of some evaluations, its tables up to date. Arguments are as in `_save`."""
        self._save(
            self.evaluated,
            state,
            evaluations[-1].step,
            progress,
            sums,
            lambda there: kept_steps(evaluations, self._monitor, there),
        )

    def save_between(self, state: TrainState, step: int, progress: dict[str, Any], sums: StateSums) -> None:
        """Saves the state between two evaluations as it is. Arguments are as in `_save`."""

        def kept(there: Collection[int]) -> list[int]:
            evaluated = max(self.evaluated.steps(), default=0)
            return [max((older for older in there if evaluated < older < step), default=step)]

        self._save(self.between, state, step, progress, sums, kept)

    def _save(
        self,
        checkpoints: Checkpoints,
        state: TrainState,
        step: int,
        progress: dict[str, Any],
        sums: StateSums,
        keep: Callable[[Collection[int]], Collection[int]],
    ) -> None:
        """Saves a state after the save before is finished.

        Args:
          checkpoints: the folder.
          state: the training state.
          step: steps taken.
          progress: the progress of the run.
          sums: the checksums of the state.
          keep: (steps in the folder) -> steps that are not deleted.

        Raises OSError if the disk is full, unless the run goes on then. Older checkpoints stay in both cases.
        """
        self.wait()
        with self.full_disk_said(f'no checkpoint is saved in {checkpoints.folder}'):
            checkpoints.save(state, step, progress, sums, keep=keep(checkpoints.steps()))

    def wait(self) -> None:
        """Waits until everything is saved. Raises the error of a save that failed, as `_save` says."""
        for checkpoints in (self.evaluated, self.between):
            with self.full_disk_said(f'no checkpoint is saved in {checkpoints.folder}'):
                checkpoints.wait()

    @contextlib.contextmanager
    def full_disk_said(self, what: str) -> Iterator[None]:
        """Within this context a full disk is only reported if the run goes on then; `what` says what is not written."""
        try:
            yield
        except OSError as error:
            if not (self._go_on and disk_is_full(error)):
                raise
            self.say(f'the disk is full, so {what} (what was written earlier is kept): training goes on')

    def discard_spare(self, evaluations: Sequence[Evaluation]) -> None:
        """Deletes what a complete run does not need, also what a killed deletion has left. Call it after `wait`."""
        there = self.evaluated.steps()
        for step in set(there) - kept_steps(evaluations, self._monitor, there):
            self.evaluated.delete(step)
        self.evaluated.discard_aside()
        self.between.discard_aside()
        self.between.close()
        self.between.discard()

    def close(self) -> None:
        """Waits until everything is saved, and stops the threads that save. Raises the error of a save that failed."""
        try:
            self.evaluated.close()
        finally:
            self.between.close()


def kept_steps(evaluations: Sequence[Evaluation], monitor: str, there: Collection[int]) -> set[int]:
    """Returns the steps of evaluations whose checkpoints a run keeps when it saves the last evaluation.

    To resume at an evaluation, a run needs its checkpoint and that of the best evaluation up to then. So it keeps what
    it needs for the last evaluation, and for the newest one before it at which it could resume.

    Args:
      evaluations: the evaluations so far.
      monitor: the name of the metric that decides which is the best.
      there: the steps of the checkpoints that exist.
    """
    best = {
        evaluation.step: best_evaluation(evaluations[: number + 1], monitor).step
        for number, evaluation in enumerate(evaluations)
        if evaluation.step in there or number == len(evaluations) - 1
    }
    last = evaluations[-1].step
    kept = {last, best[last]}
    before = max((step for step in best if step < last and best[step] in there), default=last)
    return kept | {before, best[before]}
