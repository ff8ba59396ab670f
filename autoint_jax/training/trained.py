"""A trained run, opened for evaluation, explanation or export; also while it trains, which it does not disturb."""

import pathlib
from typing import NamedTuple

from jax.sharding import Mesh

from autoint_jax.data.store.columns import Columns
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.errors import UsageError
from autoint_jax.evaluation.evaluation import of_progress
from autoint_jax.evaluation.measures import Measures, measures
from autoint_jax.evaluation.stopping import best_evaluation
from autoint_jax.training.checkpoints.checkpoints import CheckpointReader, DamagedCheckpoint
from autoint_jax.training.fields import fitted_schema
from autoint_jax.training.memory import room
from autoint_jax.training.memory.plan import EVALUATION_BYTES_PER_ROW
from autoint_jax.training.run import check_identity
from autoint_jax.training.run_folder import records
from autoint_jax.training.step import placement, scoring
from autoint_jax.training.step.columns import bytes_per_row, resident_columns
from autoint_jax.training.step.feed import chosen_feed
from autoint_jax.training.step.state import Setup, TrainState, setup, state_shapes

# How often a checkpoint is looked up that the trainer has meanwhile replaced by a newer one.
LOOKS = 50


class TrainedRun(NamedTuple):
    made: Setup
    data: PreparedData
    state: TrainState

    @property
    def measures(self) -> Measures:
        """What the run's evaluations measure."""
        training = self.made.config.training
        return measures(training.evaluated, training.group_by, self.made.schema)

    def figures(self, columns: Columns, measured: Measures | None = None) -> dict[str, float]:
        """{name: value} of the metrics of some rows; by default the metrics are those of the run.

        Rows are kept on the devices or read from disk by the rule of training, so that they always have room.
        """
        measured = self.measures if measured is None else measured
        config, mesh = self.made.config, placement.data_mesh()
        needed = len(columns) * bytes_per_row(self.made.schema)
        streamed, _ = chosen_feed(config, needed, room.available(mesh), beside=len(columns) * EVALUATION_BYTES_PER_ROW)
        if streamed:
            evaluate = scoring.make_streamed_evaluator(self.made, mesh, keep_logits=measured.keep_logits)
            scores = evaluate(self.state.variables, self.state.tables, columns)
        else:
            evaluate = scoring.make_evaluator(self.made, mesh, keep_logits=measured.keep_logits)
            scores = evaluate(self.state.variables, self.state.tables, resident_columns(columns, mesh))
        return measured.figures(scores, columns)


def open_run(run_dir: pathlib.Path, data_dir: str, step: int | None) -> TrainedRun:
    """Opens a run at its best checkpoint, or at that of `step`. Only reads, so a process may train in the folder meanwhile.

    Raises UsageError where the folder is no run, has no such checkpoint, or its data is not what it was trained on.
    """
    run = records.read_run(run_dir)
    config = records.read_config(run_dir)
    data = open_prepared(data_dir, config.data.dataset, config.data.recipe)
    if data.hash != run.data_hash:
        raise UsageError(
            f'{run_dir} was trained on other data than {data.folder} (hash {run.data_hash[:12]}, not '
            f'{data.hash[:12]}): pass the --data_dir it was trained on'
        )
    made = setup(config, fitted_schema(config, data, run.boundaries))
    room.check_reading(made, placement.data_mesh(), f'the state of {run_dir}')
    checkpoints = CheckpointReader(run_dir / 'checkpoints')
    check_identity(checkpoints, data.hash)
    return TrainedRun(
        made, data, saved_state(checkpoints, step, state_shapes(made), placement.data_mesh(), config.training.monitor)
    )


_AGAIN = 'the result in result.json stands; to have the checkpoint again, train the run again in another run folder'


def saved_state(
    checkpoints: CheckpointReader, step: int | None, like: TrainState, mesh: Mesh, monitor: str
) -> TrainState:
    """The state of a step, or of the best one, of a run in whose folder a process may be training.

    That process deletes a checkpoint only when there is a newer one. So where one cannot be read and the newest is still the same,
    it is lost; else it is looked up again.

    Args:
      checkpoints: of the run.
      step: the checkpoint's; None for the best.
      like: a state of the same shapes.
      mesh: where the state shall be.
      monitor: the name of the metric that decides which one is the best.

    Raises UsageError where there is no such checkpoint, or it is damaged.
    """
    for _ in range(LOOKS):
        known = checkpoints.steps()
        if not known:
            if _is_complete(checkpoints):
                raise UsageError(f'{checkpoints.folder} has lost its checkpoints: {_AGAIN}')
            raise UsageError(
                f'{checkpoints.folder.parent} has no checkpoint yet: train it first, or wait for its first evaluation'
            )
        if step is not None and step not in known:
            raise UsageError(
                f'{checkpoints.folder.parent} has no checkpoint of step {step}: it has {", ".join(map(str, known))}'
            )
        try:
            wanted = (
                best_evaluation(of_progress(checkpoints.progress(known[-1])), monitor).step if step is None else step
            )
            return checkpoints.restore(wanted, like, mesh)[0]
        except DamagedCheckpoint as error:
            if checkpoints.steps()[-1:] == known[-1:]:
                raise UsageError(f'{error}: {_advice(checkpoints, error)}') from None
    raise UsageError(
        f'{checkpoints.folder} changes faster than its checkpoints can be read: try again, or when the run is complete'
    )


def _is_complete(checkpoints: CheckpointReader) -> bool:
    return (checkpoints.folder.parent / 'result.json').exists()


def _advice(checkpoints: CheckpointReader, error: DamagedCheckpoint) -> str:
    others = [step for step in checkpoints.steps() if step != error.step]
    other = f', or name another checkpoint by --step (there is {", ".join(map(str, others))})' if others else ''
    if _is_complete(checkpoints):
        return f'{_AGAIN}{other}'
    return f'run the training command again, which trains again what is lost{other}'
