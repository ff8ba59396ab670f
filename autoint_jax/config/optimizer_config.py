"""The options of the optimizers of parameters and of tables."""

import dataclasses

from autoint_jax.config.options import MOST_PLACES, check, check_choice, option

TABLE_OPTIMIZERS = ('adam', 'deferred_adam', 'lazy_adam', 'rowwise_adagrad')
PENALTIES = (
    'clip_norm',
    'row_clip',
    'row_clip_floor',
    'weight_decay',
    'tables_weight_decay',
    'l2_params',
    'l2_rows',
    'l2_tables',
)
CONSTANT, COSINE, LINEAR, STEP, INVERSE_ROOT = SCHEDULES = ('constant', 'cosine', 'linear', 'step', 'inverse_root')
MOST_DECAY = 1 - 2.0**-23  # of moments; single precision rounds larger ones to 1, with which a moment would stay 0
MOST_SCHEDULE_STEPS = 10_000_000  # the factors of all these steps lie in memory


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
    """The options of the optimizer of parameters and of the optimizer of embedding tables."""

    name: str = option('adam', "optimizer of parameters, 'adam'")
    tables: str = option(
        'adam',
        "optimizer of embedding tables: 'adam' (updates every row at every step), or one that updates only the rows of "
        "the batch, which is 'deferred_adam' (when a row is read again, makes up for the steps it missed, so it "
        "follows 'adam'), 'lazy_adam' (forgets the steps a row missed, so it differs from 'adam') or "
        "'rowwise_adagrad' (keeps one accumulator for each row)",
    )
    learning_rate: float = option(1e-3, 'learning rate of both optimizers')
    tables_learning_rate: float = option(0.0, 'learning rate of tables (0 = optimizer.learning_rate)')
    schedule: str = option(
        CONSTANT,
        "how both learning rates change: 'constant', 'cosine', 'linear', 'step' or 'inverse_root'; 'cosine' and "
        "'linear' end with optimizer.final_fraction of the rate, 'step' multiplies it by optimizer.decay_factor every "
        "optimizer.decay_every steps, 'inverse_root' falls with the square root of the steps, from the end of the "
        'warm-up on',
    )
    warmup_steps: int = option(0, 'steps in which both learning rates rise linearly from 0; optimizer.schedule follows')
    schedule_steps: int = option(
        0,
        'steps after which the schedule ends and rates stay as they are; those of the warm-up are among them, and each '
        "schedule but 'constant' needs an end",
    )
    final_fraction: float = option(0.0, "fraction of the learning rate with which 'cosine' and 'linear' end")
    decay_every: int = option(0, "steps after which 'step' lowers the learning rates, again and again")
    decay_factor: float = option(0.1, "factor by which 'step' lowers the learning rates each time")
    plateau_factor: float = option(
        0.0,
        'factor by which a plateau lowers both learning rates (0 = never); it is optimizer.plateau_patience '
        'evaluations in a row that are not better than the best one, by training.monitor',
    )
    plateau_patience: int = option(1, 'evaluations of a plateau')
    plateau_least: float = option(0.0, 'fraction of the learning rates below which plateaus do not lower them')
    b1: float = option(0.9, "decay of Adam's first moment at each step")
    b2: float = option(0.999, "decay of Adam's second moment at each step")
    epsilon: float = option(1e-8, 'number added to the square root of the second moment')
    clip_norm: float = option(
        0.0,
        'largest norm of the gradients of a step (0 = any); it is that of the gradients of parameters and of the rows '
        'of the batch together, and larger ones are scaled down to it',
    )
    row_clip: float = option(
        0.0,
        'r of CowClip, which clips gradients of table rows (0 = never); the largest norm is r times that of the row '
        'times how often the batch reads it',
    )
    row_clip_floor: float = option(1e-5, 'z of CowClip; rows count as if their values were at least z')
    weight_decay: float = option(
        0.0, "factor of AdamW's weight decay; it is that of parameters and of the table rows of a batch"
    )
    tables_weight_decay: float = option(
        0.0,
        "factor of AdamW's weight decay of all rows of tables at each step, in place of that of the rows of a batch "
        "(needs tables 'adam')",
    )
    l2_params: float = option(0.0, 'factor of the L2 penalty on parameters, which are all but tables')
    l2_rows: float = option(0.0, 'factor of the L2 penalty on the table rows of a batch, each of which counts once')
    l2_tables: float = option(0.0, "factor of the L2 penalty on all rows of tables at each step (needs tables 'adam')")

    def __post_init__(self):
        check(self.name == 'adam', 'optimizer.name', self.name, "'adam'")
        for name in ('learning_rate', 'epsilon'):
            check(getattr(self, name) > 0, f'optimizer.{name}', getattr(self, name), 'above 0')
        for name in ('tables_learning_rate', *PENALTIES):
            check(getattr(self, name) >= 0, f'optimizer.{name}', getattr(self, name), 'at least 0')
        check_choice('optimizer.tables', self.tables, TABLE_OPTIMIZERS)
        for name in ('b1', 'b2'):
            check(
                0 <= getattr(self, name) <= MOST_DECAY,
                f'optimizer.{name}',
                getattr(self, name),
                f'at least 0 and at most {MOST_DECAY:.7g}',
            )
        check(
            self.tables != 'deferred_adam' or 0 < self.b1 < self.b2,
            'optimizer.b1',
            self.b1,
            f"above 0 and below optimizer.b2 ({self.b2}) for optimizer.tables 'deferred_adam'",
        )
        check(
            self.tables == 'adam' or not self.l2_tables,
            'optimizer.l2_tables',
            self.l2_tables,
            f'0 with optimizer.tables {self.tables!r}: it would give rows that are not in the batch a gradient, '
            "and they are skipped; use optimizer.l2_rows, or optimizer.tables 'adam'",
        )
        check(
            self.tables == 'adam' or not self.tables_weight_decay,
            'optimizer.tables_weight_decay',
            self.tables_weight_decay,
            f'0 with optimizer.tables {self.tables!r}, which skips the rows that are not in the batch and so cannot '
            "decay them; use optimizer.weight_decay, or optimizer.tables 'adam'",
        )
        self._check_schedule()
        self._check_plateau()
        self._check_unread()

    def _check_plateau(self):
        check(0 <= self.plateau_factor < 1, 'optimizer.plateau_factor', self.plateau_factor, 'at least 0 and below 1')
        check(
            1 <= self.plateau_patience <= MOST_PLACES,
            'optimizer.plateau_patience',
            self.plateau_patience,
            f'at least 1 and at most {MOST_PLACES:,}',
        )
        check(0 <= self.plateau_least <= 1, 'optimizer.plateau_least', self.plateau_least, 'from 0 to 1')
        check(
            not self.plateau_factor or self.plateau_least < 1,
            'optimizer.plateau_least',
            self.plateau_least,
            f'below 1 with optimizer.plateau_factor ({self.plateau_factor:g}), which would never lower the learning '
            'rates otherwise',
        )

    def _check_unread(self):
        """Raises UsageError if an option was changed whose rule is off, because nothing would read it."""
        stepped = self.schedule == STEP
        for name, is_read, rule in (
            ('decay_factor', stepped, f'schedule {STEP!r}'),
            ('plateau_patience', self.plateau_factor > 0, 'plateau_factor'),
            ('plateau_least', self.plateau_factor > 0, 'plateau_factor'),
            ('row_clip_floor', self.row_clip > 0, 'row_clip'),
        ):
            default = getattr(OptimizerConfig, name)
            check(
                is_read or getattr(self, name) == default,
                f'optimizer.{name}',
                getattr(self, name),
                f'{default:g} without optimizer.{rule}',
            )

    def _check_schedule(self):
        check_choice('optimizer.schedule', self.schedule, SCHEDULES)
        check(
            0 <= self.warmup_steps <= MOST_SCHEDULE_STEPS,
            'optimizer.warmup_steps',
            self.warmup_steps,
            f'at least 0 and at most {MOST_SCHEDULE_STEPS:,}',
        )
        if self.schedule == CONSTANT:
            check(
                self.schedule_steps == 0,
                'optimizer.schedule_steps',
                self.schedule_steps,
                "0 with optimizer.schedule 'constant', which has no end",
            )
        else:
            check(
                self.warmup_steps < self.schedule_steps <= MOST_SCHEDULE_STEPS,
                'optimizer.schedule_steps',
                self.schedule_steps,
                f'above optimizer.warmup_steps ({self.warmup_steps:,}) and at most {MOST_SCHEDULE_STEPS:,} with '
                f'optimizer.schedule {self.schedule!r}',
            )
        check(0 <= self.final_fraction <= 1, 'optimizer.final_fraction', self.final_fraction, 'from 0 to 1')
        check(
            not self.final_fraction or self.schedule in (COSINE, LINEAR),
            'optimizer.final_fraction',
            self.final_fraction,
            f"0 with optimizer.schedule {self.schedule!r}: only 'cosine' and 'linear' have such an end",
        )
        stepped = self.schedule == STEP
        most = self.schedule_steps - self.warmup_steps
        check(
            0 < self.decay_every <= most if stepped else self.decay_every == 0,
            'optimizer.decay_every',
            self.decay_every,
            f"above 0 and at most {most:,} with optimizer.schedule 'step', which ends so many steps after the warm-up"
            if stepped
            else f'0 with optimizer.schedule {self.schedule!r}',
        )
        check(0 < self.decay_factor <= 1, 'optimizer.decay_factor', self.decay_factor, 'above 0 and at most 1')
