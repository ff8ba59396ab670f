"""The options of the training loop: sizes of batches, what evaluations measure, and when training ends."""

import dataclasses

from autoint_jax.config.options import MOST_PLACES, check, option
from autoint_jax.evaluation.metric import GROUPS
from autoint_jax.evaluation.metrics import ALWAYS, METRICS, chosen, needed


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """How long a run trains, on how many rows a step, and how it is judged on the way."""

    batch_size: int = option(1024, 'rows of a step, over all devices')
    epochs: int = option(50, 'passes over the training split, at most')
    evaluations_per_epoch: int = option(1, 'how often an epoch is evaluated on the validation split and saved')
    stop_after_increases: int = option(
        0,
        'stop after so many successive evaluations that were each worse than the one before by training.monitor '
        '(increases of the logloss); 0 = never',
    )
    monitor: str = option(
        'logloss', 'metric of the validation split that decides which checkpoint is the best, and when to stop early'
    )
    metrics: tuple[str, ...] = option(
        (), f'metrics of every evaluation beside {" and ".join(ALWAYS)}, of {", ".join(METRICS)}'
    )
    group_by: str = option('', 'categorical field whose value groups rows for group metrics, such as UserID')

    def __post_init__(self):
        for name in ('batch_size', 'epochs', 'evaluations_per_epoch', 'stop_after_increases'):
            path, value = f'training.{name}', getattr(self, name)
            check(value <= MOST_PLACES, path, value, f'at most {MOST_PLACES:,}')
            least = 0 if name == 'stop_after_increases' else 1
            check(value >= least, path, value, f'at least {least}')
        self._check_metrics()

    def _check_metrics(self):
        for path, names in (('training.metrics', self.metrics), ('training.monitor', (self.monitor,))):
            for name in names:
                check(name in METRICS, path, name, f'one of {", ".join(METRICS)}')
        check(
            METRICS[self.monitor].better is not None,
            'training.monitor',
            self.monitor,
            'a metric of which higher or lower is better',
        )
        grouped = needed(self.evaluated) == GROUPS
        check(
            bool(self.group_by) == grouped,
            'training.group_by',
            self.group_by,
            'a categorical field, by which a metric groups rows' if grouped else 'empty without a group metric',
        )

    @property
    def evaluated(self) -> tuple[str, ...]:
        """The names of all metrics of an evaluation."""
        return chosen((*self.metrics, self.monitor))
