"""Values of a raw column as the text that a vocabulary holds."""

import polars as pl


def as_text(values: pl.Series) -> list[str]:
    """Values [n] -> texts [n], as they stand in the raw file; uint32 as eight hexadecimal digits."""
    if values.dtype == pl.UInt32:
        return [f'{value:08x}' for value in values]
    return [str(value) for value in values]


def as_values(texts: list[str], dtype: pl.DataType) -> pl.Series:
    """The inverse of `as_text`."""
    values = pl.Series(texts, dtype=pl.String)
    return values.str.to_integer(base=16, dtype=pl.UInt32) if dtype == pl.UInt32 else values.cast(dtype)
