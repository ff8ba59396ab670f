"""A run in its folder: its record, its checkpoints, its evaluations so far. The loops of one run and of copies share it."""

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
from autoint_jax.models.registry import embedding_parameter_count, interacting_form, parameter_count
from autoint_jax.training.checkpoints.checkpoints import CheckpointReader, Checkpoints, DamagedCheckpoint
from autoint_jax.training.checkpoints.resuming import resumed
from autoint_jax.training.checkpoints.state_sums import state_sums
from autoint_jax.training.divergence import divergence
from autoint_jax.training.fields import boundaries
from autoint_jax.training.progress import Reporter
from autoint_jax.training.run_folder import records
from autoint_jax.training.run_folder.result import Result
from autoint_jax.training.step import placement
from autoint_jax.training.step.state import Setup, TrainState, initial_state, state_shapes
from autoint_jax.training.tables.choice import chosen_table_form


class Run:
    """A run that is opened to train, or to go on, or only to give its result.

    Attributes:
      made: what its configuration means.
      measures: what its evaluations measure.
      result: of a complete run, else None.
      evaluations: so far, in order.
      seconds: of training, so far.
    """

    def __init__(self, made: Setup, data: PreparedData, folder: pathlib.Path, *, copies: int = 1):
        """Opens the folder, in which no other process may train, of a run that shares its program with `copies - 1` others.

        Raises UsageError where the folder is in use, or holds a run, or checkpoints, of another configuration or other data; then
        nothing in it is changed.
        """
        self.made, self._data = made, data
        training = made.config.training
        self.measures = measures(training.evaluated, training.group_by, made.schema)
        self._monitor = training.monitor
        self.evaluations: list[Evaluation] = []
        self.seconds = 0.0
        self._times: list[float] = []  # of evaluations, seconds since 1970
        self._unreported = self._taken_over = False
        self._identity = {'fingerprint': fingerprint(made.config), 'data_hash': data.hash}
        self._checkpoints, self._record = Checkpoints(folder / 'checkpoints'), None
        self.result = records.matching_result(folder, made.config, data)
        if self.result is None:
            check_identity(self._checkpoints, data.hash)
            self._record = records.RunRecords(folder)
            try:
                self.result = self._record.start(
                    made.config,
                    data,
                    {
                        'interacting': interacting_form(made.config),
                        'tables': chosen_table_form(made.config.optimizer, made.config.execution.tables_form),
                    },
                    copies,
                    boundaries(made.schema),
                )
            except BaseException:
                self._record.close()
                raise

    @property
    def stopped(self) -> bool:
        """Whether the rule of early stopping has ended the run."""
        return should_stop(
            [evaluation.valid[self._monitor] for evaluation in self.evaluations],
            self._monitor,
            self.made.config.training.stop_after_increases,
        )

    def latest(self, mesh: Mesh, say: Callable[[str], None]) -> TrainState:
        """The state to go on from, with its progress, or the run's initial state where there is none; on every device of the mesh.

        `say` is told of checkpoints that are lost, and of a file system that keeps no locks.
        """
        if not self._record.locked:
            say(
                'this file system keeps no locks: start no second process in this run folder, for the first would then stop'
            )
        if (recorded := self._record.evaluation_count()) and not self._checkpoints.steps():
            say(f'no checkpoint is left of {recorded} evaluations: training starts again at step 0')
        found = resumed(self._checkpoints, state_shapes(self.made), mesh, say, self._monitor)
        if found is not None:
            self.evaluations, self.seconds = of_progress(found.progress), found.progress['seconds']
            self._times = found.progress.get('times', [time.time()] * len(self.evaluations))  # older versions kept none
        self._record.restart(self.evaluations, self._times)
        return placement.replicate(initial_state(self.made), mesh) if found is None else found.state

    def evaluated(
        self, state: TrainState, step: int, epoch: float, train_logloss: float, valid: dict[str, float]
    ) -> None:
        """Saves the state after an evaluation; the record and the reporter learn of it from `report`.

        Raises Diverged where training has diverged: what was saved before stays, and run.json says so. Raises FolderInUse where
        another process has taken the folder over.
        """
        try:
            self._record.check_held()
        except records.FolderInUse:
            self._taken_over = True
            raise
        sums = state_sums(state._asdict())
        diverged = divergence(
            self._data,
            self.made.config.optimizer.learning_rate,
            step=step,
            train_logloss=train_logloss,
            valid_logloss=valid['logloss'],
            not_finite=sums.not_finite,
        )
        if diverged is not None:
            self._record.diverged(str(diverged))
            raise diverged
        # The logloss first, as in every file of evaluations there is.
        ordered = {name: valid[name] for name in dict.fromkeys(['logloss', *valid])}
        self.evaluations.append(Evaluation(step, epoch, train_logloss, ordered))
        self._times.append(time.time())
        self._checkpoints.save(
            state,
            step,
            {
                'evaluations': [evaluation.line() for evaluation in self.evaluations],
                'seconds': self.seconds,
                'times': self._times,
                **self._identity,
            },
            sums,
            keep=best_evaluation(self.evaluations, self._monitor).step,
        )
        self._unreported = True

    def report(self, reporter: Reporter, copy: str = '') -> None:
        """Records and shows the last evaluation, unless that was done."""
        if self._unreported:
            self._record.evaluated(self.evaluations, self._times[-1])
            reporter.evaluated(
                self.evaluations[-1],
                best=self.evaluations[-1] is best_evaluation(self.evaluations, self._monitor),
                copy=copy,
            )
        self._unreported = False

    def best(self, mesh: Mesh) -> TrainState:
        """The state of the best evaluation, by the metric `training.monitor`, on every device of the mesh."""
        self._checkpoints.wait()
        try:
            return self._checkpoints.restore(
                best_evaluation(self.evaluations, self._monitor).step, state_shapes(self.made), mesh
            )[0]
        except DamagedCheckpoint as error:
            raise UsageError(f'{error}: run the same command again, which trains again what is lost') from None

    def finish(
        self,
        state: TrainState,
        test: dict[str, float],
        *,
        epoch_steps: int,
        rows: int,
        first_step_seconds: float | None,
    ) -> None:
        """Writes the result of a run whose best state has the figures `test`.

        Args:
          state: of the run, for its sizes; shapes will do.
          test: figures of the test split.
          epoch_steps: steps of an epoch.
          rows: of the training split.
          first_step_seconds: of this start; None where there was no step left.
        """
        best, steps, config = (
            best_evaluation(self.evaluations, self._monitor),
            self.evaluations[-1].step,
            self.made.config,
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
            epochs=steps / epoch_steps,
            parameters=parameter_count(state.params),
            embedding_parameters=embedding_parameter_count(state.params, state.tables),
            first_step_seconds=first_step_seconds,
            train_seconds=self.seconds,
            train_rows_per_second=steps / epoch_steps * rows / self.seconds,
        )
        self._record.result(self.result)
        self._checkpoints.discard_aside()

    def close(self) -> None:
        """Waits until all is saved. Raises what saving raised, unless another process has taken the folder over and saves in it."""
        try:
            self._checkpoints.close()
        except Exception:
            if not self._taken_over:
                raise
        finally:
            if self._record is not None:
                self._record.close()


def check_identity(checkpoints: CheckpointReader, data_hash: str) -> None:
    """Raises UnusableFolder where a checkpoint says that it is of another run than run.json of its run folder.

    Checkpoints of older versions do not say of which run they are.

    Args:
      checkpoints: of a run folder.
      data_hash: of the data that the run is trained on.
    """
    steps = checkpoints.steps()
    names = records.run_fingerprints(checkpoints.folder.parent) if steps else set()
    for step in steps:
        try:
            progress = checkpoints.progress(step)
        except DamagedCheckpoint:
            continue
        name, data = progress.get('fingerprint'), progress.get('data_hash')
        if not (name is None or name in names) or not (data is None or data == data_hash):
            raise records.UnusableFolder(
                f'{checkpoints.folder}/{step} is a checkpoint of another run (configuration {name} on data {str(data)[:12]}, '
                f'not {min(names)} on {data_hash[:12]}): choose another run folder'
            )
