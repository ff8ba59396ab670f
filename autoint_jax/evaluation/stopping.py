"""Early stopping, and the choice of the best evaluation.

Both are decided by one metric of the validation split, which `training.monitor` names.
"""

import math
from collections.abc import Sequence

from autoint_jax.evaluation.evaluation import Evaluation
from autoint_jax.evaluation.metrics import METRICS


def setbacks_in_a_row(values: Sequence[float], monitor: str) -> int:
    """Returns how many of the latest evaluations were each worse than the one before (for the logloss: higher).

    Args:
      values: the values of the monitored metric, in order.
      monitor: the name of the metric.
    """
    count, ranks = 0, [METRICS[monitor].rank(value) for value in values]
    for before, after in zip(ranks[-2::-1], ranks[:0:-1], strict=True):
        if not after > before:
            break
        count += 1
    return count


def should_stop(values: Sequence[float], monitor: str, stop_after: int) -> bool:
    """Returns whether `stop_after` evaluations in a row got worse (the authors' rule); 0 = never."""
    return 0 < stop_after <= setbacks_in_a_row(values, monitor)


def best_evaluation(evaluations: Sequence[Evaluation], monitor: str) -> Evaluation:
    """Returns the first of the evaluations with the best value of a metric. NaN is worse than every number.

    The record, the kept checkpoint and the test figures all follow this rule.
    """
    ranks = [METRICS[monitor].rank(evaluation.valid[monitor]) for evaluation in evaluations]
    return evaluations[ranks.index(min(ranks, key=lambda rank: math.inf if math.isnan(rank) else rank))]
