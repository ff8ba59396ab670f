"""The training of copies of a run in one program: their steps, evaluations and saves, which `rounds` calls in turn."""

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from jax.sharding import NamedSharding

from autoint_jax.config.rates import rates_of
from autoint_jax.data.store.columns import Columns
from autoint_jax.errors import UsageError
from autoint_jax.training import rounds
from autoint_jax.training.copies import programs
from autoint_jax.training.copies.options import varying_rates
from autoint_jax.training.copies.orders_feed import OrdersFeed
from autoint_jax.training.copies.programs import BY_COPY, replica_mesh, stacked
from autoint_jax.training.copies.reports import CopiesReports
from autoint_jax.training.loop import split_rows
from autoint_jax.training.memory.room import arranged
from autoint_jax.training.progress import Reporter
from autoint_jax.training.run import Run
from autoint_jax.training.step import order, placement, slices
from autoint_jax.training.step.columns import whole_columns
from autoint_jax.training.step.feed import REPORT_STEPS, Chunk, Feed
from autoint_jax.training.step.state import TrainState, state_shapes


class CopiesTrainer:
    """The `Trainer` of some runs that train in one program, each a copy.

    The copies are filled up to a multiple of the number of devices; the copies beyond the runs take no step. The state
    that `rounds` hands on has a leading axis [r] of copies.

    Attributes:
      schedule: the steps of each run.
      feed: hands over the rows, and the orders of all copies.
    """

    def __init__(
        self, runs: list[Run], varying: list[str], splits: dict[str, Columns], reporter: Reporter, own: list[Reporter]
    ):
        """Copies the splits to the devices and builds the programs. Raises UsageError if the rows must be streamed.

        Args:
          runs: the runs, opened and not complete.
          varying: the options in which they differ.
          splits: the columns of every split.
          reporter: told about the program, and about the runs if `own` is empty.
          own: a reporter for each run, or none.
        """
        self._runs, self._setup = runs, runs[0].setup
        self._reports = CopiesReports(runs, varying, reporter, own)
        self._mesh = replica_mesh(len(runs))
        self._alone = placement.data_mesh(list(self._mesh.devices.flat[:1]))
        self._splits, self.schedule = splits, runs[0].schedule
        device_count = self._mesh.devices.size
        self._filled = filled = [*runs, *[runs[0]] * (-len(runs) % device_count)]
        arrangement = arranged(self._setup, split_rows(splits), self._mesh, copies=len(runs))
        if arrangement.streamed:
            raise UsageError(
                f'{arrangement.sentence}: copies of a run cannot share that; train them one by one, without replicas'
            )
        if arrangement.warning:
            reporter.say(arrangement.warning)
        reporter.say(
            f'{arrangement.sentence}; {len(runs)} copies in one program, on '
            f'{placement.devices_sentence(list(self._mesh.devices.flat))}{self._setup.repeatable}'
        )
        self._resident = {split: whole_columns(part, self._mesh) for split, part in splits.items()}
        self._cut = slices.cut(self.schedule.batch_size, self._setup, self._mesh)
        together = programs.go_together(self._mesh)
        self._chunk = programs.make_chunk(self._setup, self._mesh, self._cut, max_steps=REPORT_STEPS, together=together)
        self._flush = programs.make_flush(self._setup, self._mesh, together=together)
        self._evaluator = programs.make_evaluator(
            self._setup, self._mesh, together=together, keep_logits=runs[0].measures.keep_logits
        )
        self._constant = {
            name: self._by_copy([getattr(rates_of(run.setup.config), name) for run in filled])
            for name in varying_rates(varying)
        }
        self._varied: dict[str, jax.Array] = {}
        orders = order.OrderAhead(self._epoch_orders, self.schedule.epochs)
        self.feed: Feed = OrdersFeed(self._resident['train'], orders)
        self._training: list[int] = []  # the copies that take the steps of this round
        self._errors: dict[int, UsageError] = {}

    def train(self, began: float) -> dict[int, UsageError]:
        """Trains all runs to their ends and writes their results. Returns {id of a run: error} for runs that diverged.

        `began` is the time at which training was asked for.
        """
        self._reports.doing('making the states')
        own = [
            run.latest(self._alone, functools.partial(self._reports.say, copy)) for copy, run in enumerate(self._runs)
        ]
        for copy, run in enumerate(self._runs):
            if run.progress.step:
                self._reports.say(copy, f'going on from step {run.progress.step}')
        states = stacked([*own, *[own[0]] * (len(self._filled) - len(own))], self._mesh)
        del own
        checkpoint_seconds = self._setup.config.execution.checkpoint_seconds
        first_step_seconds = rounds.train(self, states, checkpoint_seconds=checkpoint_seconds, began=began)
        self._reports.evaluations()
        self._reports.doing('saving, and reading the best states')
        del states  # frees memory for the best ones
        self._test(first_step_seconds)
        return self._errors

    def next_round(self) -> tuple[int, int] | None:
        """Begins a round. Returns the step of the last evaluation and the number of steps; None if no round is left.

        After an interruption copies may have been saved at different steps; those that are behind go first.
        """
        at = {
            copy: (run.progress.step, run.progress.evaluated_step)
            for copy, run in enumerate(self._runs)
            if id(run) not in self._errors and run.progress.evaluated_step < self.schedule.last_step and not run.stopped
        }
        self._training = [copy for copy in at if at[copy] == min(at.values())]
        if not self._training:
            return None
        lowered = [run.varied for run in self._filled]  # which differ from copy to copy
        self._varied = self._constant | {
            name: self._by_copy([of_copy[name] for of_copy in lowered]) for name in lowered[0]
        }
        first = self._runs[self._training[0]].progress
        return first.evaluated_step, first.step

    def chunk(self, states: TrainState, chunk: Chunk) -> tuple[TrainState, jax.Array]:
        """Takes the steps of a chunk. Returns the states after them, and their losses [r, max_steps]."""
        taking = np.isin(np.arange(len(self._filled)), self._training).astype(np.int32)
        return self._chunk(
            states, self._varied, chunk.order, self._by_copy(chunk.step_count * taking), chunk.columns, chunk.first
        )

    def flush(self, states: TrainState) -> TrainState:
        """Returns the states with every row of their tables up to date."""
        return self._flush(states, self._varied)

    def _sound(self) -> list[int]:
        """Returns the copies that take the steps of this round and have not ended with an error."""
        return [copy for copy in self._training if id(self._runs[copy]) not in self._errors]

    def report(self) -> None:
        """Reports evaluations that are not reported yet."""
        self._reports.evaluations()

    def took(self, losses: np.ndarray, count: int) -> None:
        """Notes the losses [r, max_steps] of a chunk of the copies that took steps."""
        for copy in self._sound():
            with self._kept_apart(copy):
                self._runs[copy].took(losses[copy, :count])

    def spent(self, seconds: float) -> None:
        """Divides seconds of training among the copies that trained."""
        for copy in self._training:
            self._runs[copy].progress.seconds += seconds / len(self._training)

    def doing(self, what: str) -> None:
        """Reports an activity that may take long."""
        self._reports.doing(what)

    def steps(self, rate: float) -> None:
        """Reports the number of steps taken, the latest at `rate` rows per second for each copy."""
        self._reports.steps(self._training, rate)

    def save_between(self, states: TrainState) -> None:
        """Saves the copies that took steps, between two evaluations."""
        self._reports.doing(f'saving step {self._runs[self._training[0]].progress.step}')
        on_host = jax.device_get(states)
        for copy in self._sound():
            with self._kept_apart(copy):
                self._runs[copy].save_between(_of(on_host, copy))

    def newest_saved(self) -> int:
        """Waits until everything is saved, and returns the step from which all copies can resume."""
        return min(run.states.newest() for run in self._runs)

    def evaluate(self, states: TrainState) -> None:
        """Evaluates and saves the copies that took steps."""
        self._reports.doing('evaluating on the valid split')
        scores = jax.device_get(self._evaluator(states.variables, states.tables, self._resident['valid']))
        on_host = jax.device_get(states)
        for copy in self._sound():
            with self._kept_apart(copy):
                valid = self._runs[copy].measures.figures(_of(scores, copy), self._splits['valid'])
                self._runs[copy].evaluated(_of(on_host, copy), valid)

    @contextlib.contextmanager
    def _kept_apart(self, copy: int) -> Iterator[None]:
        """Keeps the error of a copy for the end, so that the others go on."""
        try:
            yield
        except UsageError as error:
            self._errors[id(self._runs[copy])] = error
            self._reports.say(copy, str(error))

    def _test(self, first_step_seconds: float | None) -> None:
        """Tests the best state of every run that has not diverged, and writes its result."""
        like = state_shapes(self._setup)
        nothing = jax.tree.map(lambda shape: np.zeros(shape.shape, shape.dtype), like)
        states = [nothing if id(run) in self._errors else run.states.best(self._alone) for run in self._filled]
        together = stacked(states, self._mesh)
        del states
        scores = jax.device_get(self._evaluator(together.variables, together.tables, self._resident['test']))
        for copy, run in enumerate(self._runs):
            if id(run) not in self._errors:
                run.finish(
                    like,
                    run.measures.figures(_of(scores, copy), self._splits['test']),
                    first_step_seconds=first_step_seconds,
                )

    def _epoch_orders(self, epoch: int) -> jax.Array:
        """Returns the order of an epoch of each copy, int32 [r, steps, padded_batch]."""
        schedule, config = self.schedule, self._setup.config
        return self._by_copy(
            [
                order.epoch_order(
                    run.setup.config.seed,
                    epoch,
                    rows=schedule.rows,
                    batch_size=schedule.batch_size,
                    padded_batch=self._cut.padded_batch,
                    blocks=config.data.shuffle == 'blocks',
                )
                for run in self._filled
            ]
        )

    def _by_copy(self, values: Any) -> jax.Array:
        """Returns values [r, ...], one for each copy, on the devices of the copies; float64 becomes float32."""
        values = np.asarray(values)
        return jax.device_put(
            values.astype(np.float32) if values.dtype == np.float64 else values, NamedSharding(self._mesh, BY_COPY)
        )


def _of(tree: Any, copy: int) -> Any:
    """Returns the part of one copy of a stacked tree."""
    return jax.tree.map(lambda array: array[copy], tree)
