"""A trained run, opened for evaluation, explanation or export. Opening it does not disturb a process that trains it."""

import pathlib
from collections.abc import Iterator
from typing import NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from autoint_jax.data.store.columns import Columns
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.errors import UsageError
from autoint_jax.evaluation import sums
from autoint_jax.evaluation.evaluation import of_progress
from autoint_jax.evaluation.measures import Measures, measures
from autoint_jax.evaluation.stopping import best_evaluation
from autoint_jax.evaluation.sums import Scores
from autoint_jax.training.agreement import check_devices
from autoint_jax.training.checkpoints.checkpoint_reader import CheckpointReader, DamagedCheckpoint
from autoint_jax.training.fields import fitted_schema
from autoint_jax.training.identity import check_identity
from autoint_jax.training.memory import room
from autoint_jax.training.memory.items import EVALUATION_BYTES_PER_ROW
from autoint_jax.training.processes.decisions import decided
from autoint_jax.training.run_folder import contents, encoding
from autoint_jax.training.step import placement, scoring
from autoint_jax.training.step.columns import bytes_per_row, held_rows
from autoint_jax.training.step.feed import chosen_feed
from autoint_jax.training.step.layout import shapes_on
from autoint_jax.training.step.state import Setup, TrainState, make_setup

# How many times to look again if the training process replaces the checkpoint meanwhile.
MOST_ATTEMPTS = 50


class TrainedRun(NamedTuple):
    """A trained run with the state of one of its checkpoints.

    Attributes:
      setup: the setup of the run.
      data: the prepared data that it was trained on.
      state: the state of the checkpoint, on the mesh of `placement.reading_mesh`.
    """

    setup: Setup
    data: PreparedData
    state: TrainState

    @property
    def measures(self) -> Measures:
        """The metrics that evaluations of the run measure."""
        training = self.setup.config.training
        return measures(training.evaluated, training.group_by, self.setup.schema)

    def figures(self, columns: Columns, measured: Measures | None = None) -> dict[str, float]:
        """Returns {name: value} of the metrics of some rows, by default of the metrics of the run.

        Rows are kept on the devices or read from disk by the rule of training, so that they fit into memory.
        """
        measured = self.measures if measured is None else measured
        config, mesh = self.setup.config, placement.reading_mesh(self.setup.config.mesh)
        held = held_rows(len(columns), mesh.size)
        needed = room.in_one_memory(held * bytes_per_row(self.setup.schema), mesh)
        beside = room.in_one_memory(len(columns) * EVALUATION_BYTES_PER_ROW, mesh)
        streamed, _ = decided(lambda: chosen_feed(config, needed, room.available(mesh), beside=beside))
        if streamed:
            evaluate = scoring.make_streamed_evaluator(self.setup, mesh, keep_logits=measured.keep_logits)
            scores = evaluate(self.state.variables, self.state.tables, columns)
        else:
            evaluate = scoring.make_evaluator(self.setup, mesh, keep_logits=measured.keep_logits)
            scores = evaluate(
                self.state.variables, self.state.tables, scoring.scored_columns(self.setup, columns, mesh)
            )
        return decided(lambda: measured.figures(scores, columns))

    def logits(self, columns: Columns) -> Iterator[np.ndarray]:
        """Yields the logits of rows, block by block, in their order, float32 [at most `BlockScorer.rows`].

        A row has the same logit wherever it stands. Processes that share the devices must all take all blocks.
        """
        score = scoring.BlockScorer(self.setup, placement.reading_mesh(self.setup.config.mesh))
        yield from map(np.asarray, score(self.state.variables, self.state.tables, columns))

    def figures_of(self, logits: np.ndarray, columns: Columns, measured: Measures) -> dict[str, float]:
        """Returns {name: value} of metrics of rows with the given logits, float32 [n]."""
        mesh = placement.reading_mesh(self.setup.config.mesh)
        summed = jax.jit(sums.sums, compiler_options=self.setup.compiler_options)
        soft_labels = None if columns.soft_labels is None else np.array(columns.soft_labels)
        found = summed(*placement.replicate((logits, np.array(columns.labels), soft_labels), mesh))
        return decided(lambda: measured.figures(Scores(found, logits), columns))


def open_run(run_dir: pathlib.Path, data_dir: str, step: int | None) -> TrainedRun:
    """Opens a run at one of its checkpoints. It only reads, so a process may train in the folder meanwhile.

    Args:
      run_dir: the run folder.
      data_dir: the folder of prepared data.
      step: the step of the checkpoint; None for the best one.

    Raises UsageError if the folder holds no run or no such checkpoint, or the data is not that of the training.
    """
    return _opened(run_dir, step, _prepared(run_dir, data_dir))


def open_scorer(run_dir: pathlib.Path, data_dir: str, step: int | None) -> TrainedRun:
    """Opens a run as `open_run` does, to score new rows: the splits of its data may be gone.

    The schema, the plan and the vocabularies are those that the run folder keeps. The folder of a run of an earlier
    version keeps none; then they are read from the prepared data, if that has the hash of the run's.
    """
    return _opened(run_dir, step, encoding_of(run_dir, data_dir))


def encoding_of(run_dir: pathlib.Path, data_dir: str) -> PreparedData:
    """Returns what the folder of a run keeps of its data, or the prepared data itself if it keeps nothing.

    Raises UsageError if neither can be used.
    """
    kept = encoding.kept_encoding(run_dir, contents.read_run(run_dir).data_hash)
    if kept is not None:
        return kept
    try:
        return _prepared(run_dir, data_dir)
    except UsageError as error:
        raise UsageError(
            f'{run_dir} does not keep how rows are encoded ({encoding.ENCODING}/ is missing, as in runs of earlier '
            f'versions), and its prepared data cannot be used: {error}'
        ) from None


def _prepared(run_dir: pathlib.Path, data_dir: str) -> PreparedData:
    """Opens the prepared data of a run. Raises UsageError if it is missing or has another hash."""
    run = contents.read_run(run_dir)
    config = contents.read_config(run_dir)
    data = open_prepared(data_dir, config.data.dataset, config.data.recipe)
    if data.hash != run.data_hash:
        raise UsageError(
            f'{run_dir} was trained on other data than {data.folder} (hash {run.data_hash[:12]}, not '
            f'{data.hash[:12]}): pass the --data_dir it was trained on'
        )
    return data


def _opened(run_dir: pathlib.Path, step: int | None, data: PreparedData) -> TrainedRun:
    """Opens a run on its data, at a checkpoint. Raises UsageError as `open_run` does."""
    run = contents.read_run(run_dir)
    config = contents.read_config(run_dir)
    mesh = placement.reading_mesh(config.mesh)
    check_devices(mesh)
    setup = make_setup(config, fitted_schema(config, data, run.boundaries), placement.platform(mesh))
    room.check_reading(setup, mesh, f'the state of {run_dir}')
    checkpoints = CheckpointReader(run_dir / 'checkpoints')
    check_identity(checkpoints, data.hash)
    state = saved_state(checkpoints, step, shapes_on(setup, mesh), mesh, config.training.monitor)
    return TrainedRun(setup, data, state)


_AGAIN = 'the result in result.json stands; to have the checkpoint again, train the run again in another run folder'


def saved_state(
    checkpoints: CheckpointReader, step: int | None, like: TrainState, mesh: Mesh, monitor: str
) -> TrainState:
    """Returns the state of a checkpoint of a run in whose folder a process may be training.

    That process deletes a checkpoint only when there is a newer one. So a checkpoint that cannot be read is lost if the
    newest one is still the same; otherwise this function looks again.

    Args:
      checkpoints: the checkpoints of the run.
      step: the step of the checkpoint; None for the best one.
      like: a state of the same shapes.
      mesh: the devices that will hold the state.
      monitor: the name of the metric by which a checkpoint is the best.

    Raises UsageError if there is no such checkpoint, or it is damaged.
    """
    for _ in range(MOST_ATTEMPTS):
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
    """Returns whether the run of some checkpoints has a result."""
    return (checkpoints.folder.parent / 'result.json').exists()


def _advice(checkpoints: CheckpointReader, error: DamagedCheckpoint) -> str:
    """Returns the part of the error sentence that says what to do about a damaged checkpoint."""
    others = [step for step in checkpoints.steps() if step != error.step]
    other = f', or name another checkpoint by --step (there is {", ".join(map(str, others))})' if others else ''
    if _is_complete(checkpoints):
        return f'{_AGAIN}{other}'
    return f'run the training command again, which repeats the lost steps{other}'
