"""A declared split, which divides rows into training, validation and test."""

import dataclasses
from typing import Any

import numpy as np
import polars as pl

from autoint_jax.data.preparation.splits import TRAIN, VALID, column_split, random_split, time_split
from autoint_jax.data.raw.times import read_times
from autoint_jax.data.store.columns import SPLITS
from autoint_jax.errors import UsageError
from autoint_jax.units import counted

# Name of the spooled column with the split that each row has by its file. No declared column can have this name.
FILE_SPLIT = '\x1fsplit'


@dataclasses.dataclass(frozen=True)
class SplitPlan:
    """A split plan divides the rows of a table into training, validation and test.

    Attributes:
      kind: random, column, time or files.
      parameters: the declared parameters with defaults. Those that are off by default stand here only if they are
        given. They are part of the identity of prepared data.
    """

    kind: str
    parameters: dict[str, Any]

    @property
    def column(self) -> str | None:
        """The raw column that says the split, if any."""
        return {'column': self.parameters.get('name'), 'time': self.parameters.get('column')}.get(self.kind)

    @property
    def spooled_column(self) -> str | None:
        """The column that `__call__` needs, if any."""
        return FILE_SPLIT if self.kind == 'files' else self.column

    @property
    def as_field(self) -> bool:
        """Whether a field may be made of the split's column, too."""
        return self.parameters.get('as_field', False)

    @property
    def files(self) -> dict[str, tuple[str, ...]]:
        """Names or patterns of files by split; empty if files do not say the split."""
        if self.kind != 'files':
            return {}
        return {name: patterns for name, patterns in self.parameters.items() if not isinstance(patterns, dict)}

    def __call__(self, labels: np.ndarray, column: pl.Series | None) -> np.ndarray:
        """Returns the split of each row as an index of SPLITS, int8 [n].

        Args:
          labels: [n], 0 or 1.
          column: [n], the column named by `spooled_column`; None if there is none.

        Raises UsageError if values of the column do not fit the declaration, and ValueError if the column is lacking.
        """
        if self.kind == 'random':
            return random_split(labels, **self.parameters)
        if column is None:
            raise ValueError(f'{column=}: a split of the kind {self.kind} needs its column')
        if self.kind == 'time':
            shares = {name: self.parameters[name] for name in ('valid', 'test')}
            return self._by_time(read_times(column, self.parameters['column'], self.parameters.get('format')), shares)
        if self.kind == 'column':
            return column_split(column, {name: self.parameters[name] for name in SPLITS})
        split = column.to_numpy().copy()
        drawn = self.parameters['valid']
        if isinstance(drawn, dict):
            rows = np.flatnonzero(split == TRAIN)
            valid = random_split(labels[rows], valid=drawn['share'], test=0.0, seed=drawn['seed']) == VALID
            split[rows[valid]] = VALID
        return split

    def _by_time(self, times: pl.Series, shares: dict[str, float]) -> np.ndarray:
        """Splits rows by int64 times [n]; rows with a null time go where `missing_time` says."""
        missing = times.is_null().to_numpy()
        if not missing.any():
            return time_split(times.to_numpy(), **shares)
        if missing.all():
            raise UsageError(f'column {self.column!r} of the split by time holds no time')
        if 'missing_time' not in self.parameters:
            raise UsageError(
                f'column {self.column!r} of the split by time holds no time in {counted(missing.sum(), "row")}: write '
                'missing_time: train, valid or test in the split by time'
            )
        split = np.full(len(times), SPLITS.index(self.parameters['missing_time']), np.int8)
        split[~missing] = time_split(times.drop_nulls().to_numpy(), **shares)
        return split
