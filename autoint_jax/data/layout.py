"""How a raw text file is laid out: its columns, their types, what separates them."""

import dataclasses
from typing import Any

import polars as pl

# Types of raw columns. Hexadecimal: exactly eight digits, kept as uint32. An empty cell of any type is missing.
TYPES = {'hexadecimal': pl.UInt32, 'integer': pl.Int64, 'unsigned': pl.UInt64, 'real': pl.Float64, 'text': pl.String}


@dataclasses.dataclass(frozen=True)
class Layout:
    """The form of a file.

    Attributes:
      columns: (name, type) of every column of the file, in its order.
      separator: one character between columns.
      header: the first line of a file holds column names.
      quote: character that encloses values with separators or line ends in them, or None.
      strip: blanks round a value are no part of it.
      missing: values that mean missing, beside the empty one.
    """

    columns: tuple[tuple[str, str], ...]
    separator: str = '\t'
    header: bool = False
    quote: str | None = None
    strip: bool = False
    missing: tuple[str, ...] = ()

    @property
    def types(self) -> dict[str, pl.DataType]:
        return {name: TYPES[kind] for name, kind in self.columns}

    def without(self, column: str) -> 'Layout':
        """The layout of files that lack a column, as unlabelled ones do."""
        return dataclasses.replace(self, columns=tuple(pair for pair in self.columns if pair[0] != column))

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> 'Layout':
        return cls(**{**value, 'columns': tuple(map(tuple, value['columns'])), 'missing': tuple(value['missing'])})
