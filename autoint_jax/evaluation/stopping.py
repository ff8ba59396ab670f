"""Early stopping, plateaus, and the choice of the best evaluation.

All are decided by one metric of the validation split, which `training.monitor` names.
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


def since_the_best(values: Sequence[float], monitor: str) -> int:
    """Returns how many of the latest evaluations were not better than the best one before them. NaN is never better.

    Args:
      values: the values of the monitored metric, in order.
      monitor: the name of the metric.
    """
    count, best = 0, math.inf
    for value in values:
        rank = METRICS[monitor].rank(value)
        count, best = (0, rank) if rank < best else (count + 1, best)
    return count


def should_stop(values: Sequence[float], monitor: str, stop_after: int, patience: int = 0) -> bool:
    """Returns whether early stopping ends a run after some evaluations.

    Args:
      values: the values of the monitored metric, in order.
      monitor: the name of the metric.
      stop_after: stop after this many evaluations in a row that got worse (the authors' rule); 0 = never.
      patience: stop after this many evaluations in a row that were not better than the best one; 0 = never.
    """
    return 0 < stop_after <= setbacks_in_a_row(values, monitor) or 0 < patience <= since_the_best(values, monitor)


def plateaus(values: Sequence[float], monitor: str, patience: int) -> int:
    """Returns how many plateaus some evaluations hold.

    A plateau is `patience` evaluations in a row that are not better than the best one before. The next one begins after
    it.
    """
    count, waited, best = 0, 0, math.inf
    for value in values:
        rank = METRICS[monitor].rank(value)
        waited, best = (0, rank) if rank < best else (waited + 1, best)
        if waited == patience:
            count, waited = count + 1, 0
    return count


def best_evaluation(evaluations: Sequence[Evaluation], monitor: str) -> Evaluation:
    """Returns the first of the evaluations with the best value of a metric. NaN is worse than every number.

    The record, the kept checkpoint and the test figures all follow this rule.
    """
    ranks = [METRICS[monitor].rank(evaluation.valid[monitor]) for evaluation in evaluations]
    return evaluations[ranks.index(min(ranks, key=lambda rank: math.inf if math.isnan(rank) else rank))]
