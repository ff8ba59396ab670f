"""Reads checkpoints: finds, verifies and restores them, and says in a sentence which are missing or damaged."""

import contextlib
import errno
import pathlib
import re
import textwrap
from collections.abc import Iterator
from typing import Any

import jax
import orbax.checkpoint as ocp
from jax.sharding import Mesh

from autoint_jax.errors import UsageError
from autoint_jax.training.checkpoints.patient_loops import patient_loops
from autoint_jax.training.checkpoints.progress import last_step, seal_of
from autoint_jax.training.checkpoints.state_sums import named_arrays, state_sums
from autoint_jax.training.checkpoints.table_forms import as_held, as_wanted, fits
from autoint_jax.training.processes.decisions import decided, of_all
from autoint_jax.training.step.layout import placed_shapes
from autoint_jax.training.step.state import TrainState

REASON_LENGTH = 160  # characters of the storage library's message that are shown; it may have many lines
# Errors of the file system that mean that a file is gone or replaced; other errors may be temporary.
DAMAGED = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ESTALE)
# Words in messages of the storage library about a file that is intact but cannot be read at the moment.
NOT_DAMAGED = ('PERMISSION_DENIED', 'RESOURCE_EXHAUSTED', 'UNAVAILABLE', 'DEADLINE_EXCEEDED')


class DamagedCheckpoint(UsageError):
    """The error that a checkpoint is missing or damaged. Code that catches it adds to the sentence what to do.

    Attributes:
      step: the step of the checkpoint.
      state: the end of the sentence, such as 'missing'.
    """

    def __init__(self, folder: pathlib.Path, step: int, state: str):
        super().__init__(f'checkpoint {folder / str(step)} is {state}')
        self.step, self.state = step, state


class CheckpointReader:
    """A reader of the checkpoints of a run, also while a process trains it. It creates and changes nothing.

    Attributes:
      folder: the folder of checkpoints, absolute.
    """

    def __init__(self, folder: pathlib.Path):
        """Takes the folder of checkpoints, which need not exist."""
        self.folder = folder.absolute()

    def steps(self) -> list[int]:
        """Returns the steps of all checkpoints, ascending.

        A checkpoint that is being written is left out, a damaged one may not be. All processes of a run get those that
        the first one sees.
        """
        return decided(lambda: _steps(self.folder))

    def progress(self, step: int) -> dict[str, Any]:
        """Returns the progress of the run that was saved at a step. Raises DamagedCheckpoint."""
        return self._sealed(step)[0]

    def sums(self, step: int) -> dict[str, int] | None:
        """Returns the checksums of the state that was saved at a step, by array; None if an older version saved none.

        Raises DamagedCheckpoint.
        """
        return self._sealed(step)[1]

    def restore(self, step: int, like: TrainState, mesh: Mesh) -> tuple[TrainState, dict[str, Any]]:
        """Returns the state of a checkpoint, on the mesh, and its progress; the values are those saved.

        Args:
          step: the step of the checkpoint.
          like: a state of the same shapes, as arrays or shapes. Its tables may be split or whole, whatever the saved
            ones are.
          mesh: the devices that will hold the state; they may be others than those at saving.

        Raises:
          DamagedCheckpoint: the checkpoint is missing or damaged.
          UsageError: the checkpoint holds other shapes, or cannot be read at the moment.
        """
        progress, sums = self._sealed(step)
        path = self.folder / str(step) / 'state'
        target = placed_shapes(like, mesh)
        with self._damage_named(step):
            held = _shapes(ocp.StandardCheckpointHandler().metadata(path).tree)
        wanted = _shapes(target)
        name = next((name for name in [*wanted, *held] if not fits(name, held.get(name), wanted.get(name))), None)
        if name is not None:
            there, here = _shown(held.get(name)), _shown(wanted.get(name))
            raise UsageError(
                f'checkpoint {path.parent} is of another model or version ({name} is {there} there and {here} here): '
                'use the version that made it, or choose another run folder'
            )
        with self._damage_named(step), contextlib.closing(_reader(ocp.StandardCheckpointHandler())) as reader:
            read = as_held(target, held, mesh)._asdict()
            # Not strict: it fills a whole table with zeros where the mesh splits it.
            restored = reader.restore(path, args=ocp.args.StandardRestore(read, strict=held == wanted))
        state = as_wanted(TrainState(**restored), target, mesh)
        if sums is not None:
            found = state_sums(state).sums
            changed = [name for name in found if found[name] != sums.get(name)]
            if damaged := next(filter(None, of_all(changed)), None):
                raise DamagedCheckpoint(self.folder, step, f'damaged (values of {damaged[0]} are not those saved)')
        return state, progress

    def _sealed(self, step: int) -> tuple[dict[str, Any], dict[str, int] | None]:
        """Returns the progress of a checkpoint and the checksums of its state; None if an older version saved none."""
        with self._damage_named(step), contextlib.closing(_reader(ocp.JsonCheckpointHandler())) as reader:
            found = reader.restore(self.folder / str(step) / 'progress')
            seal = found.pop('seal', None)
            if seal is not None and seal['sha256'] != seal_of(found, seal['sums']):
                raise ValueError('its record of progress was changed')
            if (last := last_step(found)) != step:
                raise ValueError(f'its record ends at step {last}')
        return found, seal and seal['sums']

    @contextlib.contextmanager
    def _damage_named(self, step: int) -> Iterator[None]:
        """Turns the exceptions by which Orbax reports damage, which are of many kinds, into DamagedCheckpoint.

        All processes of a run raise it if one of them finds damage.
        """
        found = None
        try:
            with self._own_damage_named(step):
                yield
        except DamagedCheckpoint as error:
            found = error.state
        if damage := next(filter(None, of_all(found)), None):
            raise DamagedCheckpoint(self.folder, step, damage)

    @contextlib.contextmanager
    def _own_damage_named(self, step: int) -> Iterator[None]:
        """Turns the exceptions by which Orbax reports damage to this process into DamagedCheckpoint."""
        path = self.folder / str(step)
        if not path.is_dir():
            raise DamagedCheckpoint(self.folder, step, 'missing')
        try:
            with patient_loops():
                yield
        except (MemoryError, jax.errors.JaxRuntimeError):
            raise
        except Exception as error:
            reason = textwrap.shorten(str(error), REASON_LENGTH, placeholder=' ...') or type(error).__name__
            sound = isinstance(error, OSError) and error.errno not in (None, *DAMAGED)
            if sound or any(word in str(error) for word in NOT_DAMAGED):
                raise UsageError(
                    f'checkpoint {path} cannot be read ({reason}): make it readable and run the same command again'
                ) from None
            raise DamagedCheckpoint(self.folder, step, f'damaged ({reason})') from None


def _steps(folder: pathlib.Path) -> list[int]:
    """Returns the steps of the checkpoints in a folder, ascending."""
    try:
        return sorted(
            int(path.name) for path in folder.iterdir() if re.fullmatch('[0-9]+', path.name) and path.is_dir()
        )
    except (FileNotFoundError, NotADirectoryError):
        return []


def _reader(handler: ocp.CheckpointHandler) -> ocp.Checkpointer:
    """Returns Orbax's reader. Each process reads by itself and waits for no other, which may have found damage."""
    own = jax.process_index()
    alone = ocp.options.MultiprocessingOptions(primary_host=own, active_processes={own})
    return ocp.Checkpointer(handler, multiprocessing_options=alone)


def _shapes(tree: Any) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of the arrays of a tree, by name."""
    return {name: tuple(array.shape) for name, array in named_arrays(tree).items()}


def _shown(shape: tuple[int, ...] | None) -> str:
    """Returns a shape for the error sentence; 'not' for an array that is absent."""
    return 'not' if shape is None else str(list(shape))
