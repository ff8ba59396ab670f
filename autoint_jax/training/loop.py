"""The training loop: a configuration and prepared data -> a trained run.

A run is a function of its configuration and data. The order of rows depends on (seed, epoch), dropout on (seed, step),
so the state alone, with its step, resumes a run bit for bit.
"""

import math
import pathlib
import time
from typing import Any

import jax
import numpy as np

from autoint_jax import config as configuration
from autoint_jax.config import Config
from autoint_jax.data.prepared import SPLITS, PreparedData
from autoint_jax.errors import UsageError
from autoint_jax.evaluation import metrics
from autoint_jax.models.registry import parameter_count
from autoint_jax.training import devices, order, records, scoring, steps
from autoint_jax.training.checkpoints import Checkpoints
from autoint_jax.training.progress import Reporter
from autoint_jax.training.state import Setup, TrainState, initial_state, setup
from autoint_jax.training.stopping import best_evaluation, should_stop

# Steps between two looks at the clock: short enough for a lively bar, long enough that the device never waits.
REPORT_STEPS = 64


def fit(config: Config, data: PreparedData, run_dir: pathlib.Path, reporter: Reporter) -> dict[str, Any]:
    """Trains a run, or goes on with it, and returns its result; a complete run is returned as it is.

    The order of a round is: steps up to the next evaluation, evaluate, save, report. The state with the lowest
    validation logloss is tested in the end. Raises UsageError where the folder belongs to another run.
    """
    made = setup(config, data.schema)
    record = records.RunRecords(run_dir)
    checkpoints = None
    try:
        result = record.start(config, data)
        if result is None:
            checkpoints = Checkpoints(run_dir / 'checkpoints')
            result = _train(made, data, record, checkpoints, reporter)
            record.result(result)
        return result
    finally:
        reporter.close()
        if checkpoints is not None:
            checkpoints.close()
        record.close()


def _train(made: Setup, data: PreparedData, record: records.RunRecords, checkpoints: Checkpoints,
           reporter: Reporter) -> dict[str, Any]:
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
    chunk = steps.make_chunk(made, mesh, cut, max_steps=REPORT_STEPS)
    resident = {split: devices.resident(part, mesh) for split, part in columns.items()}
    score = scoring.make_scorer(made, mesh)

    def evaluate(state: TrainState, split: str) -> dict[str, float]:
        return metrics.summary(score(state.params, state.tables, resident[split]), columns[split].labels)

    state = devices.replicate(initial_state(made), mesh)
    progress: dict[str, Any] = {'evaluations': [], 'seconds': 0.0}
    if (latest := checkpoints.latest()) is not None:
        state, progress = checkpoints.restore(latest, state, mesh)
        reporter.say(f'going on from step {latest}')
    evaluations = progress['evaluations']
    record.evaluations(evaluations)

    step, ordered, order_of = int(state.step), None, None
    while step < last_step and not _stopped(evaluations, training):
        epoch, first = divmod(step, epoch_steps)
        if epoch != order_of:
            order_of, ordered = epoch, devices.replicate(order.epoch_order(
                made.config.seed, epoch, rows=rows, batch_size=batch_size, padded_batch=cut.padded_batch), mesh)
        stop = next(end for end in evaluated_after if end > first)
        began, losses = time.perf_counter(), []
        while first < stop:
            count, chunk_began = min(REPORT_STEPS, stop - first), time.perf_counter()
            state, of_chunk = chunk(state, resident['train'], ordered, first, count)
            losses.append(np.asarray(of_chunk)[:count])
            first, step = first + count, step + count
            reporter.steps(step, last_step, count * batch_size / (time.perf_counter() - chunk_began))
        progress['seconds'] += time.perf_counter() - began

        evaluations.append(_evaluation(step, step / epoch_steps, np.concatenate(losses), evaluate(state, 'valid')))
        checkpoints.save(state, step, progress)
        record.evaluations(evaluations)
        record.events(evaluations[-1])
        reporter.evaluated(evaluations[-1], best=evaluations[-1] is best_evaluation(evaluations))

    checkpoints.wait()
    best = best_evaluation(evaluations)
    state, _ = checkpoints.restore(best['step'], state, mesh)
    return {
        'fingerprint': configuration.fingerprint(made.config), 'data_hash': data.hash, 'seed': made.config.seed,
        'test': evaluate(state, 'test'), 'valid': {'auc': best['valid_auc'], 'logloss': best['valid_logloss']},
        'best_step': best['step'], 'best_epoch': best['epoch'], 'steps': step, 'epochs': step / epoch_steps,
        'parameters': parameter_count(state.params),
        'embedding_parameters': sum(x.size for x in jax.tree.leaves([state.tables, state.params.get('embedding', {})])),
        'train_seconds': progress['seconds'], 'train_rows_per_second': step / epoch_steps * rows / progress['seconds'],
    }


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
