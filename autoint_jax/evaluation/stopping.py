"""When training ends before its last epoch, and which evaluation was the best.

Both are decided by one metric of the validation split, which `training.monitor` names.
"""

import math
from collections.abc import Sequence

from autoint_jax.evaluation.evaluation import Evaluation
from autoint_jax.evaluation.metrics import METRICS


def setbacks_in_a_row(values: Sequence[float], monitor: str) -> int:
    """How many of the latest evaluations were each worse than the one before: for the logloss, higher.

    Args:
      values: of the monitored metric, in order.
      monitor: the name of the metric.
    """
    count, ranks = 0, [METRICS[monitor].rank(value) for value in values]
    for before, after in zip(ranks[-2::-1], ranks[:0:-1], strict=True):
        if not after > before:
            break
        count += 1
    return count


def should_stop(values: Sequence[float], monitor: str, stop_after: int) -> bool:
    """The authors' rule: stop after so many successive evaluations, each worse than the one before; 0 = never."""
    return 0 < stop_after <= setbacks_in_a_row(values, monitor)


def best_evaluation(evaluations: Sequence[Evaluation], monitor: str) -> Evaluation:
    """The first of the evaluations with the best value of a metric; one that is NaN comes after all numbers.

    The one rule of what is best: for the record, for the checkpoint that is kept and for the test.
    """
    ranks = [METRICS[monitor].rank(evaluation.valid[monitor]) for evaluation in evaluations]
    return evaluations[ranks.index(min(ranks, key=lambda rank: math.inf if math.isnan(rank) else rank))]
