"""Makes labels, and weights of rows, from raw columns."""

import dataclasses

import numpy as np
import polars as pl

from autoint_jax.schema import ROW_WEIGHTS, SOFT_LABELS

HALF = 0.5  # soft labels above it are positive, unless a declaration says otherwise


@dataclasses.dataclass(frozen=True)
class LabelPlan:
    """A label plan says which values of a column are positive, and how much rows count.

    Rows with any other label, or without one, are bad, and so are rows without an allowed weight.

    Attributes:
      column: name of the raw column. If no rule below is given, its values must be 0 or 1.
      above: numbers above this one are positive, all others negative.
      positive: texts that are positive. All others are negative unless `negative` is given.
      negative: texts that are negative. A label must then be one of `positive` or `negative`.
      soft: whether the column holds numbers from 0 to 1. Training and the logloss take them as they are; metrics of the
        order of rows take those above `above`, by default HALF, as positive.
      weight: name of the column that says how much each row counts, a number from 0 on; None if all count alike.
    """

    column: str
    above: float | None = None
    positive: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()
    soft: bool = False
    weight: str | None = None

    @property
    def row_columns(self) -> tuple[str, ...]:
        """The columns of `Schema.row_columns` that rows have by this plan."""
        return (ROW_WEIGHTS,) * (self.weight is not None) + (SOFT_LABELS,) * self.soft


def labels_of(frame: pl.DataFrame, plan: LabelPlan) -> np.ndarray:
    """Returns the labels of rows, float32 [n]: 0 or 1, and NaN where a row has no allowed label."""
    values = frame[plan.column]
    if plan.positive:
        texts = values.cast(pl.String)
        labels = texts.is_in(list(plan.positive))
        if plan.negative:
            labels = labels.set(~texts.is_in([*plan.positive, *plan.negative]), None)
    elif plan.soft:
        numbers = values.cast(pl.Float64, strict=False)
        labels = (numbers > (HALF if plan.above is None else plan.above)).set(~numbers.is_between(0, 1), None)
    elif plan.above is not None:
        labels = values.cast(pl.Float64) > plan.above
    else:
        labels = values.cast(pl.Float64, strict=False)
        labels = labels.set(~labels.is_in([0.0, 1.0]), None)
    return labels.set(values.is_null(), None).cast(pl.Float32).fill_null(np.nan).to_numpy()


def row_columns_of(frame: pl.DataFrame, plan: LabelPlan) -> list[np.ndarray]:
    """Returns the columns of `LabelPlan.row_columns` of rows that are not bad, float32 [n] each."""
    columns = {ROW_WEIGHTS: plan.weight or '', SOFT_LABELS: plan.column}
    return [frame[columns[name]].cast(pl.Float32).to_numpy() for name in plan.row_columns]


def wrong_weights(frame: pl.DataFrame, column: str) -> pl.Series:
    """Returns which rows have no weight, or one that is negative or not finite, bool [n]."""
    weights = frame[column].cast(pl.Float32)
    return ~(weights.is_finite() & (weights >= 0)).fill_null(False)


def weight_refusal(column: str, value: str | None) -> str:
    """Returns why a row with the weight `value`, or without one (None), is bad."""
    held = 'missing' if value is None else repr(value[:40])
    return f'its weight, column {column!r}, is {held}, and must be a finite number that is not negative'


def refusal(plan: LabelPlan, value: str | None) -> str:
    """Returns why a row with the label `value`, or without one (None), is bad."""
    reason = f'its label, column {plan.column!r}, is {"missing" if value is None else repr(value[:40])}'
    if value is not None and plan.soft:
        return f'{reason}, and a soft label is a number from 0 to 1'
    if value is None:
        return reason
    if not plan.negative:
        return f'{reason}, and a label is 0 or 1 (a declaration can list others under positive: and negative:)'
    listed = ', '.join(repr(known[:40]) for known in (*plan.positive, *plan.negative)[:20])
    return f'{reason}, which is listed neither under positive nor under negative: {listed}'
