"""Text files in bounded blocks of whole rows."""

import pathlib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from autoint_jax.data.text.decoding import Converted, Direct, decoded
from autoint_jax.data.text.dialect import MAX_LINES, NEWLINE, Dialect, one_byte
from autoint_jax.data.text.layout import Layout
from autoint_jax.data.text.packed import opened
from autoint_jax.data.text.quoted import NOTHING_QUOTED, Quoted, Unclosed, quoted
from autoint_jax.data.text.tally import Tally
from autoint_jax.errors import UsageError

BLOCK_BYTES = 32 << 20  # memory of larger blocks would go back to the system after each
MAX_ROW_BYTES = 256 << 20
_CACHED = 1 << 16  # bytes that stay in a core's cache
_BLANK_LINES = re.compile(rb'(?:[^\S\n]*\n)*')


class Block(NamedTuple):
    """Whole rows of a file, lines ended by '\\n' but perhaps the last one.

    Attributes:
      first_line: number in the file of its first line, from 1.
      text: UTF-8 if the file is, without column names, a byte-order mark or carriage returns at line ends.
      separator: the byte between columns in `text`; it stands for a separator of several.
      quoted: rows whose quotes need care.
      size: bytes of the file it stands for, as they are stored.
    """

    path: pathlib.Path
    first_line: int
    text: bytes
    separator: bytes
    quoted: Quoted
    size: int


class _Lines:
    """Reads whole lines; counts those of the file."""

    def __init__(self, tally: Tally, stream: Direct | Converted, block_bytes: int):
        self._tally, self._stream, self._block_bytes = tally, stream, block_bytes
        self._rest, self._read, self._read_lines, self._ended = b'', b'', 0, True
        self.final = False

    def more(self) -> bytes:
        """The next whole lines, after what was kept; at the end of the file, which sets `final`, all that is left."""
        if not self.final:
            self._read = self._stream.read(self._block_bytes)
            self._read_lines = occurrences(self._read, NEWLINE)
            self._tally.lines += self._read_lines
            if self._read:
                self._ended = self._read.endswith(NEWLINE)
            else:
                self.final = True
                self._tally.lines += not self._ended
        text = self._rest + self._read if self._rest else self._read
        self._read, self._rest = (text, b'') if not self._rest else (self._read, b'')
        if not self.final and not text.endswith(NEWLINE):
            end = text.rfind(NEWLINE) + 1
            text, self._rest = text[:end], text[end:]
        self._check_length()
        return _without_returns(text) if b'\r' in text else text

    def keep(self, text: bytes) -> None:
        """Puts lines, the last that were given, before those that are read next."""
        self._rest = text + self._rest

    def count(self, text: bytes) -> int:
        """Line ends of lines that were given."""
        return self._read_lines if text is self._read else occurrences(text, NEWLINE)

    def _check_length(self) -> None:
        if len(self._rest) > MAX_ROW_BYTES:
            raise UsageError(
                f'{self._tally.path} has a line of more than {MAX_ROW_BYTES:,} bytes after line '
                f'{self._tally.lines:,}: is it a text file?'
            )


def blocks(
    tally: Tally, layout: Layout, *, block_bytes: int = BLOCK_BYTES, sound: Callable[[Sequence[list[str]]], bool] = bool
) -> Iterator[Block]:
    """Blocks of a file in order. Counts its lines, and those up to the end of the column names.

    Args:
      tally: of the file.
      layout: of the file; with a header, the first row, after blank lines, is no data.
      block_bytes: read at once; a longer row is kept whole.
      sound: whether any of some rows, given as cells, can be a row of the table.

    Raises UsageError where a quote is not closed, or the file cannot be unpacked or decoded.
    """
    path, told, size = tally.path, 0, 0
    with opened(path) as unpacked:
        lines = _Lines(tally, decoded(path, unpacked.file, layout.encoding, tally.checksum.update), block_bytes)
        text = lines.more()
        if layout.header:
            text = _after_header(tally, lines, text, layout)
        first_line = 1 + tally.header
        while True:
            size, told = size + unpacked.stored.tell() - told, unpacked.stored.tell()
            text, separator = one_byte(text, layout.separator)
            found = NOTHING_QUOTED
            if layout.quote is not None and text:
                try:
                    found, end = quoted(text, separator, layout, sound, final=lines.final)
                except Unclosed as error:
                    raise _unclosed(tally, first_line + error.line, layout.quote) from None
                if len(text) - end > MAX_ROW_BYTES:
                    raise _unclosed(tally, first_line + text.count(NEWLINE, 0, end), layout.quote)
                if end < len(text):
                    lines.keep(text[end:].replace(separator, layout.separator.encode()))
                    text = text[:end]
            if text:
                yield Block(path, first_line, text, separator, found, size)
                first_line, size = first_line + lines.count(text), 0
            if lines.final:
                return
            text = lines.more()


def occurrences(text: bytes, character: bytes) -> int:
    """`text.count(character)`, which goes byte by byte and keeps other threads waiting, some times faster."""
    characters = np.frombuffer(text, np.uint8)
    return sum(
        int(np.count_nonzero(characters[start : start + _CACHED] == ord(character)))
        for start in range(0, len(characters), _CACHED)
    )


def _after_header(tally: Tally, lines: _Lines, text: bytes, layout: Layout) -> bytes:
    """What follows the column names, which are the first row after blank lines."""
    while (end := _header_end(tally, text, layout, final=lines.final)) is None:
        lines.keep(text)
        text = lines.more()
    tally.header = text.count(NEWLINE, 0, end) + (end == len(text) > 0 and not text.endswith(NEWLINE))
    return text[end:]


def _header_end(tally: Tally, text: bytes, layout: Layout, *, final: bool) -> int | None:
    """Where the first row that is not blank ends; None if more of the text is needed."""
    start = _BLANK_LINES.match(text).end()
    end = text.find(NEWLINE, start) + 1
    if not end:
        return len(text) if final else None
    if layout.quote is None:
        return end
    row, separator = one_byte(text[start:], layout.separator)
    found = Dialect(separator, layout.quote, layout.strip).span(row, 0, len(row.removesuffix(NEWLINE)))
    if found.open:
        if final or row.count(NEWLINE) > MAX_LINES:
            raise _unclosed(tally, 1 + text.count(NEWLINE, 0, start), layout.quote)
        return None
    if found.fault:
        return end
    return start + len(row[: found.end + 1].replace(separator, layout.separator.encode()))


def _unclosed(tally: Tally, line: int, quote: str) -> UsageError:
    return UsageError(
        f'{tally.path} line {line} opens a quote {quote} that is not closed within {MAX_LINES:,} lines or to the end '
        f'of the file: mend the line, or, if quotes are ordinary characters in this file, write quote: none in the '
        f'declaration'
    )


def _without_returns(text: bytes) -> bytes:
    """Lines that end in '\\n' and not in carriage returns."""
    while b'\r\n' in text:
        text = text.replace(b'\r\n', NEWLINE)
    return text.removesuffix(b'\r') + NEWLINE if text.endswith(b'\r') else text
