"""The training loop: a configuration and prepared data -> a trained run.

A run is a function of its configuration and data. The order of rows depends on (seed, epoch), dropout on (seed, step),
so the state alone, with its step, resumes a run bit for bit.
"""

import math
import pathlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from autoint_jax import config as configuration
from autoint_jax.config import Config
from autoint_jax.data.prepared import SPLITS, PreparedData
from autoint_jax.errors import UsageError
from autoint_jax.evaluation import metrics
from autoint_jax.models.forms import missed_kernel
from autoint_jax.models.registry import embedding_parameter_count, interacting_form, parameter_count, table_values
from autoint_jax.training import devices, order, records, scoring, steps
from autoint_jax.training.checkpoints import Checkpoints
from autoint_jax.training.feed import REPORT_STEPS, Chunk, Plan, ResidentFeed, StreamedFeed, chosen_feed
from autoint_jax.training.fields import fitted_schema
from autoint_jax.training.progress import Reporter
from autoint_jax.training.state import Setup, TrainState, chosen_table_form, initial_state, setup
from autoint_jax.training.stopping import best_evaluation, should_stop


def fit(config: Config, data: PreparedData, run_dir: pathlib.Path, reporter: Reporter) -> dict[str, Any]:
    """Trains a run, or goes on with it, and returns its result; a complete run is returned as it is.

    The order of a round is: steps up to the next evaluation, evaluate, save; it is reported when the steps of the next
    round are under way. The state with the lowest validation logloss is tested in the end. Raises UsageError where the
    folder belongs to another run.
    """
    began = time.perf_counter()
    made = setup(config, fitted_schema(config, data))
    record = records.RunRecords(run_dir)
    checkpoints = None
    try:
        forms = {'interacting': interacting_form(config.model),
                 'tables': chosen_table_form(config.optimizer)}
        result = record.start(config, data, forms)
        if result is None:
            if forms['interacting'] and (reason := missed_kernel(config.model)):
                reporter.say(f'the compiled kernels are not used: {reason}')
            own, alike = table_values(config.model, made.schema)
            if own != alike:
                reporter.say(f'fields of different widths: {own:,} values in tables, {1 - own / alike:.0%} fewer than the '
                             f'{alike:,} of one width')
            checkpoints = Checkpoints(run_dir / 'checkpoints')
            result = _train(made, data, record, checkpoints, reporter, began)
            record.result(result)
        return result
    finally:
        reporter.close()
        if checkpoints is not None:
            checkpoints.close()
        record.close()


def _train(made: Setup, data: PreparedData, record: records.RunRecords, checkpoints: Checkpoints,
           reporter: Reporter, fit_began: float) -> dict[str, Any]:
    training, mesh = made.config.training, devices.data_mesh()
    columns = {split: data.split(split) for split in SPLITS}
    for split, part in columns.items():
        if not len(part):
            raise UsageError(f'the {split} split of {data.folder} has no rows: prepare the data with another split')
    rows = len(columns['train'])
    batch_size = min(training.batch_size, rows)
    epoch_steps = order.steps_per_epoch(rows, batch_size)
    last_step = training.epochs * epoch_steps
    evaluated_after = evaluation_steps(epoch_steps, training.evaluations_per_epoch)
    cut = devices.cut(batch_size, made.config, made.schema, mesh)
    chunk, flush = steps.make_chunk(made, mesh, cut, max_steps=REPORT_STEPS), steps.make_flush(made)
    plan = Plan(training.epochs, epoch_steps, evaluated_after, cut)
    streamed, sentence = chosen_feed(made.config, columns, mesh)
    reporter.say(sentence)
    if streamed:
        feed = StreamedFeed(made.config, columns['train'], made.schema, plan, mesh)
        evaluator, evaluated = scoring.make_streamed_evaluator(made, mesh), columns
    else:
        evaluated = {split: devices.resident(part, mesh) for split, part in columns.items()}
        feed = ResidentFeed(made.config, columns['train'], evaluated['train'], plan, mesh)
        evaluator = scoring.make_evaluator(made, mesh)

    def evaluate(state: TrainState, split: str) -> dict[str, float]:
        return metrics.figures(evaluator(state.variables, state.tables, evaluated[split]))

    state = devices.replicate(initial_state(made), mesh)
    progress: dict[str, Any] = {'evaluations': [], 'seconds': 0.0}
    if (latest := checkpoints.latest()) is not None:
        state, progress = checkpoints.restore(latest, state, mesh)
        reporter.say(f'going on from step {latest}')
    evaluations = progress['evaluations']
    record.evaluations(evaluations)

    def report() -> None:
        record.evaluations(evaluations)
        record.events(evaluations[-1])
        reporter.evaluated(evaluations[-1], best=evaluations[-1] is best_evaluation(evaluations))

    unreported = False
    step, first_step_seconds = int(state.step), None
    while step < last_step and not _stopped(evaluations, training):
        epoch, first = divmod(step, epoch_steps)
        chunks = feed.chunks(epoch, first, next(end for end in evaluated_after if end > first))
        began = before = time.perf_counter()
        losses = []
        for state, of_chunk, count in _dispatched(chunk, state, chunks):
            if unreported:
                report()
                unreported = False
            losses.append(np.asarray(of_chunk)[:count])
            now, step = time.perf_counter(), step + count
            first_step_seconds = first_step_seconds or now - fit_began
            reporter.steps(step, last_step, count * batch_size / (now - before))
            before = now
        state = flush(state)  # here only: a flush after every report would change rounding, and cost
        progress['seconds'] += time.perf_counter() - began

        evaluations.append(_evaluation(step, step / epoch_steps, np.concatenate(losses), evaluate(state, 'valid')))
        checkpoints.save(state, step, progress)
        unreported = True

    if unreported:
        report()
    checkpoints.wait()
    best = best_evaluation(evaluations)
    state, _ = checkpoints.restore(best['step'], state, mesh)
    return {
        'fingerprint': configuration.fingerprint(made.config), 'data_hash': data.hash, 'seed': made.config.seed,
        'test': evaluate(state, 'test'), 'valid': {'auc': best['valid_auc'], 'logloss': best['valid_logloss']},
        'best_step': best['step'], 'best_epoch': best['epoch'], 'steps': step, 'epochs': step / epoch_steps,
        'parameters': parameter_count(state.params),
        'embedding_parameters': embedding_parameter_count(state.params, state.tables),
        'first_step_seconds': first_step_seconds,  # of this start, None where there was no step left
        'train_seconds': progress['seconds'], 'train_rows_per_second': step / epoch_steps * rows / progress['seconds'],
    }


def _dispatched(chunk: Callable, state: TrainState, chunks: Iterator[Chunk]) -> Iterator[tuple[TrainState, jax.Array, int]]:
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


def _evaluation(step: int, epoch: float, losses: np.ndarray, valid: dict[str, float]) -> dict[str, Any]:
    """The record of an evaluation. Raises UsageError where training has diverged."""
    train_logloss = float(losses.mean(dtype=np.float64))
    if not math.isfinite(train_logloss + valid['logloss']):
        raise UsageError(f'training diverged before step {step}: logloss is {train_logloss} on train, '
                         f'{valid["logloss"]} on valid; lower optimizer.learning_rate')
    return {'step': step, 'epoch': epoch, 'train_logloss': train_logloss, 'valid_logloss': valid['logloss'],
            'valid_auc': valid['auc']}


def evaluation_steps(epoch_steps: int, evaluations_per_epoch: int) -> list[int]:
    """Steps within an epoch after which the run is evaluated: evenly spread, the last step always among them."""
    return sorted({-(-epoch_steps * part // evaluations_per_epoch) for part in range(1, evaluations_per_epoch + 1)})


def _stopped(evaluations: list[dict[str, Any]], training: configuration.TrainingConfig) -> bool:
    return should_stop([evaluation['valid_logloss'] for evaluation in evaluations], training.stop_after_increases)
