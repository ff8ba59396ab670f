"""The states of a run on disk: saved after a check, read again to resume the run and to test its best one."""

import pathlib
from collections.abc import Callable
from typing import Any

from jax.sharding import Mesh

from autoint_jax.config.execution_config import GO_ON
from autoint_jax.config.fingerprint import fingerprint
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.errors import UsageError
from autoint_jax.evaluation.stopping import best_evaluation
from autoint_jax.training.checkpoints.checkpoint_reader import DamagedCheckpoint
from autoint_jax.training.checkpoints.resuming import resumed
from autoint_jax.training.checkpoints.run_checkpoints import RunCheckpoints
from autoint_jax.training.checkpoints.state_sums import StateSums, state_sums
from autoint_jax.training.divergence import divergence
from autoint_jax.training.identity import check_identity
from autoint_jax.training.run_progress import RunProgress
from autoint_jax.training.step.layout import shapes_on
from autoint_jax.training.step.state import Setup, TrainState


class RunStates:
    """The checkpoints of a run, each with its progress and its identity beside the state.

    Attributes:
      checkpoints: the checkpoints.
    """

    def __init__(self, setup: Setup, data: PreparedData, folder: pathlib.Path, progress: RunProgress):
        """Args:
        setup: the setup of the run.
        data: the prepared data that it is trained on.
        folder: the run folder.
        progress: how far the run has come; it is saved with each state, and set when the run resumes.
        """
        config = setup.config
        self._setup, self._data, self._progress = setup, data, progress
        self._monitor = config.training.monitor
        self._identity = {'fingerprint': fingerprint(config), 'data_hash': data.hash}
        self._saved_step: int | None = None
        go_on = config.execution.full_disk == GO_ON
        self.checkpoints = RunCheckpoints(folder, go_on_if_full=go_on, monitor=self._monitor)

    def check_identity(self) -> None:
        """Raises UsageError if the folder holds checkpoints of another run."""
        check_identity(self.checkpoints.evaluated, self._data.hash)
        check_identity(self.checkpoints.between, self._data.hash)

    def resumed(self, mesh: Mesh, say: Callable[[str], None]) -> TrainState | None:
        """Returns the state at which the run resumes, on the mesh, and sets the progress; None if there is none.

        `say` is called with a sentence about checkpoints that are lost.
        """
        found = resumed(self.checkpoints, shapes_on(self._setup, mesh), mesh, say, self._monitor)
        if found is not None:
            self._progress.resume(found.progress)
            self._saved_step = self._progress.step
        self.checkpoints.between.discard_unfinished()
        return None if found is None else found.state

    @property
    def is_saved(self) -> bool:
        """Whether the present step is saved."""
        return self._progress.step in (self._saved_step, self._progress.evaluated_step)

    def newest(self) -> int:
        """Waits until everything is saved. Returns the step of the newest checkpoint; 0 if there is none."""
        self.checkpoints.wait()
        return max(self.checkpoints.steps(), default=0)

    def save_between(self, state: TrainState) -> None:
        """Saves the state between two evaluations. Raises Diverged if training has diverged."""
        sums = self._checked_sums(state, train_logloss=0.0, valid_logloss=0.0)
        self.checkpoints.save_between(state, self._progress.step, self._saved_progress(), sums)
        self._saved_step = self._progress.step

    def save_evaluated(self, state: TrainState, valid: dict[str, float]) -> None:
        """Notes an evaluation in the progress, and saves the state. Raises Diverged if training has diverged.

        Args:
          state: the training state, its tables up to date.
          valid: figures of the validation split.
        """
        train_logloss = self._progress.train_logloss()
        sums = self._checked_sums(state, train_logloss=train_logloss, valid_logloss=valid['logloss'])
        self._progress.evaluated(train_logloss, valid)
        self.checkpoints.save_evaluated(state, self._saved_progress(), sums, self._progress.evaluations)
        self._saved_step = self._progress.step

    def _checked_sums(self, state: TrainState, *, train_logloss: float, valid_logloss: float) -> StateSums:
        """Returns the checksums of a state that shall be saved. Raises Diverged if training has diverged."""
        sums = state_sums(state._asdict())
        diverged = divergence(
            self._data,
            self._setup.config,
            step=self._progress.step,
            train_logloss=train_logloss,
            valid_logloss=valid_logloss,
            not_finite=sums.not_finite,
        )
        if diverged is not None:
            raise diverged
        return sums

    def _saved_progress(self) -> dict[str, Any]:
        """Returns the progress of the run and its identity, which a checkpoint holds beside the state."""
        return {**self._progress.saved(), **self._identity}

    def best(self, mesh: Mesh) -> TrainState:
        """Returns the state of the best evaluation, by the metric `training.monitor`, on the mesh.

        Raises UsageError if its checkpoint is lost.
        """
        self.checkpoints.wait()
        step = best_evaluation(self._progress.evaluations, self._monitor).step
        try:
            return self.checkpoints.evaluated.restore(step, shapes_on(self._setup, mesh), mesh)[0]
        except DamagedCheckpoint as error:
            raise UsageError(f'{error}: run the same command again, which repeats the lost steps') from None
