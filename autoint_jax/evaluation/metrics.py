"""The table of metrics. Everything that evaluates, stops, chooses, records or shows reads it.

To add a metric, write its function and its entry in `ranking.py` or `calibration.py`, and its test.
"""

from collections.abc import Iterable, Mapping

from autoint_jax.errors import UsageError, nearest
from autoint_jax.evaluation.calibration import CALIBRATION
from autoint_jax.evaluation.metric import NEEDS, Metric, Scored
from autoint_jax.evaluation.ranking import RANKING

METRICS: dict[str, Metric] = {metric.name: metric for metric in (*RANKING, *CALIBRATION)}
# Every evaluation has these, which are computed on the devices.
ALWAYS = ('auc', 'logloss')


def metric(name: str) -> Metric:
    """The metric of a name. Raises UsageError if there is none."""
    if name not in METRICS:
        raise UsageError(f'unknown metric {name!r}{nearest(name, list(METRICS))}; known: {", ".join(METRICS)}')
    return METRICS[name]


def chosen(names: Iterable[str]) -> tuple[str, ...]:
    """The metrics of an evaluation: ALWAYS, then the others that are named. Raises UsageError on an unknown name."""
    return tuple(dict.fromkeys([*ALWAYS, *(metric(name).name for name in names)]))


def needed(names: Iterable[str]) -> str:
    """The dearest of the things that some metrics are computed from: TOTALS, LOGITS or GROUPS."""
    return max((METRICS[name].needs for name in names), key=NEEDS.index)


def figures(names: Iterable[str], scored: Scored) -> dict[str, float]:
    """{name: value} of some metrics; NaN of one that is not defined."""
    return {name: METRICS[name].of(scored) for name in names}


def in_order(values: Mapping[str, float]) -> dict[str, float]:
    """The values of an evaluation, {name: value}, in the order of METRICS; those of unknown metrics are left out."""
    return {name: values[name] for name in METRICS if name in values}


def line(values: Mapping[str, float], more_digits: int = 0, between: str = ', ') -> str:
    """Figures for a person: 'AUC 0.8456, logloss 0.3797'."""
    return between.join(
        f'{METRICS[name].title} {METRICS[name].shown(value, more_digits)}' for name, value in values.items()
    )
