"""A run in its folder: its record, its checkpoints, its evaluations so far. The loops of one run and of copies share it."""

import math
import pathlib
from typing import Any

import numpy as np
from jax.sharding import Mesh

from autoint_jax import config as configuration
from autoint_jax.data.prepared import PreparedData
from autoint_jax.errors import UsageError
from autoint_jax.models.registry import embedding_parameter_count, interacting_form, parameter_count
from autoint_jax.training import records
from autoint_jax.training.checkpoints import Checkpoints
from autoint_jax.training.progress import Reporter
from autoint_jax.training.state import Setup, TrainState, chosen_table_form
from autoint_jax.training.stopping import best_evaluation, should_stop


class Run:
    """A run that is opened to train, or to go on, or only to give its result.

    Attributes:
      made: what its configuration means.
      result: of a complete run, else None.
      evaluations: so far, in order.
      seconds: of training, so far.
    """

    def __init__(self, made: Setup, data: PreparedData, folder: pathlib.Path, *, copies: int = 1):
        """Opens the folder, in which no other process may train, of a run that shares its program with `copies - 1` others.

        Raises UsageError where the folder is in use, or holds a run of another configuration or other data.
        """
        self.made, self._data = made, data
        self.evaluations: list[dict[str, Any]] = []
        self.seconds = 0.0
        self._unreported = False
        self._checkpoints = None
        self._record = records.RunRecords(folder)
        try:
            self.result = self._record.start(made.config, data, {
                'interacting': interacting_form(made.config.model), 'tables': chosen_table_form(made.config.optimizer)}, copies)
            if self.result is None:
                self._checkpoints = Checkpoints(folder / 'checkpoints')
        except BaseException:
            self._record.close()
            raise

    @property
    def stopped(self) -> bool:
        """Whether the rule of early stopping has ended the run."""
        return should_stop([evaluation['valid_logloss'] for evaluation in self.evaluations],
                           self.made.config.training.stop_after_increases)

    def latest(self, like: TrainState, mesh: Mesh) -> TrainState:
        """The state of the latest checkpoint, with its progress, or `like`, the run's initial state, where there is none."""
        if (step := self._checkpoints.latest()) is None:
            self._record.evaluations([])
            return like
        state, progress = self._checkpoints.restore(step, like, mesh)
        self.evaluations, self.seconds = progress['evaluations'], progress['seconds']
        self._record.evaluations(self.evaluations)
        return state

    def evaluated(self, state: TrainState, step: int, epoch: float, losses: np.ndarray, valid: dict[str, float]) -> None:
        """Saves the state after an evaluation; the record and the reporter learn of it from `report`.

        Raises UsageError where training has diverged.
        """
        train_logloss = float(losses.mean(dtype=np.float64))
        if not math.isfinite(train_logloss + valid['logloss']):
            raise UsageError(f'training diverged before step {step}: logloss is {train_logloss} on train, '
                             f'{valid["logloss"]} on valid; lower optimizer.learning_rate')
        self.evaluations.append({'step': step, 'epoch': epoch, 'train_logloss': train_logloss,
                                 'valid_logloss': valid['logloss'], 'valid_auc': valid['auc']})
        self._checkpoints.save(state, step, {'evaluations': self.evaluations, 'seconds': self.seconds})
        self._unreported = True

    def report(self, reporter: Reporter, copy: str = '') -> None:
        """Records and shows the last evaluation, unless that was done."""
        if self._unreported:
            self._record.evaluations(self.evaluations)
            self._record.events(self.evaluations[-1])
            reporter.evaluated(self.evaluations[-1], best=self.evaluations[-1] is best_evaluation(self.evaluations), copy=copy)
        self._unreported = False

    def best(self, like: TrainState, mesh: Mesh) -> TrainState:
        """The state of the evaluation with the lowest validation logloss."""
        self._checkpoints.wait()
        return self._checkpoints.restore(best_evaluation(self.evaluations)['step'], like, mesh)[0]

    def finish(self, state: TrainState, test: dict[str, float], *, epoch_steps: int, rows: int,
               first_step_seconds: float | None) -> None:
        """Writes the result of a run whose best state has the figures `test`.

        Args:
          state: of the run, for its sizes.
          test: figures of the test split.
          epoch_steps: steps of an epoch.
          rows: of the training split.
          first_step_seconds: of this start; None where there was no step left.
        """
        best, steps, config = best_evaluation(self.evaluations), self.evaluations[-1]['step'], self.made.config
        self.result = {
            'fingerprint': configuration.fingerprint(config), 'data_hash': self._data.hash, 'seed': config.seed,
            'test': test, 'valid': {'auc': best['valid_auc'], 'logloss': best['valid_logloss']},
            'best_step': best['step'], 'best_epoch': best['epoch'], 'steps': steps, 'epochs': steps / epoch_steps,
            'parameters': parameter_count(state.params),
            'embedding_parameters': embedding_parameter_count(state.params, state.tables),
            'first_step_seconds': first_step_seconds, 'train_seconds': self.seconds,
            'train_rows_per_second': steps / epoch_steps * rows / self.seconds,
        }
        self._record.result(self.result)

    def close(self) -> None:
        if self._checkpoints is not None:
            self._checkpoints.close()
        self._record.close()
