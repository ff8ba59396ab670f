"""Fits the crosses of a plan to spooled rows."""

import dataclasses
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor

import numpy as np
import polars as pl

from autoint_jax.data.encoding.crosses import fit_crosses
from autoint_jax.data.encoding.encoder import Encoder
from autoint_jax.data.encoding.fitted import Fitted, schema_of
from autoint_jax.data.encoding.plan import TablePlan
from autoint_jax.data.store.spool import Spool


def with_crosses(
    plan: TablePlan,
    fitted: Fitted,
    types: Mapping[str, pl.DataType],
    spool: Spool,
    train: np.ndarray,
    threads: Executor,
) -> Fitted:
    """Returns what was fitted, with the vocabularies of crosses, which come from training rows.

    Args:
      plan: of the table.
      fitted: to the fields of the plan.
      types: {raw column: its type}.
      spool: all rows.
      train: the training rows, bool [n].
      threads: each encodes one field at a time.

    Raises:
      UsageError: a cross cannot be made of the fields.
    """
    own = dataclasses.replace(plan, crosses=())

    def blocks() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        encoder, start = Encoder(own, fitted, types), 0
        for frame in spool.frames():
            ids, numeric = encoder(frame, threads)
            chosen = train[start : start + frame.height]
            start += frame.height
            yield ids[chosen], numeric[chosen]

    rows = int(np.count_nonzero(train))
    crosses = fit_crosses(plan.crosses, schema_of(own, fitted), fitted.vocabularies, blocks, rows)
    return fitted._replace(vocabularies=fitted.vocabularies | crosses.vocabularies, cuts=crosses.cuts)
