"""Fits a plan to the rows: vocabularies, parameters of transforms, and slots."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np
import polars as pl

from autoint_jax.data.encoding.counting import counts
from autoint_jax.data.encoding.fitted import Earlier, Fitted
from autoint_jax.data.encoding.parameters import fitted_parameters
from autoint_jax.data.encoding.plan import UNKNOWN, FieldPlan, TablePlan
from autoint_jax.data.encoding.rare_counts import RareCounts, is_counted
from autoint_jax.data.encoding.slots import Slots, slots_of
from autoint_jax.data.encoding.transforms import keys, split_values
from autoint_jax.data.encoding.value_texts import as_text, as_values
from autoint_jax.data.store.spool import Spool
from autoint_jax.data.store.vocabulary import Vocabulary
from autoint_jax.schema import MULTIVALUED, NUMERIC

Done = Callable[[], None]


class _FittedField(NamedTuple):
    """The part of a field's encoding that depends on the rows. A part that the field does not have is None or ()."""

    vocabulary: Vocabulary | None
    parameters: tuple[float, ...]
    slots: Slots


def fit(
    plan: TablePlan,
    spool: Spool,
    fitted_rows: np.ndarray | None,
    threads: Executor,
    done: Done,
    rare: RareCounts,
    earlier: Earlier | None = None,
) -> Fitted:
    """Fits all fields of a plan.

    If the rows extend those of earlier days, ids keep their values, and values without an id get one if they are
    frequent enough in all rows together. Parameters and slots stay as they were.

    Args:
      plan: of the table.
      spool: the rows.
      fitted_rows: the rows to fit on, bool [n]; None = all.
      threads: each fits one field at a time.
      done: is called when a field is fitted.
      rare: takes the counts of values without an id.
      earlier: what was fitted to the rows of earlier days.

    Raises:
      UsageError: a parameter is not finite, or a row has too many values for a field.
    """

    def work(field: FieldPlan) -> _FittedField:
        column = _Column(field, spool, fitted_rows)
        vocabulary: Vocabulary | None = None
        parameters: tuple[float, ...] = ()
        slots = Slots(field.max_values, '')
        if field.kind == NUMERIC or field.transform == 'quantiles':
            if earlier is None:
                parameters = fitted_parameters(field, column.raw, spool.rows)
            else:
                parameters = earlier.fitted.parameters.get(field.name, ())
        elif field.has_vocabulary and field.shares is None:
            sharing = [_Column(other, spool, fitted_rows) for other in plan.fields if other.shares == field.name]
            vocabulary = _vocabulary(field, [column, *sharing], rare, earlier)
        if field.kind == MULTIVALUED and earlier is not None:
            slots = Slots(earlier.fitted.max_values[field.name], '')
        elif field.kind == MULTIVALUED and not field.max_values:
            slots = slots_of(field.name, column.lengths(), spool.rows)
        done()
        return _FittedField(vocabulary, parameters, slots)

    found = dict(zip((field.name for field in plan.fields), threads.map(work, plan.fields), strict=True))
    owners = {field.name: field.shares or field.name for field in plan.fields if field.has_vocabulary}
    vocabularies = {name: own for name, owner in owners.items() if (own := found[owner].vocabulary) is not None}
    parameters = {field.name: found[field.name].parameters for field in plan.fields if found[field.name].parameters}
    notes = [_note(field, vocabularies.get(field.name), parameters.get(field.name)) for field in plan.fields]
    notes += [found[field.name].slots.note for field in plan.fields]
    return Fitted(
        vocabularies,
        parameters,
        {field.name: found[field.name].slots.number for field in plan.fields if field.kind == MULTIVALUED},
        tuple(filter(None, notes)),
    )


def _note(field: FieldPlan, vocabulary: Vocabulary | None, parameters: tuple[float, ...] | None) -> str:
    """Returns a sentence if a field, as it was fitted, tells a model nothing, else ''."""
    said = f'field {field.name!r} tells a model nothing'
    if vocabulary is not None and not set(vocabulary.values) - {'', UNKNOWN}:
        if field.min_count == 1:
            return f'{said}: column {field.column!r} has no value in the rows that are counted'
        return (
            f'{said}: no value of column {field.column!r} occurs {field.min_count} times in the rows that are counted, '
            'so all are unknown'
        )
    one_number = {'standard': lambda mean, deviation: deviation == 0, 'min_max': lambda low, high: low == high}
    if parameters and field.transform in one_number and one_number[field.transform](*parameters):
        return f'{said}: column {field.column!r} holds one number only, {parameters[0]:g}, in the rows it is fitted on'
    if field.transform == 'quantiles' and not parameters:
        return f'{said}: column {field.column!r} holds no number in the rows it is fitted on'
    return ''


class _Column:
    """A field's raw column, in the rows that the field is fitted on."""

    def __init__(self, field: FieldPlan, spool: Spool, fitted_rows: np.ndarray | None):
        self._field, self._spool, self._fitted_rows = field, spool, fitted_rows

    def raw(self) -> Iterator[pl.Series]:
        """Yields the raw values, block by block."""
        start = 0
        for block in self._spool.column(self._field.column):
            if self._fitted_rows is not None:
                rows = self._fitted_rows[start : start + len(block)]
                start += len(block)
                block = block.filter(pl.Series(rows))
            yield block

    def values(self) -> Iterator[pl.Series]:
        """Yields the values that a vocabulary counts, block by block."""
        for block in self.raw():
            values = keys(self._field, block)
            yield (
                split_values(self._field, values).drop_nulls().explode() if self._field.kind == MULTIVALUED else values
            )

    def lengths(self) -> Iterator[np.ndarray]:
        """Yields the number of values of each row of a multivalued field, int [n], block by block."""
        for block in self.raw():
            yield split_values(self._field, keys(self._field, block)).list.len().fill_null(0).to_numpy()


def _vocabulary(field: FieldPlan, columns: list[_Column], rare: RareCounts, earlier: Earlier | None) -> Vocabulary:
    """Returns a field's vocabulary: special values, then the values that are frequent enough in `columns`, sorted.

    Those of earlier days come first, as they were. The counts of the values that have no id go to `rare`.
    """
    old = () if earlier is None else earlier.fitted.vocabularies[field.name].values
    first = int(field.kind != MULTIVALUED and field.missing == 'nothing')  # after UNKNOWN
    known = [text for text in old[first:] if text]
    special = _new_special(field, columns, old, rare, earlier)
    table = _frequent(field, columns, known, rare, earlier)
    if field.cap is not None:
        room = max(field.cap - len(known), 0)
        if table.height > room:
            table = table.sort(['count', 'value'], descending=[True, False]).head(room).sort('value')
    return Vocabulary((*old, *special, *as_text(table['value'])))


def _new_special(
    field: FieldPlan, columns: list[_Column], old: tuple[str, ...], rare: RareCounts, earlier: Earlier | None
) -> list[str]:
    """Returns the special values that a vocabulary gets beside those of earlier days."""
    if field.kind != MULTIVALUED and field.missing == 'nothing':
        return [] if old else [UNKNOWN]
    if field.missing != 'value' or '' in old:
        return []
    missing = sum(block.null_count() for column in columns for block in column.values())
    missing += 0 if earlier is None else earlier.rare.missing.get(field.name, 0)
    if missing >= field.min_count:
        return ['']
    rare.missing[field.name] = missing
    return []


def _frequent(
    field: FieldPlan, columns: list[_Column], known: list[str], rare: RareCounts, earlier: Earlier | None
) -> pl.DataFrame:
    """Returns a table of the values that are frequent enough for an id, without those `known`, and their counts."""

    def blocks() -> Iterable[pl.Series]:
        for column in columns:
            yield from column.values()

    def kept(part: pl.DataFrame) -> pl.DataFrame:
        if known and part.height:
            with_id = pl.DataFrame({'value': as_values(known, part['value'].dtype)})
            part = part.join(with_id, on='value', how='anti')
        enough = pl.col('count') >= field.min_count
        if is_counted(field):  # with a cap, frequent values may be left without an id
            rare.write(field, part if field.cap is not None else part.filter(~enough))
        return part.filter(enough)

    def before() -> Iterable[pl.DataFrame]:
        return () if earlier is None else earlier.rare.tables(field)

    return counts(blocks, kept, before)
