"""Labels of raw rows."""

import numpy as np
import polars as pl

from autoint_jax.data.field_plan import LabelPlan


def labels_of(frame: pl.DataFrame, plan: LabelPlan) -> np.ndarray:
    """Labels float32 [n]; NaN where a row has none that is allowed."""
    values = frame[plan.column]
    if plan.positive:
        labels = values.cast(pl.String).is_in(list(plan.positive))
    elif plan.above is not None:
        labels = values.cast(pl.Float64) > plan.above
    else:
        labels = values.cast(pl.Float64, strict=False)
        labels = labels.set(~labels.is_in([0.0, 1.0]), None)
    return labels.set(values.is_null(), None).cast(pl.Float32).fill_null(np.nan).to_numpy()
