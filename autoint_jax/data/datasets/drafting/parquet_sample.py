"""Reads the first rows of a Parquet file."""

import pathlib

import polars as pl

from autoint_jax.data.datasets.drafting.samples import CELLS, LEAST_ROWS, ROWS, Sample, with_missing
from autoint_jax.data.datasets.drafting.yaml_text import scalar
from autoint_jax.data.raw.parquet_files import holds_values, parquet_schema
from autoint_jax.data.text.layout import Layout
from autoint_jax.errors import UsageError

_LIST_SEPARATORS = ('|', ',', ';')


def sample_of_parquet(path: pathlib.Path) -> Sample:
    """Reads the first rows; lists become text.

    Raises UsageError if the file cannot be read as Parquet, or has no rows or no column that can be read.
    """
    schema = parquet_schema(path)
    readable = {name: dtype for name, dtype in schema.items() if _is_readable(dtype)}
    unreadable = tuple(
        f'# - {{name: {scalar(name)}}}  # left out: its type {_shown(dtype)} is not a value of a field, or bytes: '
        'write its parts as columns of their own'
        for name, dtype in schema.items()
        if name not in readable
    )
    if not readable:
        raise UsageError(
            f'{path} has no column of a type that is read (text, numbers, booleans, dates, lists of these)'
        )
    try:
        rows = max(min(ROWS, CELLS // len(readable)), LEAST_ROWS)
        frame = pl.scan_parquet(path, glob=False).select(list(readable)).head(rows).collect()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise UsageError(f'{path} cannot be read as Parquet ({str(error).splitlines()[0]})') from None
    if not frame.height:
        raise UsageError(f'{path} has no rows to draft a declaration from')
    cells: list[list[str]] = []
    kinds: dict[str, tuple[str | None, str]] = {}
    for name, dtype in readable.items():
        values = frame[name]
        if isinstance(dtype, (pl.List, pl.Array)):
            values = values.arr.to_list() if isinstance(dtype, pl.Array) else values
            texts = values.cast(pl.List(pl.String))
            whole = texts.list.join('')
            separator = next(
                (mark for mark in _LIST_SEPARATORS if not whole.str.contains(mark, literal=True).any()), '\x1f'
            )
            values = texts.list.join(separator)
            kinds[name] = f'kind: multivalued, separator: "{separator}"'.replace('\x1f', '\\x1f'), 'a column of lists'
        elif dtype.is_float():
            values = values.fill_nan(None)
        cells.append([text.strip() for text in values.cast(pl.String).fill_null('')])
    columns, missing = with_missing(list(readable), cells, Layout(()))
    head = [f'missing: [{", ".join(map(scalar, missing))}]'] if missing else []
    return Sample('parquet', head, columns, frame.height, unreadable=unreadable, kinds=kinds)


def _is_readable(dtype: pl.DataType) -> bool:
    """Returns whether a draft may offer a column. Bytes may be text, but a few rows do not tell."""
    return holds_values(dtype) and pl.Binary not in (dtype, getattr(dtype, 'inner', None))


def _shown(dtype: pl.DataType) -> str:
    """Returns the name of a type, cut to 60 characters."""
    text = str(dtype)
    return text if len(text) <= 60 else text[:57] + '...'
