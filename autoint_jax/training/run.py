"""A run in its folder, with its record, its checkpoints and its evaluations. Both training loops use it."""

import contextlib
import pathlib
from collections.abc import Callable, Iterator

import numpy as np
from jax.sharding import Mesh

from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.evaluation.measures import measures
from autoint_jax.evaluation.stopping import best_evaluation
from autoint_jax.training import setbacks
from autoint_jax.training.ancestor import Ancestor, first_state
from autoint_jax.training.divergence import Diverged, bad_step, divergence_of_step
from autoint_jax.training.fields import boundaries
from autoint_jax.training.outcome import result_of
from autoint_jax.training.processes.decisions import PeerEnded, decided
from autoint_jax.training.processes.group import is_first
from autoint_jax.training.progress import Reporter
from autoint_jax.training.run_folder import contents, records
from autoint_jax.training.run_folder.result import Result
from autoint_jax.training.run_folder.sharing import check_shared, decided_result
from autoint_jax.training.run_progress import RunProgress
from autoint_jax.training.run_states import RunStates
from autoint_jax.training.step.schedule import make_schedule
from autoint_jax.training.step.state import Setup, TrainState
from autoint_jax.units import counted


class Run:
    """A run that is opened to be trained, to be resumed, or to return its result.

    Attributes:
      setup: the setup of the run.
      schedule: the steps that it takes at most.
      measures: the metrics that its evaluations measure.
      result: the result of a complete run, else None.
      progress: how far it has come.
      states: its states on disk.
    """

    def __init__(
        self,
        setup: Setup,
        data: PreparedData,
        folder: pathlib.Path,
        *,
        copies: int = 1,
        ancestor: Ancestor | None = None,
    ):
        """Opens the folder of a run and holds it, so that no other process trains in it.

        Args:
          setup: the setup of the run.
          data: the prepared data that it is trained on.
          folder: the run folder.
          copies: number of runs that share its program, itself among them.
          ancestor: the run from whose state it goes on, if any.

        Raises UsageError if the folder is in use, or holds a run or checkpoints of another configuration or other data,
        or if `training.monitor` is not defined on the validation split. The folder is not changed then.
        """
        self.setup, self._data, self._folder = setup, data, folder
        training = setup.config.training
        self.measures, self._monitor = measures(training.evaluated, training.group_by, setup.schema), training.monitor
        self.schedule = make_schedule(setup.config, data.manifest['splits']['train']['rows'])
        self.progress = RunProgress(self.schedule, counts_skipped=setup.skips)
        self._unreported = self._taken_over = False
        self._is_copy, self._ancestor = copies > 1, ancestor
        self.states = RunStates(setup, data, folder, self.progress)
        self._open_record: records.RunRecords | None = None
        self.result = decided_result(lambda: contents.matching_result(folder, setup.config, data))
        if self.result is None:
            self.measures.check_defined(self._monitor, data.split('valid'), f'training.monitor={self._monitor}')
            self.states.check_identity()
            self.result = decided_result(lambda: self._started(folder, copies))
            check_shared(folder / 'run.json')

    def _started(self, folder: pathlib.Path, copies: int) -> Result | None:
        """Opens the record of the run and writes this start; returns the result if the run is complete by now."""
        setup = self.setup
        forms = {'interacting': setup.form, 'dense': setup.dense_form, 'tables': setup.table_form}
        ancestry = None if self._ancestor is None else self._ancestor.ancestry
        self._open_record = records.RunRecords(folder)
        try:
            return self._record.start(setup.config, self._data, forms, copies, boundaries(setup.schema), ancestry)
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
        return setbacks.stops_early(self.setup.config.training, self.progress.evaluations)

    @property
    def varied(self) -> dict[str, np.float32]:
        """{name in `Rates`: value} of the learning rates that plateaus have lowered so far; empty without that rule."""
        return setbacks.lowered_rates(self.setup.config, self.progress.evaluations)

    def latest(self, mesh: Mesh, say: Callable[[str], None]) -> TrainState:
        """Returns the state from which to resume, or the initial state, on the mesh.

        It also sets the progress so far. `say` is called with sentences about the start, the state at step 0, lost
        checkpoints, and later a full disk if the run goes on then.
        """
        checkpoints = self.states.checkpoints
        checkpoints.say = say
        for sentence in self._record.remarks(is_copy=self._is_copy) if is_first() else ():
            say(sentence)
        if not checkpoints.steps() and (recorded := decided(lambda: self._record.evaluation_count())):
            say(f'no checkpoint is left of {counted(recorded, "evaluation")}: training starts again at step 0')
        found = self.states.resumed(mesh, say)
        if is_first():
            progress = self.progress
            self._record.restart(self.setup.config, progress.evaluations, progress.times, progress.rates)
        return first_state(self.setup, self._ancestor, mesh, say) if found is None else found

    def took(self, losses: np.ndarray, overflowed: int | None = None) -> None:
        """Notes the losses of the next steps, float32 [steps], in nats, and how many of them overflowed.

        Raises Diverged at the first that is not finite; earlier checkpoints stay, and run.json says so.
        """
        bad = np.flatnonzero(~np.isfinite(losses))
        if len(bad) and not self.setup.skips:
            config, step = self.setup.config, self.progress.step + int(bad[0]) + 1
            found = bad_step(config, self.schedule, step, losses[bad[0]], self.states.newest())
            path = records.write_bad_step(self._folder, found._asdict())
            with self._divergence_recorded():
                raise divergence_of_step(self._data, config, found, path)
        self.progress.took(losses, overflowed)

    def save_between(self, state: TrainState) -> None:
        """Saves the state between two evaluations, unless it is saved already.

        Args:
          state: the training state after the steps whose losses are noted.

        Raises Diverged and FolderInUse as `evaluated` does.
        """
        if self.states.is_saved:
            return
        self._check_held()
        with self._divergence_recorded():
            self.states.save_between(state)

    def evaluated(self, state: TrainState, valid: dict[str, float]) -> None:
        """Saves the state after an evaluation, which `report` later records and shows.

        Args:
          state: the training state after the steps whose losses are noted, its tables up to date.
          valid: figures of the validation split.

        Raises:
          Diverged: training has diverged; earlier checkpoints stay, and run.json says so.
          FolderInUse: another process has taken over the folder.
        """
        self._check_held()
        with self._divergence_recorded():
            self.states.save_evaluated(state, valid)
        self._unreported = True

    def _check_held(self) -> None:
        """Raises FolderInUse, and PeerEnded in the other processes, if another process has taken over the folder."""
        try:
            decided(lambda: self._record.check_held())
        except (records.FolderInUse, PeerEnded):
            self._taken_over = True
            raise

    @contextlib.contextmanager
    def _divergence_recorded(self) -> Iterator[None]:
        """Within this context Diverged is written to run.json on its way."""
        try:
            yield
        except Diverged as error:
            if is_first():
                self._record.diverged(str(error))
            raise

    def report(self, reporter: Reporter, copy: str = '') -> None:
        """Records and shows the last evaluation, unless that has been done; `copy` names the run among copies."""
        progress = self.progress
        if self._unreported and is_first():
            with self.states.checkpoints.full_disk_said('metrics.jsonl and the events lack an evaluation for now'):
                self._record.evaluated(progress.evaluations, progress.times[-1], progress.rates[-1])
            reporter.evaluated(
                progress.evaluations[-1],
                best=progress.evaluations[-1] is best_evaluation(progress.evaluations, self._monitor),
                copy=copy,
            )
            lowered = setbacks.sentence(self.setup.config, progress.evaluations)
            for sentence in filter(None, (lowered, progress.overflow_warning(self.setup.config.mesh.capacity))):
                reporter.say(f'{copy}  {sentence}' if copy else sentence)
        self._unreported = False

    def finish(self, state: TrainState, test: dict[str, float], *, first_step_seconds: float | None) -> None:
        """Writes the result of the run.

        Args:
          state: a state of the run, or its shapes, from which parameters are counted.
          test: figures of the test split for the best state.
          first_step_seconds: seconds from this start to its first step; None if no step was left.
        """
        self.result = result_of(
            self.setup,
            self._data.hash,
            self.schedule,
            self.progress.evaluations,
            state,
            test,
            first_step_seconds=first_step_seconds,
            train_seconds=self.progress.seconds,
        )
        if is_first():
            self._record.result(self.result)
        self.states.checkpoints.discard_spare(self.progress.evaluations)

    def close(self) -> None:
        """Waits until everything is saved, and releases the folder.

        Raises the error of a save that failed, unless another process has taken over the folder and saves in it.
        """
        try:
            self.states.checkpoints.close()
        except Exception:
            if not self._taken_over:
                raise
        finally:
            if self._open_record is not None:
                self._open_record.close()
