"""How a line of text is cut into values.

By RFC 4180, and by what click logs have:

- A quote opens a quoted value only at the start of the value (after blanks if the layout strips them). Two quotes in it
  are one. It ends at a quote which the separator or the end of the line follows (after blanks, likewise).
- Any other quote, as in `5" phone`, is an ordinary character.
- A quoted value may go on over line ends, at most over MAX_LINES of them.
- A quoted value that ends anywhere else, as in `"a"b`, makes its line a bad row.
"""

import re
from typing import NamedTuple

import numpy as np

MAX_LINES = 1000  # of a quoted value; an unclosed quote would otherwise take in the rest of the file
NEWLINE = b'\n'
ORDINARY = 'quote: none in the declaration takes quotes as ordinary characters'
_STAND_INS = tuple(bytes([code]) for code in (31, 30, 29, 28, *range(1, 9), *range(14, 28)))


class Span(NamedTuple):
    """A row, or what seems to be one, that begins with a line.

    Attributes:
      end: of its text, without the line end.
      fault: why it is none, or ''.
      open: the text ends within a quoted value.
    """

    end: int
    fault: str = ''
    open: bool = False


class Dialect:
    """Cuts lines of a text in UTF-8 whose columns are separated by one byte."""

    def __init__(self, separator: bytes, quote: str, strip: bool):
        self._quote = quote
        part, mark, blanks = (
            re.escape(separator.decode()),
            re.escape(quote),
            ' *+' if strip and separator != b' ' else '',
        )
        inside = f'(?:[^{mark}]++|{mark}{mark})*+'
        end = f'(?={part}|\n|\\Z)'
        quoted, plain = f'{blanks}{mark}{inside}{mark}{blanks}{end}', f'(?!{blanks}{mark})[^{part}\n]*+'
        within = quoted.replace(f'[^{mark}]', f'[^{mark}\n]')
        cell = f'(?:{within}|{plain})'
        self._cell = re.compile(f'{quoted}|{plain}'.encode())
        self._line = re.compile(f'{cell}(?:{part}{cell})*+(?=\n|\\Z)'.encode())
        self._opening = re.compile(f'{blanks}{mark}{inside}'.encode())
        self._cells = re.compile(f'{part}{blanks}(?:{mark}({inside}){mark}{blanks}{end}|([^{part}]*+))')
        self._separator = separator

    def cells(self, row: str) -> list[str]:
        """The values of a row that is well formed."""
        pair = 2 * self._quote
        return [
            plain or quoted.replace(pair, self._quote)
            for quoted, plain in self._cells.findall(self._separator.decode() + row)
        ]

    def is_line(self, text: bytes, start: int) -> bool:
        """Whether the line that begins at `start` is well formed by itself."""
        return self._line.match(text, start) is not None

    def span(self, text: bytes, start: int, limit: int) -> Span:
        """What begins at `start`; quoted values must end before `limit`."""
        place = start
        while True:
            found = self._cell.match(text, place, limit)
            if found is None:
                end = self._opening.match(text, place, limit).end()
                fault = (
                    f'a value opens a quote {self._quote}, and the quote that ends it is followed by neither separator nor '
                    f'line end ({ORDINARY})'
                )
                return Span(end, open=True) if end == limit else Span(end, fault)
            place = found.end()
            if place == limit or text[place : place + 1] == NEWLINE:
                return Span(place)
            place += 1


def one_byte(text: bytes, separator: str) -> tuple[bytes, bytes]:
    """A text in which one byte separates columns, and that byte.

    A separator of several bytes is replaced by a control character that the text does not have. Raises ValueError where
    it has all of them.
    """
    stored = separator.encode()
    if len(stored) == 1:
        return text, stored
    for character in _STAND_INS:
        if character not in text:
            return text.replace(stored, character), character
    raise ValueError(f'the text has all control characters, so none can stand for {separator!r}')


def regular_lines(text: bytes, ends: np.ndarray, quotes: np.ndarray, separator: bytes) -> np.ndarray:
    """Which lines have quotes only round whole values, without blanks beside them or quotes within, bool [lines].

    Args:
      text: of whole lines.
      ends: places of the line ends [lines].
      quotes: places of the quotes.
      separator: of columns.
    """
    characters = np.frombuffer(text, np.uint8)
    line = np.searchsorted(ends, quotes)
    first = np.searchsorted(line, line)
    closing = (np.arange(len(quotes)) - first) % 2 == 1
    beside = np.where(closing, quotes + 1, quotes - 1)
    outside = (beside < 0) | (beside >= len(text))
    edge = characters[np.clip(beside, 0, len(text) - 1)]
    sound = outside | (edge == ord('\n')) | (edge == separator[0])
    regular = np.ones(len(ends), bool)
    regular[line[~sound]] = False
    counts = np.bincount(line, minlength=len(ends))
    return regular & (counts % 2 == 0)
