"""How a raw text file is laid out: its columns, their types, what separates them, how its characters are stored."""

import dataclasses
from typing import Any

import polars as pl

# Types of raw columns. Hexadecimal: exactly eight digits, kept as uint32. An empty cell of any type is missing.
TYPES = {'hexadecimal': pl.UInt32, 'integer': pl.Int64, 'unsigned': pl.UInt64, 'real': pl.Float64, 'text': pl.String}
INFINITE = ('bad', 'missing')
QUOTES = ('"', "'")


@dataclasses.dataclass(frozen=True)
class Layout:
    """The form of a file.

    Attributes:
      columns: (name, type) of every column of the file, in its order.
      separator: one or more characters between columns.
      header: the first line of a file that is not blank holds column names.
      own_names: the columns are named by the declaration; a header is skipped, and its names are not compared.
      quote: character that encloses values with separators or line ends in them, or None.
      strip: blanks round a value are no part of it.
      missing: values that mean missing, beside the empty one.
      encoding: name of a Python codec. A file that begins with a byte-order mark has the encoding of its mark.
      decimal: mark before the fraction of a real number.
      thousands: mark between thousands of a number, or ''.
      infinite: whether a row with an infinite number is bad, or the number missing. A number that is too large for
        float32 counts as infinite.
      required: columns, beside the label, in which a missing value makes a row bad: the time of a split by time.
    """

    columns: tuple[tuple[str, str], ...]
    separator: str = '\t'
    header: bool = False
    quote: str | None = None
    strip: bool = False
    missing: tuple[str, ...] = ()
    encoding: str = 'utf-8'
    decimal: str = '.'
    thousands: str = ''
    infinite: str = 'bad'
    required: tuple[str, ...] = ()
    own_names: bool = False

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
        """A stored layout. Attributes that it lacks, because an earlier version wrote it, have their defaults."""
        value = {name: tuple(content) if isinstance(content, list) else content for name, content in value.items()}
        return cls(**{**value, 'columns': tuple(map(tuple, value['columns']))})
