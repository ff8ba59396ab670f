"""The table of metrics. Evaluation, early stopping, sweeps, records and pages read it.

To add a metric, write its function and its entry in `ranking.py`, `calibration.py` or `weighted.py`, and its test.
"""

from collections.abc import Iterable, Mapping

from autoint_jax.errors import UsageError, nearest
from autoint_jax.evaluation.calibration import CALIBRATION
from autoint_jax.evaluation.metric import NEEDS, Metric, Scored
from autoint_jax.evaluation.ranking import RANKING
from autoint_jax.evaluation.weighted import WEIGHTED

METRICS: dict[str, Metric] = {metric.name: metric for metric in (*RANKING, *CALIBRATION, *WEIGHTED)}
# The metrics that every evaluation has. They are computed on the devices.
ALWAYS = ('auc', 'logloss')


def metric(name: str) -> Metric:
    """Returns the metric of a name. Raises UsageError if the name is unknown."""
    if name not in METRICS:
        raise UsageError(f'unknown metric {name!r}{nearest(name, list(METRICS))}; known: {", ".join(METRICS)}')
    return METRICS[name]


def chosen(names: Iterable[str]) -> tuple[str, ...]:
    """Returns the metrics of an evaluation: ALWAYS, then the named ones. Raises UsageError if a name is unknown."""
    return tuple(dict.fromkeys([*ALWAYS, *(metric(name).name for name in names)]))


def needed(names: Iterable[str]) -> str:
    """Returns the most that any of some metrics needs: TOTALS, LOGITS or GROUPS."""
    return max((METRICS[name].needs for name in names), key=NEEDS.index)


def figures(names: Iterable[str], scored: Scored) -> dict[str, float]:
    """Returns {name: value} of some metrics; the value is NaN if a metric is not defined."""
    return {name: METRICS[name].of(scored) for name in names}


def in_order(values: Mapping[str, float]) -> dict[str, float]:
    """Returns the values of an evaluation, {name: value}, in the order of METRICS, without unknown metrics."""
    return {name: values[name] for name in METRICS if name in values}


def line(values: Mapping[str, float], more_digits: int = 0, between: str = ', ') -> str:
    """Returns figures as a text, such as 'AUC 0.8456, logloss 0.3797'."""
    return between.join(
        f'{METRICS[name].title} {METRICS[name].shown(value, more_digits)}' for name, value in values.items()
    )
