"""Fits vocabularies and the parameters of transforms to spooled rows."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from typing import Any

import numpy as np
import polars as pl

from autoint_jax.data.encoding.counting import counts
from autoint_jax.data.encoding.encoder import Fitted, as_text, split_values
from autoint_jax.data.encoding.plan import UNKNOWN, FieldPlan, TablePlan
from autoint_jax.data.encoding.slots import Slots, slots_of
from autoint_jax.data.encoding.transforms import fitted_parameters, keys
from autoint_jax.data.store.spool import Spool
from autoint_jax.data.store.vocabulary import Vocabulary
from autoint_jax.schema import MULTIVALUED, NUMERIC

Done = Callable[[], None]


def fit(plan: TablePlan, spool: Spool, fitted_rows: np.ndarray | None, threads: Executor, done: Done) -> Fitted:
    """Fits all fields of a plan.

    Args:
      plan: what to fit.
      spool: the rows.
      fitted_rows: bool [n], the rows to fit on; None for all.
      threads: fit one field each.
      done: called when a field is.
    """

    def work(field: FieldPlan) -> Any:
        column = _Column(field, spool, fitted_rows)
        result = None
        if field.kind == NUMERIC or field.transform == 'quantiles':
            result = fitted_parameters(field, column.raw, spool.rows)
        elif field.has_vocabulary and field.shares is None:
            sharing = [_Column(other, spool, fitted_rows) for other in plan.fields if other.shares == field.name]
            result = _vocabulary(field, [column, *sharing])
        slots = Slots(field.max_values, '')
        if field.kind == MULTIVALUED and not field.max_values:
            slots = slots_of(field.name, column.lengths(), spool.rows)
        done()
        return result, slots

    results = dict(zip((field.name for field in plan.fields), threads.map(work, plan.fields), strict=True))
    vocabularies = {field.name: results[field.shares or field.name][0] for field in plan.fields if field.has_vocabulary}
    parameters = {
        field.name: results[field.name][0]
        for field in plan.fields
        if not field.has_vocabulary and results[field.name][0]
    }
    notes = [_note(field, vocabularies.get(field.name), parameters.get(field.name)) for field in plan.fields]
    notes += [results[field.name][1].note for field in plan.fields]
    return Fitted(
        vocabularies,
        parameters,
        {field.name: results[field.name][1].count for field in plan.fields if field.kind == MULTIVALUED},
        tuple(filter(None, notes)),
    )


def _note(field: FieldPlan, vocabulary: Vocabulary | None, parameters: tuple[float, ...] | None) -> str:
    """A sentence if what was fitted to a field says that it tells a model nothing, else ''."""
    said = f'field {field.name!r} tells a model nothing'
    if vocabulary is not None and not set(vocabulary.values) - {'', UNKNOWN}:
        if field.min_count == 1:
            return f'{said}: column {field.column!r} has no value in the rows that are counted'
        return (
            f'{said}: no value of column {field.column!r} occurs {field.min_count} times in the rows that are counted, so all are '
            'unknown'
        )
    only = {'standard': lambda mean, deviation: deviation == 0, 'min_max': lambda low, high: low == high}.get(
        field.transform
    )
    if only is not None and parameters and only(*parameters):
        return f'{said}: column {field.column!r} holds one number only, {parameters[0]:g}, in the rows it is fitted on'
    if field.transform == 'quantiles' and not parameters:
        return f'{said}: column {field.column!r} holds no number in the rows it is fitted on'
    return ''


class _Column:
    """The fitted rows of a field's raw column."""

    def __init__(self, field: FieldPlan, spool: Spool, fitted_rows: np.ndarray | None):
        self._field, self._spool, self._fitted_rows = field, spool, fitted_rows

    def raw(self) -> Iterator[pl.Series]:
        start = 0
        for block in self._spool.column(self._field.column):
            if self._fitted_rows is not None:
                rows = self._fitted_rows[start : start + len(block)]
                start += len(block)
                block = block.filter(pl.Series(rows))
            yield block

    def values(self) -> Iterator[pl.Series]:
        """What a vocabulary counts."""
        for block in self.raw():
            values = keys(self._field, block)
            yield (
                split_values(self._field, values).drop_nulls().explode() if self._field.kind == MULTIVALUED else values
            )

    def lengths(self) -> Iterator[np.ndarray]:
        """Numbers of values of the rows of a multivalued field."""
        for block in self.raw():
            yield split_values(self._field, keys(self._field, block)).list.len().fill_null(0).to_numpy()


def _vocabulary(field: FieldPlan, columns: list[_Column]) -> Vocabulary:
    """Values that occur often enough in some columns, sorted, after those with a meaning of their own."""

    def blocks() -> Iterable[pl.Series]:
        for column in columns:
            yield from column.values()

    table = counts(blocks, keep=lambda part: part.filter(pl.col('count') >= field.min_count))
    if field.cap is not None and table.height > field.cap:
        table = table.sort(['count', 'value'], descending=[True, False]).head(field.cap).sort('value')
    special = []
    if field.kind != MULTIVALUED and field.missing == 'nothing':
        special = [UNKNOWN]
    elif field.missing == 'value' and sum(block.null_count() for block in blocks()) >= field.min_count:
        special = ['']
    return Vocabulary((*special, *as_text(table['value'])))
