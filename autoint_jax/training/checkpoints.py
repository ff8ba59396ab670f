"""Checkpoints of a run: the latest for resuming and the best for testing. The only code that knows Orbax."""

import contextlib
import copy
import errno
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

import jax
import orbax.checkpoint as ocp
from jax.sharding import Mesh, NamedSharding
from orbax.checkpoint.checkpoint_managers import preservation_policy

from autoint_jax.errors import UsageError
from autoint_jax.training.devices import EVERYWHERE
from autoint_jax.training.state import TrainState

# Room a checkpoint needs beside its arrays.
SPARE_BYTES = 2_000_000


class Checkpoints:
    """The checkpoints of one run folder. Saving is asynchronous; a half-written checkpoint is never restored."""

    def __init__(self, folder: pathlib.Path):
        keep = preservation_policy.AnyPreservationPolicy([
            preservation_policy.LatestN(1),
            preservation_policy.BestN(get_metric_fn=lambda metrics: metrics['logloss'], reverse=True, n=1)])
        options = ocp.CheckpointManagerOptions(
            preservation_policy=keep, cleanup_tmp_directories=True,
            best_fn=lambda metrics: metrics['logloss'], best_mode='min')  # also stores metrics for a later process
        self._manager = ocp.CheckpointManager(
            folder.absolute(), options=options, item_names=('state', 'progress'))

    def latest(self) -> int | None:
        """Step of the newest complete checkpoint."""
        return self._manager.latest_step()

    def steps(self) -> list[int]:
        """Steps of all complete checkpoints."""
        return sorted(self._manager.all_steps())

    def progress(self, step: int) -> dict[str, Any]:
        """The run's progress as saved at a step."""
        return self._manager.restore(step, args=ocp.args.Composite(progress=ocp.args.JsonRestore()))['progress']

    def save(self, state: TrainState, step: int, progress: dict[str, Any]) -> None:
        """Saves the state with the run's progress, whose last evaluation's logloss decides which checkpoint is best.

        A step that is already there (a run killed between saving and going on) is left as it is: resuming is exact, so
        it holds the same values.
        """
        if step in self._manager.all_steps():
            return
        needed = sum(leaf.nbytes for leaf in jax.tree.leaves(state)) + SPARE_BYTES
        if shutil.disk_usage(self._manager.directory).free < needed:
            raise OSError(errno.ENOSPC, 'no space left', str(self._manager.directory))
        with self._full_disk_named():
            self._manager.save(
                step, metrics={'logloss': progress['evaluations'][-1]['valid_logloss']}, args=ocp.args.Composite(
                    state=ocp.args.StandardSave(state._asdict()), progress=ocp.args.JsonSave(copy.deepcopy(progress))))  # written later, by a thread

    def restore(self, step: int, like: TrainState, mesh: Mesh) -> tuple[TrainState, dict[str, Any]]:
        """State (on every device of the mesh) and progress of a checkpoint.

        Args:
          step: the checkpoint's.
          like: a state of the same shapes.
          mesh: where the state shall be; any number of devices.

        Raises:
          UsageError: the checkpoint is damaged or holds other shapes.
        """
        target = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=NamedSharding(mesh, EVERYWHERE)), like._asdict())
        try:
            found = self._manager.restore(step, args=ocp.args.Composite(
                state=ocp.args.StandardRestore(target), progress=ocp.args.JsonRestore()))
        except (ValueError, KeyError, OSError) as error:
            raise UsageError(f'checkpoint {self._manager.directory}/{step} cannot be read, it is damaged or of another '
                             f'version; delete it to go on from an older one ({str(error).splitlines()[0][:200]})') from None
        return TrainState(**found['state']), found['progress']

    def wait(self) -> None:
        """Returns when all saving is done. Raises what saving raised."""
        with self._full_disk_named():
            self._manager.wait_until_finished()

    @contextlib.contextmanager
    def _full_disk_named(self) -> Iterator[None]:
        """Orbax's storage reports a full disk as ValueError; here it becomes the OSError that it is."""
        try:
            yield
        except ValueError as error:
            if 'RESOURCE_EXHAUSTED' not in str(error):
                raise
            raise OSError(errno.ENOSPC, 'no space left', str(self._manager.directory)) from error

    def close(self) -> None:
        self._manager.close()
