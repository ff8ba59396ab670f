"""The training loop, which turns a configuration and prepared data into a trained run.

A run is a function of its configuration and its data. The order of rows depends only on (seed, epoch), and dropout only
on (seed, step). So the state with its step is enough to resume a run bit for bit.
"""

import contextlib
import pathlib
import time
from collections.abc import Callable, Iterable, Iterator

import jax
import numpy as np
from jax.sharding import Mesh

from autoint_jax.config.configuration import Config
from autoint_jax.data.store.columns import SPLITS, Columns
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.errors import UsageError
from autoint_jax.kernels import library
from autoint_jax.models.interacting.forms import missed_kernel
from autoint_jax.models.registry import table_values
from autoint_jax.training.agreement import check_alike, check_forms
from autoint_jax.training.fields import boundaries, fitted_schema, recorded_boundaries
from autoint_jax.training.memory.room import Arrangement, arranged
from autoint_jax.training.pace import SAVE, STOP, Pace
from autoint_jax.training.processes.decisions import decided
from autoint_jax.training.processes.group import moved
from autoint_jax.training.progress import Reporter
from autoint_jax.training.run import Run
from autoint_jax.training.run_folder import events
from autoint_jax.training.run_folder.result import Result
from autoint_jax.training.step import layout, placement, scoring, slices, steps
from autoint_jax.training.step.columns import resident_columns
from autoint_jax.training.step.feed import REPORT_STEPS, Chunk, Feed, ResidentFeed, StreamedFeed
from autoint_jax.training.step.state import Setup, TrainState, make_setup
from autoint_jax.training.stopping import Stopping
from autoint_jax.training.tables import dense_tables
from autoint_jax.training.tables.choice import missed_table_kernel


def fit(config: Config, data: PreparedData, run_dir: pathlib.Path, reporter: Reporter) -> Result:
    """Trains a run, or resumes it, and returns its result. If the run is complete, nothing is trained.

    A round takes the steps up to the next evaluation, evaluates, and saves. It is reported while the steps of the next
    round are under way. At the end the state that is best by `training.monitor` is tested.

    Args:
      config: the configuration of the run.
      data: the prepared data that it names.
      run_dir: the run folder.
      reporter: told of progress, and closed at the end.

    Raises UsageError if the folder belongs to another run, the run does not fit into memory, or training diverges.
    """
    began = time.perf_counter()
    with contextlib.closing(reporter):
        reporter.doing('computing quantiles of numeric fields and planning memory')
        mesh, splits = placement.run_mesh(config.mesh), open_splits(data)
        check_alike(config, data, mesh)
        quantiles = decided(lambda: boundaries(fitted_schema(config, data, recorded_boundaries(run_dir, data.hash))))
        setup = make_setup(config, fitted_schema(config, data, quantiles), placement.platform(mesh))
        check_forms(setup)
        complete = decided(lambda: (run_dir / 'result.json').exists())
        arrangement = None if complete else _arranged(setup, splits, mesh)  # before anything is written
        with contextlib.closing(Run(setup, data, run_dir)) as run:
            if run.result is None:
                say_what_is_special(run.setup, reporter)
                _train(run, splits, arrangement or _arranged(setup, splits, mesh), mesh, reporter, began)
            return run.finished_result()


def _arranged(setup: Setup, splits: dict[str, Columns], mesh: Mesh) -> Arrangement:
    """Returns how the run fits into memory, by that of the first process."""
    return Arrangement(*decided(lambda: arranged(setup, split_rows(splits), mesh)))


def say_what_is_special(setup: Setup, reporter: Reporter) -> None:
    """Reports what this machine lacks (kernels, packages), a slow table optimizer, and fields of different widths."""
    config = setup.config
    if sentence := events.not_written():
        reporter.say(sentence)
    missed = missed_kernel(config.execution.form, config.model, setup.platform) if setup.form else ''
    missed = missed or missed_table_kernel(config.optimizer, config.execution.tables_form, setup.platform)
    if missed:
        reporter.say(f'the compiled kernels are not used: {missed}')
    elif 'cpu_kernel' in (setup.form, setup.table_form) and (sentence := library.not_kept()):
        reporter.say(sentence)
    if (advice := dense_tables.advice(setup.config, setup.table_specs)) is not None:
        reporter.say(advice)
    own, alike = table_values(setup.config.model, setup.schema)
    if own != alike:
        reporter.say(
            f'fields of different widths: {own:,} values in tables, {1 - own / alike:.0%} fewer than the '
            f'{alike:,} of one width'
        )


def open_splits(data: PreparedData) -> dict[str, Columns]:
    """Returns the columns of every split, {split: columns}. Raises UsageError if a split is empty."""
    splits = {split: data.split(split) for split in SPLITS}
    for split, columns in splits.items():
        if not len(columns):
            raise UsageError(f'the {split} split of {data.folder} has no rows: prepare the data with another split')
    return splits


def split_rows(splits: dict[str, Columns]) -> dict[str, int]:
    """Returns the number of rows of each split."""
    return {split: len(columns) for split, columns in splits.items()}


def _train(
    run: Run, splits: dict[str, Columns], arrangement: Arrangement, mesh: Mesh, reporter: Reporter, fit_began: float
) -> None:
    """Trains a run to its end and writes its result; `fit_began` is the time at which `fit` was called."""
    setup, config = run.setup, run.setup.config
    schedule = run.schedule
    cut = slices.cut(schedule.batch_size, setup, mesh)
    chunk, flush = steps.make_chunk(setup, mesh, cut, max_steps=REPORT_STEPS), steps.make_flush(setup, mesh)
    each = f', each takes {cut.padded_batch // mesh.size:,} of them' if mesh.size > 1 else ''
    devices = placement.devices_sentence(list(mesh.devices.flat))
    reporter.say(f'{devices}; a batch has {schedule.batch_size:,} rows{each}{setup.repeatable}')
    for sentence in filter(None, (arrangement.sentence, arrangement.warning)):
        reporter.say(sentence)
    reporter.doing('reading rows and making the state')
    feed: Feed
    compiling = None
    keep_logits = run.measures.keep_logits
    if arrangement.streamed:
        feed = StreamedFeed(config, splits['train'], setup.schema, schedule, cut, mesh)
        evaluator, evaluated = scoring.make_streamed_evaluator(setup, mesh, keep_logits=keep_logits), splits
    else:
        evaluated = {split: resident_columns(part, mesh) for split, part in splits.items()}
        feed = ResidentFeed(config, evaluated['train'], schedule, cut, mesh)
        compiling = feed.compiled(chunk, layout.shapes_on(setup, mesh))
        evaluator = scoring.make_evaluator(setup, mesh, keep_logits=keep_logits)

    def evaluate(state: TrainState, split: str) -> dict[str, float]:
        reporter.doing(f'evaluating on the {split} split')
        scores = evaluator(state.variables, state.tables, evaluated[split])
        return decided(lambda: run.measures.figures(scores, splits[split]))

    state = run.latest(mesh, reporter.say)
    first_step_seconds = None
    if run.step:
        reporter.say(f'going on from step {run.step}')
    if compiling is not None and run.step < schedule.last_step:
        reporter.doing('compiling the steps')
        chunk = compiling.result()
    with Stopping() as stopping:
        pace = Pace(config.execution.checkpoint_seconds, lambda: stopping.asked)
        while run.evaluated_step < schedule.last_step and not run.stopped:
            epoch, first = divmod(run.evaluated_step, schedule.epoch_steps)
            coming = Coming(feed, pace, epoch, first + run.step - run.evaluated_step, schedule.next_evaluation(first))
            while coming.left:
                began = before = time.perf_counter()
                reporter.doing('compiling and taking the first steps' if first_step_seconds is None else 'training')
                for state, chunk_losses, count in dispatched(chunk, state, coming):
                    run.report(reporter)
                    run.took(np.asarray(chunk_losses)[:count])
                    moved()
                    now = time.perf_counter()
                    first_step_seconds = first_step_seconds or now - fit_began
                    reporter.steps(run.step, schedule.last_step, count * schedule.batch_size / (now - before))
                    pace.took(count, now - before)
                    before = now
                run.progress.seconds += time.perf_counter() - began
                if coming.left:  # the pace has decided to save or to stop
                    run.report(reporter)
                    reporter.doing(f'saving step {run.step}')
                    run.save_between(state)
                    if coming.decision == STOP:
                        stopping.leave(run.newest_saved())
                    pace.saved()
            began = time.perf_counter()
            state = flush(state)  # only here: a flush after every report would change rounding, and take time
            run.progress.seconds += time.perf_counter() - began
            run.evaluated(state, evaluate(state, 'valid'))
            pace.saved()

    run.report(reporter)
    reporter.doing('saving, and reading the best state')
    del state  # frees memory for the best one
    state = run.best(mesh)
    run.finish(state, evaluate(state, 'test'), first_step_seconds=first_step_seconds)


class Coming:
    """The chunks of a round that are still to come, as an iterator that ends where the run shall save or stop.

    Attributes:
      decision: the last decision of the pace.
    """

    def __init__(self, feed: Feed, pace: Pace, epoch: int, first: int, stop: int):
        """Takes the feed and the pace of the run, and the steps of an epoch from `first` to `stop - 1`."""
        self._feed, self._pace, self._epoch, self._first, self._stop = feed, pace, epoch, first, stop
        self.decision = SAVE

    @property
    def left(self) -> int:
        """The number of steps that are still to come."""
        return self._stop - self._first

    def __iter__(self) -> Iterator[Chunk]:
        while self.left:
            self.decision = self._pace.next()
            if self.decision in (STOP, SAVE):
                return
            chunk = self._feed.chunk(self._epoch, self._first, self._stop, self.decision)
            self._first += chunk.step_count
            yield chunk


def dispatched(
    chunk: Callable, state: TrainState, chunks: Iterable[Chunk]
) -> Iterator[tuple[TrainState, jax.Array, int]]:
    """Dispatches chunks, and yields the state after each, its losses [max_steps], and its number of steps.

    It dispatches a chunk before it yields the one before, so that the device has work while the host waits for losses.
    A dispatch donates the state, so only the last state that is yielded can be read.
    """
    ahead: list[tuple[TrainState, jax.Array, int]] = []
    for columns, ordered, first, count in chunks:
        state, losses = chunk(state, columns, ordered, first, count)
        yield from ahead
        ahead = [(state, losses, count)]
    yield from ahead
