"""The training of a run alone: its steps, evaluations and saves, which `rounds` calls in turn."""

from typing import Any

import jax
from jax.sharding import Mesh

from autoint_jax.data.store.columns import Columns
from autoint_jax.models.interacting.forms import choice_of_form
from autoint_jax.training import rounds
from autoint_jax.training.memory.room import Arrangement
from autoint_jax.training.processes.decisions import decided
from autoint_jax.training.processes.group import moved
from autoint_jax.training.progress import Reporter
from autoint_jax.training.run import Run
from autoint_jax.training.step import layout, placement, scoring, slices, steps
from autoint_jax.training.step.columns import resident_columns
from autoint_jax.training.step.exchange_form import exchange_clause
from autoint_jax.training.step.feed import REPORT_STEPS, Chunk, Feed, ResidentFeed, StreamedFeed
from autoint_jax.training.step.layout import make_flush
from autoint_jax.training.step.state import TrainState
from autoint_jax.units import counted


class RunTrainer:
    """The `Trainer` of a run alone.

    Attributes:
      schedule: the steps of the run.
      feed: hands over the rows of each chunk.
    """

    def __init__(self, run: Run, splits: dict[str, Columns], arrangement: Arrangement, mesh: Mesh, reporter: Reporter):
        """Copies the rows to the devices, unless they are streamed, and begins to compile the steps.

        Args:
          run: the run, opened and not complete.
          splits: the columns of every split.
          arrangement: how the run fits into memory.
          mesh: the devices.
          reporter: told of progress.
        """
        setup, config = run.setup, run.setup.config
        self._run, self._splits, self._mesh, self._reporter = run, splits, mesh, reporter
        self._varied = run.varied
        self.schedule = run.schedule
        cut = slices.cut(self.schedule.batch_size, setup, mesh)
        self._chunk = steps.make_chunk(setup, mesh, cut, max_steps=REPORT_STEPS, streamed=arrangement.streamed)
        self._flush = make_flush(setup, mesh)
        exchanged = exchange_clause(setup, mesh, cut)
        each = f', each takes {cut.padded_batch // mesh.size:,} of them' if mesh.size > 1 else ''
        devices = placement.devices_sentence(list(mesh.devices.flat))
        reporter.say(
            f'{devices}; a batch has {counted(self.schedule.batch_size, "row")}{each}{exchanged}{setup.repeatable}'
        )
        if setup.form:
            form = choice_of_form(config.execution.form, setup.form, config.model)
            deep = f', of {cut.group_rows:,} in the deep network' if cut.group_rows else ''
            reporter.say(f'{form}; slices of {counted(cut.slice_rows, "row")}{deep}')
        for sentence in filter(None, (arrangement.sentence, arrangement.warning)):
            reporter.say(sentence)
        reporter.doing('reading rows and making the state')
        self.feed: Feed
        self._compiling = None
        keep_logits = run.measures.keep_logits
        if arrangement.streamed:
            self.feed = StreamedFeed(config, splits['train'], setup.schema, self.schedule, cut, mesh)
            self._evaluator = scoring.make_streamed_evaluator(setup, mesh, keep_logits=keep_logits)
            self._evaluated = splits
        else:
            self.feed = ResidentFeed(config, resident_columns(splits['train'], mesh), self.schedule, cut, mesh)
            self._evaluated = {
                split: scoring.scored_columns(setup, part, mesh) for split, part in splits.items() if split != 'train'
            }
            self._compiling = self.feed.compiled(self._chunk, layout.shapes_on(setup, mesh), run.varied)
            self._evaluator = scoring.make_evaluator(setup, mesh, keep_logits=keep_logits)

    def train(self, began: float) -> None:
        """Trains the run to its end and writes its result; `began` is the time at which training was asked for."""
        run, reporter = self._run, self._reporter
        state = run.latest(self._mesh, reporter.say)
        if run.progress.step:
            reporter.say(f'going on from step {run.progress.step}')
        if self._compiling is not None and run.progress.step < self.schedule.last_step:
            reporter.doing('compiling the steps')
            self._chunk = self._compiling.result()
        checkpoint_seconds = run.setup.config.execution.checkpoint_seconds
        first_step_seconds = rounds.train(self, state, checkpoint_seconds=checkpoint_seconds, began=began)
        run.report(reporter)
        reporter.doing('saving, and reading the best state')
        del state  # frees memory for the best one
        state = run.states.best(self._mesh)
        run.finish(state, self._figures(state, 'test'), first_step_seconds=first_step_seconds)

    def next_round(self) -> tuple[int, int] | None:
        """Begins a round. Returns the step of the last evaluation and the number of steps; None if no round is left."""
        run = self._run
        if run.progress.evaluated_step >= self.schedule.last_step or run.stopped:
            return None
        self._varied = run.varied
        return run.progress.evaluated_step, run.progress.step

    def chunk(self, state: TrainState, chunk: Chunk) -> tuple[TrainState, jax.Array]:
        """Takes the steps of a chunk. Returns the state after them, and their losses [max_steps]."""
        return self._chunk(state, *chunk, self._varied)

    def flush(self, state: TrainState) -> TrainState:
        """Returns the state with every row of its tables up to date."""
        return self._flush(state, self._varied)

    def report(self) -> None:
        """Reports the last evaluation, unless that has been done."""
        self._run.report(self._reporter)

    def took(self, losses: Any, count: int) -> None:
        """Notes the losses [max_steps] of a chunk, or `Counted` in their place, and that this process has moved on."""
        self._run.took(*steps.figures_of_steps(losses, count))
        moved()

    def spent(self, seconds: float) -> None:
        """Notes seconds of training."""
        self._run.progress.seconds += seconds

    def doing(self, what: str) -> None:
        """Reports an activity that may take long."""
        self._reporter.doing(what)

    def steps(self, rate: float) -> None:
        """Reports the number of steps taken, the latest at `rate` rows per second."""
        self._reporter.steps(self._run.progress.step, self.schedule.last_step, rate)

    def save_between(self, state: TrainState) -> None:
        """Saves the state between two evaluations."""
        self._reporter.doing(f'saving step {self._run.progress.step}')
        self._run.save_between(state)

    def evaluate(self, state: TrainState) -> None:
        """Evaluates the state on the validation split, and saves it."""
        self._run.evaluated(state, self._figures(state, 'valid'))

    def newest_saved(self) -> int:
        """Waits until everything is saved, and returns the step of the newest checkpoint."""
        return self._run.states.newest()

    def _figures(self, state: TrainState, split: str) -> dict[str, float]:
        """Returns {metric: value} of a state on a split."""
        self._reporter.doing(f'evaluating on the {split} split')
        scores = self._evaluator(state.variables, state.tables, self._evaluated[split])
        return decided(lambda: self._run.measures.figures(scores, self._splits[split]))
