"""The layout of a raw text file: its columns and their types, the separator, the quotes, the encoding."""

import dataclasses
from typing import Any

import polars as pl

# Types of raw columns. A hexadecimal cell has exactly eight digits and becomes uint32. An empty cell is missing.
TYPES: dict[str, pl.DataType] = {
    'hexadecimal': pl.UInt32(),
    'integer': pl.Int64(),
    'unsigned': pl.UInt64(),
    'real': pl.Float64(),
    'text': pl.String(),
}
INFINITE = ('bad', 'missing')
QUOTES = ('"', "'")


@dataclasses.dataclass(frozen=True)
class Layout:
    """A layout says how the text of a file is read.

    Attributes:
      columns: (name, type) of every column in the order of the file; types are the keys of TYPES.
      separator: one or more characters between columns.
      header: whether the first line that is not blank holds column names.
      quote: the character that encloses values with separators or line ends in them, or None.
      strip: whether blanks round a value are removed.
      missing: values that mean a missing value; the empty one always does.
      encoding: name of a Python codec. A byte-order mark at the beginning of a file has precedence.
      decimal: the mark before the fraction of a real number.
      thousands: the mark between thousands of a number, or ''.
      infinite: 'bad' if an infinite number makes its row bad, 'missing' if it counts as a missing value. A number that
        is too large for float32 counts as infinite.
      required: columns in which a missing value makes a row bad, such as the time of a split by time. The label is
        always required.
      own_names: whether the declaration names the columns. A header is then skipped, and its names are not compared.
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
        """The type of each column, as Polars names it."""
        return {name: TYPES[kind] for name, kind in self.columns}

    def without(self, column: str) -> 'Layout':
        """Returns the layout of files without a column, such as files without labels."""
        return dataclasses.replace(self, columns=tuple(pair for pair in self.columns if pair[0] != column))

    def to_json(self) -> dict[str, Any]:
        """Returns the layout as JSON stores it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> 'Layout':
        """Reads a stored layout. Attributes that an earlier version did not write get their defaults."""
        value = {name: tuple(content) if isinstance(content, list) else content for name, content in value.items()}
        return cls(**{**value, 'columns': tuple(map(tuple, value['columns']))})
