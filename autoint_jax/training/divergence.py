"""The test whether training has diverged, and an error with the likely cause: weight decay, the data, or the rate."""

import math
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from autoint_jax.config.configuration import Config
from autoint_jax.config.rates import rates_of
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.errors import UsageError
from autoint_jax.schema import ROW_WEIGHTS
from autoint_jax.training.step import order
from autoint_jax.training.step.schedule import Schedule

# A logloss is absurd if it is above ABSURD_TIMES that of the constant prediction, which is the fraction of positives in
# the training split, and also above ABSURD_LEAST nats: if positives are rare, the constant prediction has almost no
# loss, but a model that has not learned yet has a logloss of 0.69.
ABSURD_TIMES, ABSURD_LEAST = 100, 10.0
# The sentence names a numeric field as the likely cause if a value is at least this large. Prepared values are usually
# below 10. So it names weights of rows, whose mean should be near 1.
LARGE = 1e3
BLOCK_ROWS = 1 << 18


SHOWN_ROWS = 8  # of the batch of a bad step


class Diverged(UsageError):
    """The error that training has diverged. Its sentence says at which step, how it showed, and the likely cause."""


class BadStep(NamedTuple):
    """A step whose loss is not finite.

    Attributes:
      step: its number, from 1.
      loss: 'nan', 'inf' or '-inf'.
      rows: the numbers of the rows of its batch in the training split, from 0.
      checkpoint: the step of the newest checkpoint; 0 if there is none.
    """

    step: int
    loss: str
    rows: list[int]
    checkpoint: int


def bad_step(config: Config, schedule: Schedule, step: int, loss: float, checkpoint: int) -> BadStep:
    """Returns a bad step with the rows of its batch, which follow from the configuration.

    Args:
      config: the configuration of the run.
      schedule: the schedule of the run.
      step: the number of the step, from 1.
      loss: its loss.
      checkpoint: the step of the newest checkpoint; 0 if there is none.
    """
    epoch, batch = divmod(step - 1, schedule.epoch_steps)
    ordered = order.epoch_order(
        config.seed,
        epoch,
        rows=schedule.rows,
        batch_size=schedule.batch_size,
        padded_batch=schedule.batch_size,
        blocks=config.data.shuffle == 'blocks',
    )[batch]
    return BadStep(step, str(loss), ordered[ordered >= 0].tolist(), checkpoint)


def divergence_of_step(data: PreparedData, config: Config, bad: BadStep, path: pathlib.Path) -> Diverged:
    """Returns the error of a run with a bad step; `path` is the file that holds all its rows."""
    shown = ', '.join(map(str, bad.rows[:SHOWN_ROWS]))
    more = f' and {len(bad.rows) - SHOWN_ROWS} more, all of them in {path}' if len(bad.rows) > SHOWN_ROWS else ''
    last = (
        f'the last good checkpoint is that of step {bad.checkpoint}' if bad.checkpoint else 'no checkpoint is saved yet'
    )
    return Diverged(
        f'training diverged in step {bad.step}: its loss is {bad.loss} (rows of the training split: {shown}{more}), '
        f'and {last}; {_advice(data, config)}'
    )


def absurd_logloss(data: PreparedData) -> float:
    """Returns the logloss, in nats, above which training on this data has diverged."""
    split = data.manifest['splits']['train']
    positives = split['positives'] / split['rows']
    constant = -sum(p * math.log(p) for p in (positives, 1 - positives) if p)
    return max(ABSURD_TIMES * constant, ABSURD_LEAST)


def divergence(
    data: PreparedData,
    config: Config,
    *,
    step: int,
    train_logloss: float,
    valid_logloss: float,
    not_finite: Sequence[str],
) -> Diverged | None:
    """Returns the error of a run that has diverged, or None.

    Args:
      data: the data that the run trains on.
      config: the configuration of the run.
      step: steps taken.
      train_logloss: mean training loss since the last evaluation, in nats. With weights of rows it is as large as
        these, so only the validation logloss can be absurd.
      valid_logloss: validation logloss of this evaluation, in nats.
      not_finite: names of arrays of the state that hold NaN or an infinity.
    """
    limit = absurd_logloss(data)
    weighted = ROW_WEIGHTS in data.schema.row_columns or config.training.positive_weight != 1
    losses = f'logloss is {train_logloss:.6g} on train, {valid_logloss:.6g} on valid'
    if not math.isfinite(train_logloss + valid_logloss):
        found = losses
    elif valid_logloss > limit or (train_logloss > limit and not weighted):
        found = f'{losses}, where {limit:.4g} is already absurd (a constant prediction is far below)'
    elif not_finite:
        others = f' and {len(not_finite) - 1} other arrays of the state hold' if len(not_finite) > 1 else ' holds'
        found = f'{not_finite[0]}{others} values that are not finite'
    else:
        return None
    return Diverged(f'training diverged before step {step}: {found}; {_advice(data, config)}')


def _advice(data: PreparedData, config: Config) -> str:
    """Returns the part of the sentence that names the likely cause, and the options to lower with their values."""
    if advice := _decay_advice(config):
        return advice
    options = ['learning_rate'] + ['tables_learning_rate'] * (config.optimizer.tables_learning_rate > 0)
    return f'{_cause(data)} ' + ' or '.join(
        f'optimizer.{name} (now {getattr(config.optimizer, name):g})' for name in options
    )


def _decay_advice(config: Config) -> str:
    """Returns the advice to lower the weight decay if it is so large that values grow by it alone; else ''.

    Decay multiplies a value by 1 - learning rate * decay at each step, which is below -1 if the product is above 2.
    """
    rates, tables_decay = rates_of(config), config.optimizer.tables_weight_decay
    rate = rates.learning_rate if tables_decay else max(rates.learning_rate, rates.tables_learning_rate)
    for name, decay, product in (
        ('weight_decay', rates.weight_decay, rate * rates.weight_decay),
        ('tables_weight_decay', tables_decay, rates.tables_learning_rate * tables_decay),
    ):
        if product > 2:
            return (
                f'lower optimizer.{name} (now {decay:g}): times the learning rate it is {product:.4g}, and above 2 '
                'each decay makes values larger'
            )
    return ''


def _cause(data: PreparedData) -> str:
    """Returns the part of the sentence that names the likely cause; it ends with the word 'lower'."""
    names = [field.name for field in data.schema.numeric_fields]
    heaviest = data.split('train').row_weights.max() if ROW_WEIGHTS in data.schema.row_columns else 0
    if heaviest >= LARGE:
        return (
            f'look at the weights of rows first, which reach {heaviest:.3g} in training rows (divide them by '
            'their mean); then lower'
        )
    if not names:
        return 'no numeric field can be the cause, so lower'
    largest = largest_values(data)
    field = int(np.argmax(largest))
    if largest[field] >= LARGE:
        return (
            f'look at the data first, where the numeric field {names[field]!r} reaches {largest[field]:.3g} in '
            'training rows (a transform of the field, or a corrected source, makes it smaller); then lower'
        )
    return (
        f'the data is not the likely cause, since no numeric field exceeds {largest[field]:.3g} in training rows, '
        'so lower'
    )


def largest_values(data: PreparedData) -> np.ndarray:
    """Returns the largest absolute value of each numeric field in the training split, NaN left out, float32 [f]."""
    numeric = data.split('train').numeric
    largest = np.zeros(numeric.shape[1], np.float32)
    for first in range(0, len(numeric), BLOCK_ROWS):
        block = np.abs(numeric[first : first + BLOCK_ROWS])
        largest = np.maximum(largest, np.where(np.isnan(block), 0, block).max(0, initial=0))
    return largest
