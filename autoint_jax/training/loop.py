"""The training loop: a configuration and prepared data -> a trained run.

A run is a function of its configuration and data. The order of rows depends on (seed, epoch), dropout on (seed, step),
so the state alone, with its step, resumes a run bit for bit.
"""

import contextlib
import pathlib
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from autoint_jax.config.configuration import Config
from autoint_jax.data.store.columns import SPLITS, Columns
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.errors import UsageError
from autoint_jax.kernels import library
from autoint_jax.models.interacting.forms import missed_kernel
from autoint_jax.models.registry import interacting_form, table_values
from autoint_jax.training.fields import fitted_schema, recorded_boundaries
from autoint_jax.training.memory.room import Arrangement, arranged
from autoint_jax.training.progress import Reporter
from autoint_jax.training.run import Run
from autoint_jax.training.run_folder.result import Result
from autoint_jax.training.step import order, placement, scoring, slices, steps
from autoint_jax.training.step.columns import resident_columns
from autoint_jax.training.step.feed import REPORT_STEPS, Chunk, Plan, ResidentFeed, StreamedFeed
from autoint_jax.training.step.state import Setup, TrainState, setup
from autoint_jax.training.tables import dense_tables
from autoint_jax.training.tables.choice import chosen_table_form, missed_table_kernel


def fit(config: Config, data: PreparedData, run_dir: pathlib.Path, reporter: Reporter) -> Result:
    """Trains a run, or goes on with it, and returns its result; a complete run is returned as it is.

    The order of a round is: steps up to the next evaluation, evaluate, save; it is reported when the steps of the next
    round are under way. The state that is best by `training.monitor` is tested in the end. Raises UsageError where the
    folder belongs to another run.
    """
    began = time.perf_counter()
    with contextlib.closing(reporter):
        reporter.doing('taking quantiles of numeric fields, and planning the memory')
        schema = fitted_schema(config, data, recorded_boundaries(run_dir, data.hash))
        made, leads, mesh = setup(config, schema), course(config, data), placement.data_mesh()
        complete = (run_dir / 'result.json').exists()
        arrangement = None if complete else arranged(made, leads.split_rows, mesh)  # before anything is written
        with contextlib.closing(Run(made, data, run_dir)) as run:
            if run.result is None:
                say_what_is_special(run.made, reporter)
                _train(run, leads, arrangement or arranged(made, leads.split_rows, mesh), mesh, reporter, began)
            return run.result


def say_what_is_special(made: Setup, reporter: Reporter) -> None:
    """Tells of slower forms and optimizers than there could be, and of fields of different widths."""
    config, form = made.config, interacting_form(made.config)
    if reason := (missed_kernel(config.execution.form, config.model) if form else '') or missed_table_kernel(
        config.optimizer, config.execution.tables_form
    ):
        reporter.say(f'the compiled kernels are not used: {reason}')
    elif 'cpu_kernel' in (form, chosen_table_form(config.optimizer, config.execution.tables_form)) and (
        sentence := library.not_kept()
    ):
        reporter.say(sentence)
    if (sentence := dense_tables.advice(made.config, made.table_specs)) is not None:
        reporter.say(sentence)
    own, alike = table_values(made.config.model, made.schema)
    if own != alike:
        reporter.say(
            f'fields of different widths: {own:,} values in tables, {1 - own / alike:.0%} fewer than the '
            f'{alike:,} of one width'
        )


class Course(NamedTuple):
    """Where a run's steps lead: its splits, batches and evaluations."""

    columns: dict[str, Columns]
    rows: int  # of the training split
    batch_size: int
    epoch_steps: int
    last_step: int
    evaluated_after: list[int]  # steps within an epoch

    @property
    def split_rows(self) -> dict[str, int]:
        """Rows of each split."""
        return {split: len(part) for split, part in self.columns.items()}


def course(config: Config, data: PreparedData) -> Course:
    """Raises UsageError where a split is empty."""
    columns = {split: data.split(split) for split in SPLITS}
    for split, part in columns.items():
        if not len(part):
            raise UsageError(f'the {split} split of {data.folder} has no rows: prepare the data with another split')
    training, rows = config.training, len(columns['train'])
    batch_size = min(training.batch_size, rows)
    epoch_steps = order.steps_per_epoch(rows, batch_size)
    return Course(
        columns,
        rows,
        batch_size,
        epoch_steps,
        training.epochs * epoch_steps,
        evaluation_steps(epoch_steps, training.evaluations_per_epoch),
    )


def _train(run: Run, leads: Course, arrangement: Arrangement, mesh: Mesh, reporter: Reporter, fit_began: float) -> None:
    made, config = run.made, run.made.config
    columns, rows, batch_size, epoch_steps, last_step, evaluated_after = leads
    cut = slices.cut(batch_size, config, made.schema, mesh)
    chunk, flush = steps.make_chunk(made, mesh, cut, max_steps=REPORT_STEPS), steps.make_flush(made)
    plan = Plan(config.training.epochs, epoch_steps, evaluated_after, cut)
    each = f', each takes {cut.padded_batch // mesh.size:,} of them' if mesh.size > 1 else ''
    reporter.say(f'{placement.devices_sentence(mesh.devices.flat)}; a batch has {batch_size:,} rows{each}')
    for sentence in filter(None, (arrangement.sentence, arrangement.warning)):
        reporter.say(sentence)
    reporter.doing('reading rows and making the state')
    if arrangement.streamed:
        feed = StreamedFeed(config, columns['train'], made.schema, plan, mesh)
        evaluator, evaluated = (
            scoring.make_streamed_evaluator(made, mesh, keep_logits=run.measures.keep_logits),
            columns,
        )
    else:
        evaluated = {split: resident_columns(part, mesh) for split, part in columns.items()}
        feed = ResidentFeed(config, columns['train'], evaluated['train'], plan, mesh)
        evaluator = scoring.make_evaluator(made, mesh, keep_logits=run.measures.keep_logits)

    def evaluate(state: TrainState, split: str) -> dict[str, float]:
        reporter.doing(f'evaluating on the {split} split')
        return run.measures.figures(evaluator(state.variables, state.tables, evaluated[split]), columns[split])

    state = run.latest(mesh, reporter.say)
    step, first_step_seconds = int(state.step), None
    if step:
        reporter.say(f'going on from step {step}')
    while step < last_step and not run.stopped:
        epoch, first = divmod(step, epoch_steps)
        chunks = feed.chunks(epoch, first, next(end for end in evaluated_after if end > first))
        began = before = time.perf_counter()
        losses = []
        reporter.doing('compiling and taking the first steps' if first_step_seconds is None else 'training')
        for state, of_chunk, count in dispatched(chunk, state, chunks):
            run.report(reporter)
            losses.append(np.asarray(of_chunk)[:count])
            now, step = time.perf_counter(), step + count
            first_step_seconds = first_step_seconds or now - fit_began
            reporter.steps(step, last_step, count * batch_size / (now - before))
            before = now
        state = flush(state)  # here only: a flush after every report would change rounding, and cost
        run.seconds += time.perf_counter() - began
        train_logloss = order.mean_over_rows(np.concatenate(losses), first, rows=rows, batch_size=batch_size)
        run.evaluated(state, step, step / epoch_steps, train_logloss, evaluate(state, 'valid'))

    run.report(reporter)
    reporter.doing('saving, and reading the best state')
    del state  # before the best one is read
    state = run.best(mesh)
    run.finish(
        state, evaluate(state, 'test'), epoch_steps=epoch_steps, rows=rows, first_step_seconds=first_step_seconds
    )


def dispatched(
    chunk: Callable, state: TrainState, chunks: Iterator[Chunk]
) -> Iterator[tuple[TrainState, jax.Array, int]]:
    """Dispatches chunks; yields the state after each, its losses and its length.

    The chunk after it is dispatched by then, so that the device has work while the host waits for losses; of the
    states, which are donated, only the last is therefore of use.
    """
    ahead = None
    for columns, ordered, first, count in chunks:
        state, losses = chunk(state, columns, ordered, first, count)
        if ahead is not None:
            yield ahead
        ahead = state, losses, count
    yield ahead


def evaluation_steps(epoch_steps: int, evaluations_per_epoch: int) -> list[int]:
    """Steps within an epoch after which the run is evaluated: evenly spread, the last step always among them."""
    evaluations = min(evaluations_per_epoch, epoch_steps)
    return sorted({-(-epoch_steps * part // evaluations) for part in range(1, evaluations + 1)})
