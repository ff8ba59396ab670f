"""The options of the optimizers of parameters and of tables."""

import dataclasses

from autoint_jax.config.options import check, option

TABLE_OPTIMIZERS = ('adam', 'deferred_adam', 'lazy_adam', 'rowwise_adagrad')


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
    b1: float = option(0.9, "decay of Adam's first moment at each step")
    b2: float = option(0.999, "decay of Adam's second moment at each step")
    epsilon: float = option(1e-8, 'number added to the square root of the second moment')
    l2_rows: float = option(0.0, 'factor of the L2 penalty on the table rows of a batch, each of which counts once')
    l2_tables: float = option(0.0, "factor of the L2 penalty on all rows of tables at each step (needs tables 'adam')")

    def __post_init__(self):
        check(self.name == 'adam', 'optimizer.name', self.name, "'adam'")
        for name in ('learning_rate', 'epsilon'):
            check(getattr(self, name) > 0, f'optimizer.{name}', getattr(self, name), 'above 0')
        for name in ('l2_rows', 'l2_tables'):
            check(getattr(self, name) >= 0, f'optimizer.{name}', getattr(self, name), 'at least 0')
        check(self.tables in TABLE_OPTIMIZERS, 'optimizer.tables', self.tables, f'one of {", ".join(TABLE_OPTIMIZERS)}')
        check(
            self.tables != 'deferred_adam' or 0 < self.b1 < self.b2 < 1,
            'optimizer.b1',
            self.b1,
            f"above 0 and below optimizer.b2 ({self.b2}), itself below 1, for optimizer.tables 'deferred_adam'",
        )
        check(
            self.tables == 'adam' or not self.l2_tables,
            'optimizer.l2_tables',
            self.l2_tables,
            f'0 with optimizer.tables {self.tables!r}: it would give rows that are not in the batch a gradient, '
            "and they are skipped; use optimizer.l2_rows, or optimizer.tables 'adam'",
        )
