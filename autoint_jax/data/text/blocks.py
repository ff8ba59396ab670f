"""Reads text files in blocks of whole rows, so that memory stays bounded."""

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

# The allocator would return the memory of larger blocks to the system after each block.
BLOCK_BYTES = 32 << 20
MAX_ROW_BYTES = 256 << 20
_CACHED = 1 << 16  # bytes that fit in a core's cache
_BLANK_LINES = re.compile(rb'(?:[^\S\n]*\n)*')


class Block(NamedTuple):
    """A block is a piece of a text file that holds whole rows.

    Attributes:
      path: the file.
      first_line: number of the block's first line in the file; the file's first line is 1.
      text: the rows in UTF-8, without column names, byte-order mark and carriage returns at line ends. A file that is
        declared as UTF-8 may hold other bytes; they are not checked here. Every line ends with '\\n', except perhaps
        the last one.
      separator: the byte between columns in `text`. If the file's separator has several bytes, this byte replaces it.
      quoted: the rows whose quotes need care.
      size: number of bytes of the file that the block took, counted as stored (compressed if the file is).
    """

    path: pathlib.Path
    first_line: int
    text: bytes
    separator: bytes
    quoted: Quoted
    size: int


class _Lines:
    """A reader that returns whole lines of a file and counts them in a tally."""

    def __init__(self, tally: Tally, stream: Direct | Converted, block_bytes: int):
        self._tally, self._stream, self._block_bytes = tally, stream, block_bytes
        self._rest, self._read, self._read_lines, self._ended = b'', b'', 0, True
        self.final = False

    def more(self) -> bytes:
        """Returns the lines that were kept and the next whole lines.

        At the end of the file it returns all that is left and sets `final`. Raises UsageError if a line is too long.
        """
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
        """Takes back lines that `more` returned last; the next `more` returns them first."""
        self._rest = text + self._rest

    def count(self, text: bytes) -> int:
        """Number of line ends in lines that `more` returned."""
        return self._read_lines if text is self._read else occurrences(text, NEWLINE)

    def _check_length(self) -> None:
        """Raises UsageError if the line that is being read is too long."""
        if len(self._rest) > MAX_ROW_BYTES:
            raise UsageError(
                f'{self._tally.path} has a line of more than {MAX_ROW_BYTES:,} bytes after line '
                f'{self._tally.lines:,}: is it a text file?'
            )


def blocks(
    tally: Tally, layout: Layout, *, block_bytes: int = BLOCK_BYTES, sound: Callable[[Sequence[list[str]]], bool] = bool
) -> Iterator[Block]:
    """Yields the blocks of a file in order, and counts lines in the tally.

    Args:
      tally: names the file. `lines`, `header` and `checksum` are counted here.
      layout: how the file is laid out. With a header, the first row after blank lines holds names and is not yielded.
      block_bytes: number of bytes that are read at once; a longer row is kept whole.
      sound: takes rows as lists of cells; returns whether at least one of them can be a row of the table.

    Raises UsageError if a quote is not closed, if a line is too long, or if the file cannot be unpacked or decoded.
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
    """Returns `text.count(character)`. It is several times faster and lets other threads run."""
    characters = np.frombuffer(text, np.uint8)
    return sum(
        int(np.count_nonzero(characters[start : start + _CACHED] == ord(character)))
        for start in range(0, len(characters), _CACHED)
    )


def _after_header(tally: Tally, lines: _Lines, text: bytes, layout: Layout) -> bytes:
    """Returns the text after the column names, which are the first row that is not blank."""
    while (end := _header_end(tally, text, layout, final=lines.final)) is None:
        lines.keep(text)
        text = lines.more()
    tally.header = text.count(NEWLINE, 0, end) + (end == len(text) > 0 and not text.endswith(NEWLINE))
    return text[end:]


def _header_end(tally: Tally, text: bytes, layout: Layout, *, final: bool) -> int | None:
    """Returns the place after the first row that is not blank, or None if more text is needed to find it."""
    blank = _BLANK_LINES.match(text)
    start = 0 if blank is None else blank.end()
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
    """Returns the error about a quote that is not closed."""
    return UsageError(
        f'{tally.path} line {line} opens a quote {quote} that is not closed within {MAX_LINES:,} lines or to the end '
        f'of the file: correct the line, or, if quotes are ordinary characters in this file, write quote: none in the '
        f'declaration'
    )


def _without_returns(text: bytes) -> bytes:
    """Returns the lines with '\\n' as their end, without carriage returns before it."""
    while b'\r\n' in text:
        text = text.replace(b'\r\n', NEWLINE)
    return text.removesuffix(b'\r') + NEWLINE if text.endswith(b'\r') else text
