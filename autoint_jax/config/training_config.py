"""The options of the training loop: sizes of batches, what evaluations measure, and when training ends."""

import dataclasses

from autoint_jax.config.options import MOST_PLACES, check, check_choice, option
from autoint_jax.evaluation.metric import GROUPS
from autoint_jax.evaluation.metrics import ALWAYS, METRICS, chosen, needed

STOP, SKIP = 'stop', 'skip'


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """The options of the training loop: how long it runs, how many rows a step has, and how it is evaluated."""

    batch_size: int = option(1024, 'rows of a training step, all devices together')
    epochs: int = option(50, 'most passes over the training split')
    evaluations_per_epoch: int = option(
        1, 'how many times in an epoch the run is evaluated on the validation split and saved'
    )
    stop_after_increases: int = option(
        0,
        'stop after this many evaluations in a row that were each worse than the one before, by training.monitor '
        '(0 = never)',
    )
    stop_patience: int = option(
        0,
        'stop after this many evaluations without a better one (0 = never); what is better is decided by '
        'training.monitor',
    )
    positive_weight: float = option(1.0, 'how often a row of label 1 counts in the training loss')
    negatives_kept: float = option(
        1.0,
        'fraction of negative rows that sampling has left in the training split; predictions are corrected for it, and '
        'the validation and the test split must not be sampled',
    )
    not_finite: str = option(
        STOP,
        "what a run does at a step whose loss or gradients are not finite: 'stop', or 'skip', which leaves the state "
        'as it was and counts the step',
    )
    monitor: str = option(
        'logloss',
        'metric of the validation split that decides which checkpoint is the best, and when to stop early; it also '
        'decides where optimizer.plateau_factor lowers the learning rates',
    )
    metrics: tuple[str, ...] = option(
        (), f'further metrics of every evaluation, besides {" and ".join(ALWAYS)} (known: {", ".join(METRICS)})'
    )
    group_by: str = option('', 'categorical field, such as UserID, whose value groups the rows for group metrics')

    def __post_init__(self):
        for name in ('batch_size', 'epochs', 'evaluations_per_epoch', 'stop_after_increases', 'stop_patience'):
            path, value = f'training.{name}', getattr(self, name)
            check(value <= MOST_PLACES, path, value, f'at most {MOST_PLACES:,}')
            least = 0 if name.startswith('stop_') else 1
            check(value >= least, path, value, f'at least {least}')
        check_choice('training.not_finite', self.not_finite, (STOP, SKIP))
        check(
            0 < self.positive_weight <= 1e6, 'training.positive_weight', self.positive_weight, 'above 0 and at most 1e6'
        )
        check(0 < self.negatives_kept <= 1, 'training.negatives_kept', self.negatives_kept, 'above 0 and at most 1')
        self._check_metrics()

    def _check_metrics(self):
        for name in self.metrics:
            check_choice('training.metrics', name, METRICS)
        judging = [name for name, metric in METRICS.items() if metric.better is not None]
        check_choice('training.monitor', self.monitor, judging)
        grouped = needed(self.evaluated) == GROUPS
        check(
            bool(self.group_by) == grouped,
            'training.group_by',
            self.group_by,
            'a categorical field, by which a metric groups rows' if grouped else 'empty without a group metric',
        )

    @property
    def evaluated(self) -> tuple[str, ...]:
        """The names of all metrics that an evaluation computes."""
        return chosen((*self.metrics, self.monitor))
