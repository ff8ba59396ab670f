"""Cuts a line of text into values, by RFC 4180 and by the quotes that click logs have.

- A quote opens a quoted value only at the start of the value (after blanks if the layout strips them). Two quotes
  within the value stand for one. The value ends at a quote before a separator or a line end (blanks may stand between).
- Any other quote, as in `5" phone`, is an ordinary character.
- A quoted value may hold line ends, at most MAX_LINES of them.
- A quoted value that ends anywhere else, as in `"a"b`, makes its line a bad row.
"""

import re
from typing import NamedTuple

import numpy as np

# Most line ends in a quoted value; without a limit, a quote that is not closed would take in the rest of the file.
MAX_LINES = 1000
NEWLINE = b'\n'
ORDINARY = 'write quote: none in the declaration if quotes are ordinary characters'
_STAND_INS = tuple(bytes([code]) for code in (31, 30, 29, 28, *range(1, 9), *range(14, 28)))


class Span(NamedTuple):
    """A span is the part of a text that seems to be a row.

    Attributes:
      end: place after its last byte, before the line end.
      fault: why it is not a row, or '' if it is one.
      open: whether the text ends within a quoted value.
    """

    end: int
    fault: str = ''
    open: bool = False


class Dialect:
    """A dialect cuts lines of UTF-8 whose columns are separated by one byte.

    `strip` says that blanks round a value are no part of it.
    """

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
        """Returns the values of a row that is well formed, without the quotes that enclose them."""
        pair = 2 * self._quote
        return [
            plain or quoted.replace(pair, self._quote)
            for quoted, plain in self._cells.findall(self._separator.decode() + row)
        ]

    def is_line(self, text: bytes, start: int) -> bool:
        """Returns whether the line that begins at `start` is a well-formed row by itself."""
        return self._line.match(text, start) is not None

    def span(self, text: bytes, start: int, limit: int) -> Span:
        """Returns the span of the row that begins at `start`; its quoted values must end before `limit`."""
        place = start
        while True:
            found = self._cell.match(text, place, limit)
            if found is None:
                opened = self._opening.match(text, place, limit)
                end = limit if opened is None else opened.end()
                fault = (
                    f'a value opens a quote {self._quote}, and neither a separator nor a line end follows the '
                    f'closing quote ({ORDINARY})'
                )
                return Span(end, open=True) if end == limit else Span(end, fault)
            place = found.end()
            if place == limit or text[place : place + 1] == NEWLINE:
                return Span(place)
            place += 1


def one_byte(text: bytes, separator: str) -> tuple[bytes, bytes]:
    """Returns a text in which one byte separates columns, and that byte.

    A separator of several bytes is replaced by a control character that does not occur in the text. Raises ValueError
    if all of them occur.
    """
    stored = separator.encode()
    if len(stored) == 1:
        return text, stored
    for character in _STAND_INS:
        if character not in text:
            return text.replace(stored, character), character
    raise ValueError(f'the text has all control characters, so none can replace the separator {separator!r}')


def regular_lines(text: bytes, ends: np.ndarray, quotes: np.ndarray, separator: bytes) -> np.ndarray:
    """Finds the lines whose quotes enclose whole values, without blanks beside the quotes and without quotes in values.

    Args:
      text: whole lines.
      ends: places of the line ends, ascending [lines].
      quotes: places of the quotes, ascending [quotes].
      separator: the byte between columns.

    Returns bool [lines].
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
