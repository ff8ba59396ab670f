"""Labels of raw rows."""

import numpy as np
import polars as pl

from autoint_jax.data.field_plan import LabelPlan


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


def allowed_labels(plan: LabelPlan) -> str:
    """What `labels_of` takes, for messages."""
    if plan.positive and plan.negative:
        return f'one of {", ".join(map(repr, (*plan.positive, *plan.negative)))}'
    return 'a value' if plan.positive else 'a number' if plan.above is not None else '0 or 1'
