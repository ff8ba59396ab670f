"""The training loop of copies of a run that train in one program."""

import contextlib
import functools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import NamedSharding

from autoint_jax.config import configuration
from autoint_jax.data.store.columns import Columns
from autoint_jax.errors import UsageError
from autoint_jax.training.copies import programs
from autoint_jax.training.copies.options import copy_name
from autoint_jax.training.copies.programs import BY_COPY, replica_mesh, stacked
from autoint_jax.training.loop import Coming, dispatched, split_rows
from autoint_jax.training.memory.room import arranged
from autoint_jax.training.pace import STOP, Pace
from autoint_jax.training.progress import Reporter
from autoint_jax.training.run import Run
from autoint_jax.training.step import order, placement, slices
from autoint_jax.training.step.columns import resident_columns
from autoint_jax.training.step.feed import REPORT_STEPS, Chunk
from autoint_jax.training.step.state import TrainState, state_shapes
from autoint_jax.training.stopping import Stopping


class ReplicaLoop:
    """The loop over the rounds of some runs that train in one program, each a copy.

    The copies are filled up to a multiple of the number of devices; the copies beyond the runs take no step.
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
        self._runs, self._reporter, self._own, self._setup = runs, reporter, own, runs[0].setup
        self._mesh = replica_mesh(len(runs))
        self._alone = placement.data_mesh(list(self._mesh.devices.flat[:1]))
        self._splits, self._schedule = splits, runs[0].schedule
        self._names = [copy_name(run.setup.config, varying) for run in runs]
        device_count = self._mesh.devices.size
        self._filled = [*runs, *[runs[0]] * (-len(runs) % device_count)]
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
        self._resident = {split: resident_columns(part, self._mesh) for split, part in splits.items()}
        self._cut = slices.cut(self._schedule.batch_size, self._setup, self._mesh)
        together = programs.go_together(self._mesh)
        self._chunk = programs.make_chunk(self._setup, self._mesh, self._cut, max_steps=REPORT_STEPS, together=together)
        self._flush = programs.make_flush(self._setup, self._mesh, together=together)
        self._evaluator = programs.make_evaluator(
            self._setup, self._mesh, together=together, keep_logits=runs[0].measures.keep_logits
        )
        self._varied = {
            path.rpartition('.')[2]: self._by_copy(
                [configuration.value(run.setup.config, path) for run in self._filled]
            )
            for path in varying
        }
        self._errors: dict[int, UsageError] = {}

    def train(self, asked: float) -> dict[int, UsageError]:
        """Trains all runs to their ends and writes their results. Returns {id of a run: error} for runs that diverged.

        `asked` is the time at which the program was asked for, by which the time to the first step is measured.
        """
        self._reporter.doing('making the states')
        own = [run.latest(self._alone, functools.partial(self._say, copy)) for copy, run in enumerate(self._runs)]
        first_step_seconds = None
        for copy, run in enumerate(self._runs):
            if run.step:
                self._say(copy, f'going on from step {run.step}')
        states = stacked([*own, *[own[0]] * (len(self._filled) - len(own))], self._mesh)
        del own
        orders = order.OrderAhead(self._epoch_orders, self._schedule.epochs)
        with Stopping() as stopping:
            pace = Pace(self._setup.config.execution.checkpoint_seconds, lambda: stopping.asked)
            while training := self._behind():
                epoch, first = divmod(self._runs[training[0]].evaluated_step, self._schedule.epoch_steps)
                taken = self._runs[training[0]].step - self._runs[training[0]].evaluated_step
                feed = _OrderedFeed(self._resident['train'], orders.order(epoch))
                coming = Coming(feed, pace, epoch, first + taken, self._schedule.next_evaluation(first))
                while coming.left:
                    began = before = time.perf_counter()
                    self._reporter.doing(
                        'compiling and taking the first steps' if first_step_seconds is None else 'training'
                    )
                    for states, losses, count in dispatched(self._taking(training), states, coming):
                        self._report(training)
                        self._note(training, np.asarray(losses)[:, :count])
                        now = time.perf_counter()
                        first_step_seconds = first_step_seconds or now - asked
                        self._steps(training, count * self._schedule.batch_size / (now - before))
                        pace.took(count, now - before)
                        before = now
                    self._spend(training, time.perf_counter() - began)
                    if coming.left:  # the pace has decided to save or to stop
                        self._report(range(len(self._runs)))
                        self._save_between(states, training)
                        if coming.decision == STOP:
                            stopping.leave(min(run.newest_saved() for run in self._runs))
                        pace.saved()
                began = time.perf_counter()
                states = self._flush(states, self._varied)
                self._spend(training, time.perf_counter() - began)
                self._evaluate(states, training)
                pace.saved()
        self._report(range(len(self._runs)))
        self._reporter.doing('saving, and reading the best states')
        del states  # frees memory for the best ones
        self._test(first_step_seconds)
        return self._errors

    def _taking(self, training: list[int]) -> Callable:
        """Returns the compiled chunk as a function for `dispatched`; only the copies `training` take steps in it."""
        taking = np.isin(np.arange(len(self._filled)), training).astype(np.int32)
        return lambda states, columns, ordered, first, count: self._chunk(
            states, self._varied, ordered, self._by_copy(count * taking), columns, first
        )

    def _behind(self) -> list[int]:
        """Returns the copies that are to take the next steps; [] at the end.

        After an interruption copies may have been saved at different steps; those that are behind go first.
        """
        at = {
            copy: (run.step, run.evaluated_step)
            for copy, run in enumerate(self._runs)
            if run.evaluated_step < self._schedule.last_step and not run.stopped and id(run) not in self._errors
        }
        return [copy for copy in at if at[copy] == min(at.values())]

    def _sound(self, copies: list[int]) -> list[int]:
        """Returns those of some copies that have not ended with an error."""
        return [copy for copy in copies if id(self._runs[copy]) not in self._errors]

    def _note(self, training: list[int], losses: np.ndarray) -> None:
        """Notes the losses [r, steps] of the copies that took steps."""
        for copy in self._sound(training):
            with self._kept_apart(copy):
                self._runs[copy].took(losses[copy])

    def _spend(self, training: list[int], seconds: float) -> None:
        """Divides seconds of training among the copies that trained."""
        for copy in training:
            self._runs[copy].progress.seconds += seconds / len(training)

    def _save_between(self, states: TrainState, training: list[int]) -> None:
        """Saves the copies that took steps, between two evaluations."""
        self._reporter.doing(f'saving step {self._runs[training[0]].step}')
        on_host = jax.device_get(states)
        for copy in self._sound(training):
            with self._kept_apart(copy):
                self._runs[copy].save_between(_of(on_host, copy))

    def _evaluate(self, states: TrainState, training: list[int]) -> None:
        """Evaluates and saves the copies that took steps."""
        self._reporter.doing('evaluating on the valid split')
        scores = jax.device_get(self._evaluator(states.variables, states.tables, self._resident['valid']))
        on_host = jax.device_get(states)
        for copy in self._sound(training):
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
            self._say(copy, str(error))

    def _test(self, first_step_seconds: float | None) -> None:
        """Tests the best state of every run that has not diverged, and writes its result."""
        like = state_shapes(self._setup)
        nothing = jax.tree.map(lambda shape: np.zeros(shape.shape, shape.dtype), like)
        states = [nothing if id(run) in self._errors else run.best(self._alone) for run in self._filled]
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

    def _report(self, copies: Sequence[int]) -> None:
        """Reports the last evaluation of some copies."""
        for copy in copies:
            if self._own:
                self._runs[copy].report(self._own[copy])
            else:
                self._runs[copy].report(self._reporter, self._names[copy])

    def _say(self, copy: int, sentence: str) -> None:
        """Tells a sentence about a copy."""
        if self._own:
            self._own[copy].say(sentence)
        else:
            self._reporter.say(f'{self._names[copy]}  {sentence}')

    def _steps(self, training: list[int], rate: float) -> None:
        """Tells about steps of some copies, each of which takes `rate` rows per second."""
        step = max(self._runs[copy].step for copy in training)
        if self._own:
            for copy in training:
                self._own[copy].steps(step, self._schedule.last_step, rate)
        else:
            self._reporter.steps(step, self._schedule.last_step, len(training) * rate)

    def _epoch_orders(self, epoch: int) -> jax.Array:
        """Returns the order of an epoch of each copy, int32 [r, steps, padded_batch]."""
        schedule, config = self._schedule, self._setup.config
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


class _OrderedFeed:
    """A feed of columns on the devices, with the order of each copy for one epoch."""

    def __init__(self, columns: Columns, ordered: jax.Array):
        """Takes the columns, and the orders [r, steps, padded_batch]."""
        self._columns, self._ordered = columns, ordered

    def chunk(self, epoch: int, first: int, stop: int, most: int) -> Chunk:
        """Returns a chunk as `Feed.chunk` says; its order is [r, steps, padded_batch]."""
        return Chunk(self._columns, self._ordered, first, min(most, REPORT_STEPS, stop - first))


def _of(tree: Any, copy: int) -> Any:
    """Returns the part of one copy of a stacked tree."""
    return jax.tree.map(lambda array: array[copy], tree)
