"""When training has diverged, and what could be the cause: the data first, then the learning rate."""

import math
from collections.abc import Sequence

import numpy as np

from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.errors import UsageError

# A logloss is absurd above so many times that of the constant prediction, the share of positives of the training split, and above
# so many nats: where positives are rare, the constant prediction has almost no loss, and a model that has not learned yet has 0.69.
ABSURD_TIMES, ABSURD_LEAST = 100, 10.0
# A numeric value as large as this is said to be the likely cause. Prepared numeric fields are usually within 10.
LARGE = 1e3
BLOCK_ROWS = 1 << 18


class Diverged(UsageError):
    """Training of a run has diverged; the sentence says when, how and what could be the cause."""


def absurd_logloss(data: PreparedData) -> float:
    """The logloss above which training has diverged."""
    split = data.manifest['splits']['train']
    share = split['positives'] / split['rows']
    constant = -sum(p * math.log(p) for p in (share, 1 - share) if p)
    return max(ABSURD_TIMES * constant, ABSURD_LEAST)


def divergence(
    data: PreparedData,
    learning_rate: float,
    *,
    step: int,
    train_logloss: float,
    valid_logloss: float,
    not_finite: Sequence[str],
) -> Diverged | None:
    """The error of a run that has diverged; None where all is well.

    Args:
      data: what the run trains on.
      learning_rate: of the run.
      step: steps taken.
      train_logloss: mean since the last evaluation.
      valid_logloss: of this evaluation.
      not_finite: arrays of the state that hold NaN or an infinity.
    """
    limit = absurd_logloss(data)
    losses = f'logloss is {train_logloss:.6g} on train, {valid_logloss:.6g} on valid'
    if not math.isfinite(train_logloss + valid_logloss):
        found = losses
    elif max(train_logloss, valid_logloss) > limit:
        found = f'{losses}, where {limit:.4g} is already absurd (a constant prediction is far below)'
    elif not_finite:
        others = f' and {len(not_finite) - 1} other arrays of the state hold' if len(not_finite) > 1 else ' holds'
        found = f'{not_finite[0]}{others} values that are not finite'
    else:
        return None
    return Diverged(
        f'training diverged before step {step}: {found}; {_cause(data)} optimizer.learning_rate (now {learning_rate:g})'
    )


def _cause(data: PreparedData) -> str:
    """What to look at, up to the words 'lower', of the learning rate."""
    names = [field.name for field in data.schema.numeric_fields]
    if not names:
        return 'no numeric field can be the cause, so lower'
    largest = largest_values(data)
    field = int(np.argmax(largest))
    if largest[field] >= LARGE:
        return (
            f'look at the data first, where the numeric field {names[field]!r} reaches {largest[field]:.3g} in training rows '
            '(a transform of the field, or a mended source, makes it smaller); then lower'
        )
    return f'the data is no likely cause, since no numeric field passes {largest[field]:.3g} in training rows, so lower'


def largest_values(data: PreparedData) -> np.ndarray:
    """The largest absolute value of every numeric field in the training split, missing values left out; float32 [numeric]."""
    numeric = data.split('train').numeric
    largest = np.zeros(numeric.shape[1], np.float32)
    for first in range(0, len(numeric), BLOCK_ROWS):
        block = np.abs(numeric[first : first + BLOCK_ROWS])
        largest = np.maximum(largest, np.where(np.isnan(block), 0, block).max(0, initial=0))
    return largest
