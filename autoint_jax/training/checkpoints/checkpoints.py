"""Saves checkpoints, and deletes those that a run no longer needs."""

import contextlib
import errno
import json
import pathlib
import shutil
from collections.abc import Collection, Iterator
from typing import Any

import jax
import orbax.checkpoint as ocp

from autoint_jax.errors import disk_is_full
from autoint_jax.training.checkpoints.checkpoint_reader import CheckpointReader
from autoint_jax.training.checkpoints.kept_steps import KeptSteps
from autoint_jax.training.checkpoints.progress import seal_of
from autoint_jax.training.checkpoints.state_sums import StateSums
from autoint_jax.training.processes.decisions import decided
from autoint_jax.training.processes.group import is_first
from autoint_jax.training.step.state import TrainState

# Bytes that a checkpoint needs on disk beside its arrays.
SPARE_BYTES = 2_000_000
UNFINISHED = '.orbax-checkpoint-tmp'  # in the name of a checkpoint that is being written


class Checkpoints(CheckpointReader):
    """A folder of checkpoints of the run that this process trains, alone or together with others that all call it.

    Saving is asynchronous. A half-written checkpoint is never restored. If a killed process left one, the run replaces
    it when it comes to the same step again.
    """

    def __init__(self, folder: pathlib.Path):
        super().__init__(folder)
        self._kept: set[int] = set()
        self._manager: ocp.CheckpointManager | None = None

    def save(
        self, state: TrainState, step: int, progress: dict[str, Any], sums: StateSums, *, keep: Collection[int]
    ) -> None:
        """Saves the state with the progress of the run. When it is saved, older checkpoints are deleted.

        If the step has a checkpoint already, because the run was killed right after saving it, nothing is saved:
        resuming is exact, so the checkpoint holds the same values.

        Args:
          state: the training state, on the devices or the host.
          step: steps taken.
          progress: progress of the run, for which `last_step` is this step.
          sums: the checksums of the state.
          keep: the steps of older checkpoints that are not deleted.

        Raises OSError if the disk is full. What is unfinished is deleted then.
        """
        if step in self.steps():
            return
        needed = sum(leaf.nbytes for leaf in jax.tree.leaves(state)) + SPARE_BYTES
        self.folder.mkdir(parents=True, exist_ok=True)
        if decided(lambda: shutil.disk_usage(self.folder).free < needed):
            raise OSError(errno.ENOSPC, 'no space left', str(self.folder))
        self._kept.clear()
        self._kept |= {step, *keep}
        written_later = json.loads(
            json.dumps(progress | {'seal': {'sums': sums.sums, 'sha256': seal_of(progress, sums.sums)}})
        )
        with self._full_disk_named():
            self._opened().save(
                step,
                args=ocp.args.Composite(
                    state=ocp.args.StandardSave(state._asdict()), progress=ocp.args.JsonSave(written_later)
                ),
            )

    def set_aside(self, step: int) -> pathlib.Path:
        """Moves a checkpoint into a folder beside this one and returns its new path.

        Call it before the first `save`.
        """
        aside = self._aside / str(step)

        def move() -> None:
            shutil.rmtree(aside, ignore_errors=True)
            aside.parent.mkdir(exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                (self.folder / str(step)).rename(aside)

        decided(move)
        return aside

    def discard_aside(self) -> None:
        """Deletes the checkpoints that were set aside. Call it when the run has taken their steps again."""
        if is_first():
            shutil.rmtree(self._aside, ignore_errors=True)

    def delete(self, step: int) -> None:
        """Deletes the checkpoint of a step. Call it when nothing is saved any more."""
        if is_first():
            shutil.rmtree(self.folder / str(step), ignore_errors=True)

    def discard(self) -> None:
        """Deletes the folder with all its checkpoints. Call it after `close`."""
        if is_first():
            shutil.rmtree(self.folder, ignore_errors=True)

    def discard_unfinished(self) -> None:
        """Deletes what saves that failed or were killed have left behind. Call it when nothing is being saved."""
        if is_first():
            for path in self.folder.glob(f'*{UNFINISHED}*'):
                shutil.rmtree(path, ignore_errors=True)

    def wait(self) -> None:
        """Waits until everything is saved. Raises the error of a save that failed, as `save` does."""
        if self._manager is not None:
            with self._full_disk_named():
                self._manager.wait_until_finished()

    def close(self) -> None:
        """Waits until everything is saved, and stops Orbax's threads. Raises the error of a save that failed."""
        if self._manager is not None:
            with self._full_disk_named():
                self._manager.close()

    @property
    def _aside(self) -> pathlib.Path:
        """The folder of checkpoints that were set aside."""
        return self.folder.with_name(self.folder.name + '_set_aside')

    def _opened(self) -> ocp.CheckpointManager:
        """Returns Orbax's manager, which only saves and deletes; `_kept` holds the steps that it must keep."""
        if self._manager is None:
            options = ocp.CheckpointManagerOptions(
                preservation_policy=KeptSteps(self._kept), cleanup_tmp_directories=False
            )
            self._manager = ocp.CheckpointManager(self.folder, options=options, item_names=('state', 'progress'))
        return self._manager

    @contextlib.contextmanager
    def _full_disk_named(self) -> Iterator[None]:
        """Turns the errors by which Orbax reports a full disk into an OSError, and deletes what is unfinished."""
        try:
            yield
        except (ValueError, OSError) as error:
            if not disk_is_full(error) and 'RESOURCE_EXHAUSTED' not in str(error):
                raise
            manager, self._manager = self._manager, None
            if manager is not None:
                with contextlib.suppress(Exception):  # it may raise the same error again
                    manager.close()
            self.discard_unfinished()
            raise OSError(errno.ENOSPC, 'no space left', str(self.folder)) from error
