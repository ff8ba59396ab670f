"""Finds the checkpoint at which a run resumes: the newest one that is whole and whose best checkpoint is whole too."""

from collections.abc import Callable
from typing import Any, NamedTuple

from jax.sharding import Mesh

from autoint_jax.evaluation.evaluation import of_progress
from autoint_jax.evaluation.stopping import best_evaluation
from autoint_jax.training.checkpoints.checkpoint_reader import DamagedCheckpoint
from autoint_jax.training.checkpoints.checkpoints import Checkpoints
from autoint_jax.training.checkpoints.run_checkpoints import RunCheckpoints
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


class Point(NamedTuple):
    """A checkpoint. Points are ordered by how far training has come; an evaluation comes after the steps before it.

    Attributes:
      step: steps taken.
      evaluated: whether it is the checkpoint of an evaluation.
    """

    step: int
    evaluated: bool


def resumed(
    checkpoints: RunCheckpoints, like: TrainState, mesh: Mesh, say: Callable[[str], None], monitor: str
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
        points = _points(checkpoints)
        found, at, lost = _newest_whole(checkpoints, points, like, mesh, monitor)
        if not lost or _points(checkpoints) == points:
            break  # otherwise another process, on a file system without locks, replaced the checkpoints that seem lost
    if left := [point for point in points if point > at]:
        folders = ', '.join(str(_folder(checkpoints, point).set_aside(point.step)) for point in left)
        then = f'going back to step {at.step}' if at.step else 'training starts again at step 0'
        say(f'{"; ".join(lost)}: {then}, which ends with the same values; set aside: {folders}')
    return found


def _points(checkpoints: RunCheckpoints) -> list[Point]:
    """Returns the points of all checkpoints, ascending."""
    evaluated = [Point(step, True) for step in checkpoints.evaluated.steps()]
    return sorted([*evaluated, *(Point(step, False) for step in checkpoints.between.steps())])


def _folder(checkpoints: RunCheckpoints, point: Point) -> Checkpoints:
    """Returns the folder that holds the checkpoint of a point."""
    return checkpoints.evaluated if point.evaluated else checkpoints.between


def _newest_whole(
    checkpoints: RunCheckpoints, points: list[Point], like: TrainState, mesh: Mesh, monitor: str
) -> tuple[Resumed | None, Point, list[str]]:
    """Returns where to resume among some checkpoints, its point, and a sentence for each checkpoint that is lost."""
    lost: dict[str, None] = {}
    for point in reversed(points):
        folder = _folder(checkpoints, point)
        try:
            if evaluations := of_progress(folder.progress(point.step)):
                best = Point(best_evaluation(evaluations, monitor).step, True)
                if best != point:
                    checkpoints.evaluated.restore(best.step, like, mesh)  # a check only; it is read again at the end
            return Resumed(*folder.restore(point.step, like, mesh)), point, list(lost)
        except DamagedCheckpoint as error:
            lost[str(error)] = None
    return None, Point(0, True), list(lost)
