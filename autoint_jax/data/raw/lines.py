"""The lines of a block and the bad rows among them."""

import pathlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from autoint_jax.data.text.blocks import Block
from autoint_jax.data.text.dialect import NEWLINE
from autoint_jax.data.text.layout import Layout


class BadRow(NamedTuple):
    """A bad row is a row that cannot be parsed.

    Attributes:
      path: its file.
      line: number of its first line in the file, from 1; in a Parquet file, number of the row.
      reason: why it cannot be parsed.
      text: the row as stored.
      lines: number of its lines.
    """

    path: pathlib.Path
    line: int
    reason: str
    text: str
    lines: int = 1


class Lines:
    """The lines of a block, and which of them are plain rows. Lines are counted from 0.

    Attributes:
      block: the block.
      layout: the layout of its rows.
      starts, ends: int [lines]: places of the first byte of each line and of its line end.
      plain: bool [lines]: rows of one line that can be cut at every separator outside quotes. Callers clear it for
        lines that are blank or bad.
    """

    def __init__(self, block: Block, layout: Layout):
        self.block, self.layout = block, layout
        self._text = np.frombuffer(block.text, np.uint8)
        self.ends = self.places(b'\n')
        if not block.text.endswith(NEWLINE):
            self.ends = np.append(self.ends, len(self._text))
        self.starts = np.concatenate([[0], self.ends[:-1] + 1])
        self.plain = np.ones(len(self.ends), bool)
        for lines in (block.quoted.own_way, block.quoted.continued, list(block.quoted.faults)):
            self.plain[lines] = False
        whole = np.ones(len(self.ends) + 1, bool)
        whole[block.quoted.continued] = False
        self._heads = np.flatnonzero(whole)

    def places(self, character: bytes) -> np.ndarray:
        """Returns the places of a byte in the text, ascending."""
        return np.flatnonzero(self._text == ord(character))

    def counts(self) -> np.ndarray:
        """Returns the number of columns of each line, int [lines]; it is right only for plain lines."""
        separators = self.places(self.block.separator)
        if self.layout.quote is not None:
            quotes = self.places(self.layout.quote.encode())
            quotes = quotes[self.plain[np.searchsorted(self.ends, quotes)]]
            separators = separators[np.searchsorted(quotes, separators) % 2 == 0]
        return np.searchsorted(separators, self.ends) - np.searchsorted(separators, self.starts) + 1

    def heads(self, places: np.ndarray) -> list[int]:
        """Returns the first lines of the rows that contain the given places of the text."""
        return np.unique(
            self._heads[np.searchsorted(self._heads, np.searchsorted(self.ends, places), 'right') - 1]
        ).tolist()

    def spans(self, rows: np.ndarray) -> np.ndarray:
        """Returns the number of lines of each row; `rows` are first lines of rows."""
        return self._heads[np.searchsorted(self._heads, rows) + 1] - rows

    def rows(self, rows: np.ndarray) -> list[bytes]:
        """Returns the text of each row; `rows` are first lines of rows."""
        places = zip(self.starts[rows].tolist(), self.ends[rows + self.spans(rows) - 1].tolist(), strict=True)
        return [self.block.text[start:end] for start, end in places]

    def bad(self, reasons: Mapping[int, str]) -> list[BadRow]:
        """Returns the bad rows; `reasons` has the reason of each by its first line."""
        separator, first = self.layout.separator.encode(), self.block.first_line
        texts = [text.replace(self.block.separator, separator) for text in self.rows(np.fromiter(reasons, np.int64))]
        return [
            BadRow(self.block.path, first + row, reason, text.decode(errors='replace'), text.count(NEWLINE) + 1)
            for (row, reason), text in zip(reasons.items(), texts, strict=True)
        ]

    def kept(self) -> bytes:
        """Returns the text of the plain lines."""
        if self.plain.all():
            return self.block.text
        return self._text[np.repeat(self.plain, np.diff(np.append(self.starts, len(self._text))))].tobytes()
