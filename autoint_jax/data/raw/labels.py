"""Makes labels 0 and 1 from a raw column."""

import dataclasses

import numpy as np
import polars as pl


@dataclasses.dataclass(frozen=True)
class LabelPlan:
    """A label plan says which values of a column are positive. Rows with any other label, or without one, are bad.

    Attributes:
      column: name of the raw column. If no rule below is given, its values must be 0 or 1.
      above: numbers above this one are positive, all others negative.
      positive: texts that are positive. All others are negative unless `negative` is given.
      negative: texts that are negative. A label must then be one of `positive` or `negative`.
    """

    column: str
    above: float | None = None
    positive: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()


def labels_of(frame: pl.DataFrame, plan: LabelPlan) -> np.ndarray:
    """Returns the labels of rows, float32 [n]: 0 or 1, and NaN where a row has no allowed label."""
    values = frame[plan.column]
    if plan.positive:
        texts = values.cast(pl.String)
        labels = texts.is_in(list(plan.positive))
        if plan.negative:
            labels = labels.set(~texts.is_in([*plan.positive, *plan.negative]), None)
    elif plan.above is not None:
        labels = values.cast(pl.Float64) > plan.above
    else:
        labels = values.cast(pl.Float64, strict=False)
        labels = labels.set(~labels.is_in([0.0, 1.0]), None)
    return labels.set(values.is_null(), None).cast(pl.Float32).fill_null(np.nan).to_numpy()


def refusal(plan: LabelPlan, value: str | None) -> str:
    """Returns why a row with the label `value`, or without one (None), is bad."""
    reason = f'its label, column {plan.column!r}, is {"missing" if value is None else repr(value[:40])}'
    if value is None or not plan.negative:
        return reason
    listed = ', '.join(repr(known[:40]) for known in (*plan.positive, *plan.negative)[:20])
    return f'{reason}, which is listed neither under positive nor under negative: {listed}'
