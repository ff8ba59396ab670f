"""Interactions of values: in which rows a group of fields interacts, by the values that the fields have there."""

import itertools
from collections.abc import Sequence

import numpy as np
import polars as pl

from autoint_jax.data.store.columns import Columns
from autoint_jax.explain.findings import ValueGroup
from autoint_jax.explain.survey.quality import values_of
from autoint_jax.explain.texts import MISSING, ValueTexts, number_text
from autoint_jax.schema import NUMERIC, FieldSpec, Schema

PARTS = 4  # of the values of a numeric field, with about equally many rows each
# Values need so many rows, or this share of fewer rows, to be a group.
LEAST_ROWS, LEAST_SHARE = 20, 0.02
# The variance within a group of values counts as many rows of all values as this, so that a few rows that happen to be
# alike have no narrow interval.
PRIOR_ROWS = 10
DEVIATIONS = 1.96


def value_groups(
    schema: Schema, texts: ValueTexts, rows: Columns, group: Sequence[int], strengths: np.ndarray, effects: np.ndarray
) -> list[ValueGroup]:
    """Returns the interactions of the values of a group of fields, by the lower end of the interval of their strength.

    A row with several values of a field counts for each of them.

    Args:
      schema: the fields.
      texts: writes values.
      rows: the rows, [n], in memory.
      group: the fields, by number.
      strengths, effects: squared and signed interaction of the group in each row, [n] each.
    """
    count, columns = len(rows), [f'value {place}' for place in range(len(group))]
    frame = pl.DataFrame({'row': np.arange(count), 'strength': strengths, 'effect': effects}).with_columns(
        pl.col('strength', 'effect').cast(pl.Float64)
    )
    names = []
    for column, number in zip(columns, group, strict=True):
        own, values, called = _values(schema, texts, rows, schema.fields[number])
        names.append(called)
        frame = frame.join(pl.DataFrame({'row': own, column: values}), 'row', maintain_order='left')
    spread = float(np.var(strengths, ddof=1)) if count > 1 else 0.0
    least = max(2, min(LEAST_ROWS, int(LEAST_SHARE * count)))
    found = (
        frame.group_by(columns, maintain_order=True)
        .agg(
            rows=pl.len(),
            strength=pl.col('strength').mean(),
            variance=pl.col('strength').var(),
            effect=pl.col('effect').mean(),
        )
        .filter(pl.col('rows') >= least)
        .with_columns(
            half=DEVIATIONS
            * (
                ((pl.col('rows') - 1) * pl.col('variance') + PRIOR_ROWS * spread)
                / (pl.col('rows') - 1 + PRIOR_ROWS)
                / pl.col('rows')
            ).sqrt()
        )
    )
    fields = tuple(schema.names[number] for number in group)
    groups = [
        ValueGroup(
            fields,
            tuple(called[int(row[column])] for called, column in zip(names, columns, strict=True)),
            row['rows'],
            row['strength'],
            max(0.0, row['strength'] - row['half']),
            row['strength'] + row['half'],
            row['effect'],
        )
        for row in found.iter_rows(named=True)
    ]
    return sorted(groups, key=lambda one: (-one.low, -one.strength))


def _values(
    schema: Schema, texts: ValueTexts, rows: Columns, field: FieldSpec
) -> tuple[np.ndarray, np.ndarray, dict[int, str]]:
    """Returns the values of a field in some rows: numbers of rows, numbers of values, and what each value is called."""
    if field.kind != NUMERIC:
        own, values = values_of(field, np.asarray(rows.ids[:, schema.slots[field.name]]))
        return own, values.astype(np.int64), {int(number): texts.id(field, int(number)) for number in np.unique(values)}
    numbers = np.asarray(rows.numeric[:, schema.numeric_columns[field.name]])[:, 0]
    there = numbers[~np.isnan(numbers)]
    edges = np.unique(np.quantile(there, np.arange(1, PARTS) / PARTS)) if len(there) else np.zeros(0)
    ends = [number_text(float(edge)) for edge in edges]
    called = {number: f'{low} to {high}' for number, (low, high) in enumerate(itertools.pairwise(ends), 1)}
    if ends:
        called |= {0: f'below {ends[0]}', len(ends): f'from {ends[-1]}'}
    called |= {} if ends else {0: 'any number'}
    called[len(ends) + 1] = MISSING
    parts = np.where(np.isnan(numbers), len(ends) + 1, np.searchsorted(edges, numbers, side='right'))
    return np.arange(len(numbers)), parts.astype(np.int64), called
