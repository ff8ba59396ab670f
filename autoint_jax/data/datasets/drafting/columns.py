"""Columns of the first rows of a table, as text, with plain facts about them."""

import collections
import dataclasses
import functools
import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import polars as pl

from autoint_jax.data.raw.cells import checked
from autoint_jax.data.text.layout import Layout

# Words that mean a missing value in any column.
MISSING = (
    '?',
    'NA',
    'N/A',
    'n/a',
    '#N/A',
    'NULL',
    'Null',
    'null',
    'None',
    'nan',
    'NaN',
    'NAN',
    '<NA>',
    '<null>',
    'NaT',
    '\\N',
)
FEW_WORDS = 3  # most different words among numbers that may mean a missing value
_FEW_SHARE = 0.05  # most cells, as a share, that hold such words
_ENOUGH = 20  # known values from which a share means something


class Numbers(NamedTuple):
    """The cells of a column, read as numbers.

    Attributes:
      values: float64, the cells that are finite numbers, in the order of the rows.
      whole: whether there are finite numbers and all of them are whole.
      infinite: the different cells that are infinite, or too large for float32.
      others: the cells that are not numbers, and how often each occurs.
    """

    values: pl.Series
    whole: bool
    infinite: tuple[str, ...]
    others: dict[str, int]

    @property
    def least(self) -> float:
        """The smallest of the values, of which there must be one."""
        return float(self.values.to_numpy().min())

    @property
    def greatest(self) -> float:
        """The largest of the values, of which there must be one."""
        return float(self.values.to_numpy().max())

    @property
    def median(self) -> float:
        """The median of the values, of which there must be one."""
        return float(np.median(self.values.to_numpy()))


class Column:
    """A column of the first rows.

    Attributes:
      name: its name.
      texts: its cells without blanks round them, '' where missing. The layout may name more words for missing values.
    """

    def __init__(self, name: str, texts: list[str], layout: Layout):
        """`layout` has the marks of numbers and the words that mean a missing value."""
        self.name, self.texts, self._layout = name, texts, layout

    def with_texts(self, texts: list[str]) -> 'Column':
        """Returns a column of the same name and layout with other cells."""
        return Column(self.name, texts, self._layout)

    @functools.cached_property
    def known(self) -> list[str]:
        """The cells that are not missing, in the order of the rows."""
        missing = set(self._layout.missing)
        return [text for text in self.texts if text and text not in missing]

    @functools.cached_property
    def counts(self) -> collections.Counter:
        """How often each known value occurs."""
        return collections.Counter(self.known)

    @functools.cached_property
    def numbers(self) -> Numbers:
        """The column read as numbers, in the same way as in a preparation."""
        read = _Reader.of(self._layout).read(self.counts)
        others = {text: self.counts[text] for text in self.counts if read[text] is None}
        infinite = tuple(text for text in self.counts if read[text] == math.inf)
        numbers = [number for text in self.known if (number := read[text]) is not None]
        finite = [number for number in numbers if math.isfinite(number)]
        return Numbers(
            pl.Series(finite, dtype=pl.Float64), bool(finite) and all(map(float.is_integer, finite)), infinite, others
        )

    @property
    def is_numeric(self) -> bool:
        """Whether there are known values and all of them are numbers."""
        return bool(self.known) and not self.numbers.others

    def missing_words(self) -> list[str]:
        """Returns words among numbers that can only mean a missing value, because they are few and rare."""
        others = self.numbers.others
        seldom = 0 < sum(others.values()) <= max(_FEW_SHARE * len(self.known), 2)
        return sorted(others) if seldom and len(others) <= FEW_WORDS and len(self.known) >= _ENOUGH else []


class _Reader:
    """A reader of texts as numbers. It reads each text only once, because a wide table has thousands of columns."""

    def __init__(self, layout: Layout):
        self._layout = dataclasses.replace(layout, columns=(), missing=(), infinite='missing', required=())
        self._known: dict[str, float | None] = {}

    @classmethod
    def of(cls, layout: Layout) -> '_Reader':
        """Returns the reader for the marks of a layout."""
        return _reader(layout.decimal, layout.thousands)

    def read(self, texts: Iterable[str]) -> Mapping[str, float | None]:
        """Returns numbers by text.

        A number is infinity if the text is infinite in float32, NaN if it is missing, and None if it is not a
        number.
        """
        new = [text for text in texts if text not in self._known]
        if new:
            typed, bad = checked(
                pl.DataFrame({'x': pl.Series(new, dtype=pl.String)}), {'x': 'real'}, self._layout, None
            )
            for text, value in zip(new, typed['x'], strict=True):
                self._known[text] = value if value is not None else math.nan if text.lower() == 'nan' else math.inf
            self._known.update((new[row], None) for row in bad)
        return self._known


@functools.lru_cache(maxsize=8)
def _reader(decimal: str, thousands: str) -> _Reader:
    """Returns the one reader for these marks."""
    return _Reader(Layout((), strip=True, decimal=decimal, thousands=thousands))


def read_at_once(columns: Iterable[Iterable[str]], layout: Layout) -> Mapping[str, float | None]:
    """Reads the numbers of all columns together, which is faster than one column after the other.

    Returns numbers by text, as `Numbers` takes them; None if a text is not a number.
    """
    return _Reader.of(layout).read(dict.fromkeys(text for texts in columns for text in texts if text))
