"""The options of the optimizers of parameters and of tables."""

import dataclasses

from autoint_jax.config.options import check, option

TABLE_OPTIMIZERS = ('adam', 'deferred_adam', 'lazy_adam', 'rowwise_adagrad')


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
    """How parameters and tables follow from their gradients."""

    name: str = option('adam', "optimizer of parameters, 'adam'")
    tables: str = option(
        'adam',
        "optimizer of tables: 'adam' (dense and exact), 'deferred_adam' (touches a batch's "
        "rows and makes up for the steps a row missed when it is next read, so it follows 'adam'), "
        "'lazy_adam' (touches a batch's rows and forgets the steps a row missed, so it is not 'adam') "
        "or 'rowwise_adagrad' (touches a batch's rows; one accumulator a row)",
    )
    learning_rate: float = option(1e-3, 'step size')
    b1: float = option(0.9, "decay of Adam's first moment")
    b2: float = option(0.999, "decay of Adam's second moment")
    epsilon: float = option(1e-8, 'added to the root of the second moment')
    l2_rows: float = option(0.0, 'times a row, added to the gradient of each row of a batch, once a row')
    l2_tables: float = option(0.0, "times a table, added to the gradient of whole tables; needs tables 'adam'")

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
