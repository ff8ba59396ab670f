"""Rows of a Python program, as frames and as files that can be encoded."""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from autoint_jax.data.datasets.row_plan import RowPlan
from autoint_jax.errors import UsageError
from autoint_jax.scoring.inputs import Input, input_files
from autoint_jax.scoring.temporary_copies import copy_folder, room_for

INSTEAD = ', or pass fewer rows at once'


@contextlib.contextmanager
def files_of(rows: Any, plan: RowPlan) -> Iterator[Input]:
    """A context with files that hold some rows.

    Args:
      rows: what `frame_of` takes, or the path of a file or folder, as `scripts/predict.py --input` takes it.
      plan: how the rows are encoded.

    Raises:
      UsageError: there is no such file, or the rows are of another kind.
      NoRoom: the disk or a limit has no room for a copy of the rows.
    """
    if isinstance(rows, str | os.PathLike):
        with input_files(os.fspath(rows), plan) as files:
            yield files
        return
    frame = frame_of(rows)
    with copy_folder('the rows', INSTEAD) as folder:
        path = folder / 'rows.parquet'
        with room_for('the rows', folder, INSTEAD):
            frame.write_parquet(path)
        try:
            yield Input([path], [])
        except UsageError as error:
            raise UsageError(str(error).replace(os.fspath(path), 'the table of rows')) from None


def frame_of(rows: Any) -> pl.DataFrame:
    """Returns rows as a frame of Polars.

    Args:
      rows: a frame of Polars or pandas, or a list of dictionaries {column: value}. The index of pandas is no column.

    Raises:
      UsageError: the rows are of another kind, or a column has no single name or holds values of several types.
    """
    if isinstance(rows, pl.DataFrame):
        return rows
    if hasattr(rows, 'notna'):  # pandas, where missing values are NaN in columns of any type
        names = list(rows.columns)
        wrong = next((name for name in names if not isinstance(name, str) or names.count(name) > 1), None)
        if wrong is not None:
            raise UsageError(f'the column {wrong!r} of the frame must have a name of its own that is a text: rename it')
        if not len(rows):
            return pl.DataFrame(schema=dict.fromkeys(names, pl.String()))
        rows = rows.astype(object).where(rows.notna(), None).to_dict('records')
    if isinstance(rows, Sequence) and rows and all(isinstance(row, Mapping) for row in rows):
        return pl.DataFrame([_column(name, rows) for name in dict.fromkeys(name for row in rows for name in row)])
    raise UsageError(
        f'rows of type {type(rows).__name__} cannot be scored: pass a frame of Polars or pandas, a list of '
        'dictionaries that is not empty, or the path of a file'
    )


def _column(name: str, rows: Sequence[Mapping[str, Any]]) -> pl.Series:
    """Returns a column of dictionaries; a value that a row lacks is missing."""
    values = [row.get(name) for row in rows]
    kinds = {type(value) for value in values if value is not None}
    try:
        return pl.Series(name, values, pl.Float64() if kinds == {int, float} else None)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        named = ' and '.join(sorted(kind.__name__ for kind in kinds))
        raise UsageError(
            f'the column {name!r} holds values of the type {named}, which are no column together: make all of them '
            'texts or all of them numbers'
        ) from None
