"""Where a run goes on: at the newest checkpoint that is whole and whose history can still be tested."""

from collections.abc import Callable
from typing import Any, NamedTuple

from jax.sharding import Mesh

from autoint_jax.evaluation.stopping import best_evaluation
from autoint_jax.training.checkpoints.checkpoints import Checkpoints, DamagedCheckpoint
from autoint_jax.training.step.state import TrainState

# How often checkpoints are looked at again that another process has changed meanwhile.
LOOKS = 50


class Resumed(NamedTuple):
    """Where a run goes on: its state, and its progress as it was saved with it."""

    state: TrainState
    progress: dict[str, Any]


def resumed(checkpoints: Checkpoints, like: TrainState, mesh: Mesh, say: Callable[[str], None]) -> Resumed | None:
    """The newest checkpoint that is whole, if that of the best evaluation before it is whole too; None where there is none.

    The best checkpoint is needed in the end, for the test. Where it is lost, training that went on after it could never finish, so
    the run goes back to before it and takes the same steps again. Checkpoints that are newer are set aside, and that is said.

    Args:
      checkpoints: of the run.
      like: a state of the same shapes.
      mesh: where the state shall be.
      say: told in a sentence of checkpoints that are lost.

    Raises UsageError where a checkpoint is of another model, or cannot be read at the moment.
    """
    for _ in range(LOOKS):
        steps = checkpoints.steps()
        found, lost = _newest_whole(checkpoints, steps, like, mesh)
        if not lost or checkpoints.steps() == steps:
            break  # else another process trained in the folder, on a file system without locks, and what seems lost was replaced
    at = found.progress['evaluations'][-1]['step'] if found else 0
    if left := [step for step in steps if step > at]:
        folders = ', '.join(str(checkpoints.set_aside(step)) for step in left)
        then = f'going back to step {at}' if at else 'training starts again at step 0'
        say(f'{"; ".join(lost.values())}: {then}, which ends with the same values; set aside: {folders}')
    return found


def _newest_whole(
    checkpoints: Checkpoints, steps: list[int], like: TrainState, mesh: Mesh
) -> tuple[Resumed | None, dict[int, str]]:
    """Where to go on among some steps; and of those looked at that are lost, {step: a sentence}."""
    lost: dict[int, str] = {}
    for step in reversed(steps):
        try:
            best = best_evaluation(checkpoints.progress(step)['evaluations'])['step']
            if best != step:
                checkpoints.restore(best, like, mesh)  # whole or not, it is let go: it is asked for again in the end
            return Resumed(*checkpoints.restore(step, like, mesh)), lost
        except DamagedCheckpoint as error:
            lost.setdefault(error.step, str(error))
    return None, lost
