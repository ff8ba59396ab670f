"""Labels of raw rows."""

import dataclasses

import numpy as np
import polars as pl


@dataclasses.dataclass(frozen=True)
class LabelPlan:
    """The label: positive where the column is above `above`, or else holds one of `positive`.

    With `negative`, too, a label must be one of both. With none of these, it must be 0 or 1. Rows with another label, or
    without one, are bad.
    """

    column: str
    above: float | None = None
    positive: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()


def labels_of(frame: pl.DataFrame, plan: LabelPlan) -> np.ndarray:
    """Labels float32 [n]; NaN where a row has none that is allowed."""
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
    """Why a row with a label is bad."""
    reason = f'its label, column {plan.column!r}, is {"missing" if value is None else repr(value[:40])}'
    if value is None or not plan.negative:
        return reason
    listed = ', '.join(repr(known[:40]) for known in (*plan.positive, *plan.negative)[:20])
    return f'{reason}, which is listed neither under positive nor under negative: {listed}'
