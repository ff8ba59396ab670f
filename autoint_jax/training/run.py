"""A run in its folder, with its record, its checkpoints and its evaluations. Both training loops use it."""

import pathlib
import time
from collections.abc import Callable

from jax.sharding import Mesh

from autoint_jax.config.fingerprint import fingerprint
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.errors import UsageError
from autoint_jax.evaluation.evaluation import Evaluation, of_progress
from autoint_jax.evaluation.measures import measures
from autoint_jax.evaluation.stopping import best_evaluation, should_stop
from autoint_jax.models.registry import embedding_parameter_count, parameter_count
from autoint_jax.training.checkpoints.checkpoints import CheckpointReader, Checkpoints, DamagedCheckpoint
from autoint_jax.training.checkpoints.resuming import resumed
from autoint_jax.training.checkpoints.state_sums import state_sums
from autoint_jax.training.divergence import divergence
from autoint_jax.training.fields import boundaries
from autoint_jax.training.processes.decisions import PeerEnded, decided
from autoint_jax.training.processes.group import is_first
from autoint_jax.training.progress import Reporter
from autoint_jax.training.run_folder import contents, records
from autoint_jax.training.run_folder.result import Result
from autoint_jax.training.run_folder.sharing import check_shared, decided_result
from autoint_jax.training.step import placement
from autoint_jax.training.step.schedule import Schedule
from autoint_jax.training.step.state import Setup, TrainState, initial_state, state_shapes


class Run:
    """A run that is opened to be trained, to be resumed, or to return its result.

    Attributes:
      setup: the setup of the run.
      measures: the metrics that its evaluations measure.
      result: the result of a complete run, else None.
      evaluations: the evaluations so far, in order.
      seconds: seconds of training so far.
    """

    def __init__(self, setup: Setup, data: PreparedData, folder: pathlib.Path, *, copies: int = 1):
        """Opens the folder of a run and holds it, so that no other process trains in it.

        Args:
          setup: the setup of the run.
          data: the prepared data that it is trained on.
          folder: the run folder.
          copies: number of runs that share its program, itself among them.

        Raises UsageError if the folder is in use, or holds a run or checkpoints of another configuration or other data.
        It is not changed then.
        """
        self.setup, self._data = setup, data
        training = setup.config.training
        self.measures = measures(training.evaluated, training.group_by, setup.schema)
        self._monitor = training.monitor
        self.evaluations: list[Evaluation] = []
        self.seconds = 0.0
        self._times: list[float] = []  # of evaluations, seconds since 1970
        self._rates: list[float | None] = []  # rows/s of training before each evaluation
        self._rows = data.manifest['splits']['train']['rows']
        self._evaluated_seconds = 0.0  # `seconds` at the last evaluation
        self._unreported = self._taken_over = False
        self._identity = {'fingerprint': fingerprint(setup.config), 'data_hash': data.hash}
        self._checkpoints = Checkpoints(folder / 'checkpoints')
        self._open_record: records.RunRecords | None = None
        self.result = decided_result(lambda: contents.matching_result(folder, setup.config, data))
        if self.result is None:
            check_identity(self._checkpoints, data.hash)
            self.result = decided_result(lambda: self._started(folder, copies))
            check_shared(folder / 'run.json')

    def _started(self, folder: pathlib.Path, copies: int) -> Result | None:
        """Opens the record of the run and writes this start; returns the result if the run is complete by now."""
        setup = self.setup
        self._open_record = records.RunRecords(folder)
        try:
            return self._record.start(
                setup.config,
                self._data,
                {'interacting': setup.form, 'tables': setup.table_form},
                copies,
                boundaries(setup.schema),
            )
        except BaseException:
            self._record.close()
            raise

    @property
    def _record(self) -> records.RunRecords:
        """The record of the run, which is open in the first process unless the run was complete."""
        if self._open_record is None:
            raise RuntimeError('this run is complete')
        return self._open_record

    def finished_result(self) -> Result:
        """Returns the result of a run that is complete."""
        if self.result is None:
            raise RuntimeError('this run is not complete')
        return self.result

    @property
    def stopped(self) -> bool:
        """Whether early stopping has ended the run."""
        return should_stop(
            [evaluation.valid[self._monitor] for evaluation in self.evaluations],
            self._monitor,
            self.setup.config.training.stop_after_increases,
        )

    def latest(self, mesh: Mesh, say: Callable[[str], None]) -> TrainState:
        """Returns the state from which to resume, or the initial state, on every device of the mesh.

        It also sets the evaluations and seconds so far. `say` is called with a sentence about lost checkpoints, and
        about a file system without locks.
        """
        if is_first() and not self._record.locked:
            say(
                'this file system has no locks: do not start a second process in this run folder, because the first '
                'would stop'
            )
        if not self._checkpoints.steps() and (recorded := decided(lambda: self._record.evaluation_count())):
            say(f'no checkpoint is left of {recorded} evaluations: training starts again at step 0')
        found = resumed(self._checkpoints, state_shapes(self.setup), mesh, say, self._monitor)
        if found is not None:
            self.evaluations, self.seconds = of_progress(found.progress), found.progress['seconds']
            unknown = [time.time()] * len(self.evaluations)  # older versions saved no times
            self._times = found.progress.get('times', unknown)
            self._rates = found.progress.get('rates', [None] * len(self.evaluations))
            self._evaluated_seconds = self.seconds
        if is_first():
            self._record.restart(self.setup.config, self.evaluations, self._times, self._rates)
        return placement.replicate(initial_state(self.setup), mesh) if found is None else found.state

    def evaluated(
        self, state: TrainState, step: int, epoch: float, train_logloss: float, valid: dict[str, float]
    ) -> None:
        """Saves the state after an evaluation, which `report` later records and shows.

        Args:
          state: the training state, its tables up to date.
          step: steps taken.
          epoch: epochs taken.
          train_logloss: mean training logloss since the last evaluation, in nats.
          valid: figures of the validation split.

        Raises:
          Diverged: training has diverged; earlier checkpoints stay, and run.json says so.
          FolderInUse: another process has taken over the folder.
        """
        try:
            decided(lambda: self._record.check_held())
        except (records.FolderInUse, PeerEnded):
            self._taken_over = True
            raise
        sums = state_sums(state._asdict())
        diverged = divergence(
            self._data,
            self.setup.config.optimizer.learning_rate,
            step=step,
            train_logloss=train_logloss,
            valid_logloss=valid['logloss'],
            not_finite=sums.not_finite,
        )
        if diverged is not None:
            if is_first():
                self._record.diverged(str(diverged))
            raise diverged
        # The logloss comes first, as in the files of older versions.
        ordered = {name: valid[name] for name in dict.fromkeys(['logloss', *valid])}
        epochs = epoch - (self.evaluations[-1].epoch if self.evaluations else 0)
        self._rates.append(self._rate(epochs))
        self._evaluated_seconds = self.seconds
        self.evaluations.append(Evaluation(step, epoch, train_logloss, ordered))
        self._times.append(time.time())
        self._checkpoints.save(
            state,
            step,
            {
                'evaluations': [evaluation.line() for evaluation in self.evaluations],
                'seconds': self.seconds,
                'times': self._times,
                'rates': self._rates,
                **self._identity,
            },
            sums,
            keep=best_evaluation(self.evaluations, self._monitor).step,
        )
        self._unreported = True

    def _rate(self, epochs: float) -> float | None:
        """Returns the rows/s of the training since the last evaluation, which was so many epochs."""
        seconds = self.seconds - self._evaluated_seconds
        return epochs * self._rows / seconds if seconds > 0 else None

    def report(self, reporter: Reporter, copy: str = '') -> None:
        """Records and shows the last evaluation, unless that has been done; `copy` names the run among copies."""
        if self._unreported and is_first():
            self._record.evaluated(self.evaluations, self._times[-1], self._rates[-1])
            reporter.evaluated(
                self.evaluations[-1],
                best=self.evaluations[-1] is best_evaluation(self.evaluations, self._monitor),
                copy=copy,
            )
        self._unreported = False

    def best(self, mesh: Mesh) -> TrainState:
        """Returns the state of the best evaluation, by the metric `training.monitor`, on every device of the mesh.

        Raises UsageError if its checkpoint is lost.
        """
        self._checkpoints.wait()
        step = best_evaluation(self.evaluations, self._monitor).step
        try:
            return self._checkpoints.restore(step, state_shapes(self.setup), mesh)[0]
        except DamagedCheckpoint as error:
            raise UsageError(f'{error}: run the same command again, which repeats the lost steps') from None

    def finish(
        self, state: TrainState, test: dict[str, float], *, schedule: Schedule, first_step_seconds: float | None
    ) -> None:
        """Writes the result of the run.

        Args:
          state: a state of the run, or its shapes, from which parameters are counted.
          test: figures of the test split for the best state.
          schedule: the schedule of the run.
          first_step_seconds: seconds from this start to its first step; None if no step was left.
        """
        best, steps, config = (
            best_evaluation(self.evaluations, self._monitor),
            self.evaluations[-1].step,
            self.setup.config,
        )
        self.result = Result(
            fingerprint=fingerprint(config),
            data_hash=self._data.hash,
            seed=config.seed,
            test=test,
            valid={name: best.valid[name] for name in test},
            best_step=best.step,
            best_epoch=best.epoch,
            steps=steps,
            epochs=steps / schedule.epoch_steps,
            parameters=parameter_count(state.params),
            embedding_parameters=embedding_parameter_count(state.params, state.tables),
            first_step_seconds=first_step_seconds,
            train_seconds=self.seconds,
            train_rows_per_second=steps / schedule.epoch_steps * schedule.rows / self.seconds,
        )
        if is_first():
            self._record.result(self.result)
        self._checkpoints.discard_aside()

    def close(self) -> None:
        """Waits until everything is saved, and releases the folder.

        Raises the error of a save that failed, unless another process has taken over the folder and saves in it.
        """
        try:
            self._checkpoints.close()
        except Exception:
            if not self._taken_over:
                raise
        finally:
            if self._open_record is not None:
                self._open_record.close()


def check_identity(checkpoints: CheckpointReader, data_hash: str) -> None:
    """Raises UnusableFolder if a checkpoint belongs to another run than run.json of its run folder.

    Checkpoints of older versions do not name their run.

    Args:
      checkpoints: the checkpoints of a run folder.
      data_hash: the hash of the data that the run is trained on.
    """
    steps = checkpoints.steps()
    names = contents.run_fingerprints(checkpoints.folder.parent) if steps else set()
    for step in steps:
        try:
            progress = checkpoints.progress(step)
        except DamagedCheckpoint:
            continue
        name, data = progress.get('fingerprint'), progress.get('data_hash')
        if not (name is None or name in names) or not (data is None or data == data_hash):
            raise contents.UnusableFolder(
                f'{checkpoints.folder}/{step} is a checkpoint of another run (configuration {name} on data '
                f'{str(data)[:12]}, not {min(names)} on {data_hash[:12]}): choose another run folder'
            )
