"""When training ends before its last epoch, and which evaluation was the best."""

import math
from collections.abc import Sequence
from typing import Any


def increases_in_a_row(loglosses: Sequence[float]) -> int:
    """How many of the latest evaluations each raised the validation logloss over the one before."""
    count = 0
    for before, after in zip(loglosses[-2::-1], loglosses[:0:-1], strict=True):
        if not after > before:
            break
        count += 1
    return count


def should_stop(loglosses: Sequence[float], stop_after_increases: int) -> bool:
    """The authors' rule: stop after so many successive increases of the validation logloss; 0 = never."""
    return 0 < stop_after_increases <= increases_in_a_row(loglosses)


def best_evaluation(evaluations: list[dict[str, Any]]) -> dict[str, Any]:
    """The first evaluation with the lowest validation logloss; one that is NaN comes after all numbers.

    The one rule of what is best: for the record, for the checkpoint that is kept and for the test.
    """
    losses = [evaluation['valid_logloss'] for evaluation in evaluations]
    return evaluations[losses.index(min(losses, key=lambda loss: math.inf if math.isnan(loss) else loss))]
