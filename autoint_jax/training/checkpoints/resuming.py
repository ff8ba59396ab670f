"""Finds the checkpoint at which a run resumes: the newest one that is whole and whose best checkpoint is whole too."""

from collections.abc import Callable
from typing import Any, NamedTuple

from jax.sharding import Mesh

from autoint_jax.evaluation.evaluation import of_progress
from autoint_jax.evaluation.stopping import best_evaluation
from autoint_jax.training.checkpoints.checkpoints import Checkpoints, DamagedCheckpoint
from autoint_jax.training.step.state import TrainState

# How many times to look again if another process changes the checkpoints meanwhile.
MOST_ATTEMPTS = 50


class Resumed(NamedTuple):
    """The point at which a run resumes.

    Attributes:
      state: the training state.
      progress: the progress of the run that was saved with the state, such as its 'evaluations'.
    """

    state: TrainState
    progress: dict[str, Any]


def resumed(
    checkpoints: Checkpoints, like: TrainState, mesh: Mesh, say: Callable[[str], None], monitor: str
) -> Resumed | None:
    """Returns the newest checkpoint that is whole and whose best checkpoint is whole too; None if there is none.

    The run needs its best checkpoint at the end, for the test. If the best one is lost, training after it could never
    finish, so the run goes back to a step before it and takes the same steps again. This function sets newer
    checkpoints aside and reports that.

    Args:
      checkpoints: the checkpoints of the run.
      like: a state of the same shapes.
      mesh: the devices that will hold the state.
      say: called with a sentence about checkpoints that are lost.
      monitor: the name of the metric that decides which evaluation is the best.

    Raises UsageError if a checkpoint is of another model, or cannot be read at the moment.
    """
    for _ in range(MOST_ATTEMPTS):
        steps = checkpoints.steps()
        found, lost = _newest_whole(checkpoints, steps, like, mesh, monitor)
        if not lost or checkpoints.steps() == steps:
            break  # otherwise another process, on a file system without locks, replaced the checkpoints that seem lost
    at = found.progress['evaluations'][-1]['step'] if found else 0
    if left := [step for step in steps if step > at]:
        folders = ', '.join(str(checkpoints.set_aside(step)) for step in left)
        then = f'going back to step {at}' if at else 'training starts again at step 0'
        say(f'{"; ".join(lost.values())}: {then}, which ends with the same values; set aside: {folders}')
    return found


def _newest_whole(
    checkpoints: Checkpoints, steps: list[int], like: TrainState, mesh: Mesh, monitor: str
) -> tuple[Resumed | None, dict[int, str]]:
    """Returns where to resume among the checkpoints of some steps, and {step: sentence} of those that are lost."""
    lost: dict[int, str] = {}
    for step in reversed(steps):
        try:
            best = best_evaluation(of_progress(checkpoints.progress(step)), monitor).step
            if best != step:
                checkpoints.restore(best, like, mesh)  # a check only; it is read again at the end
            return Resumed(*checkpoints.restore(step, like, mesh)), lost
        except DamagedCheckpoint as error:
            lost.setdefault(error.step, str(error))
    return None, lost
