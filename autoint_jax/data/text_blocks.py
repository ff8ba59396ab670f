"""Text files, packed by gzip or not, in bounded blocks of whole lines."""

import contextlib
import gzip
import hashlib
import pathlib
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np

from autoint_jax.errors import UsageError

BLOCK_BYTES = 32 << 20  # memory of larger blocks would go back to the system after each
NEWLINE = b'\n'
_CACHED = 1 << 16  # bytes that stay in a core's cache
_BOM = b'\xef\xbb\xbf'


class Block(NamedTuple):
    """Whole lines of a file, ended by '\\n' but perhaps the last one.

    Attributes:
      first_line: number in the file of its first line, from 1.
      text: without a header, a byte-order mark or carriage returns at line ends.
      size: bytes of the file it stands for, as they are stored.
    """

    path: pathlib.Path
    first_line: int
    text: bytes
    size: int


@contextlib.contextmanager
def opened(path: pathlib.Path) -> Iterator[BinaryIO]:
    """A file's bytes, unpacked where its name ends in `.gz`. Raises UsageError where they cannot be."""
    with open(path, 'rb') as stored:
        try:
            yield gzip.GzipFile(fileobj=stored) if path.suffix == '.gz' else stored
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise UsageError(f'{path} is damaged or no gzip file ({error}): fetch or pack it again') from None


def header_of(path: pathlib.Path) -> bytes:
    """The first line of a file. Raises UsageError where there is none."""
    with opened(path) as file:
        line = file.readline().removeprefix(_BOM).rstrip(b'\r\n')
    if not line:
        raise UsageError(f'{path} is empty: it must begin with a line of column names')
    return line


def blocks(path: pathlib.Path, *, header: bool, quote: str | None, checksum: 'hashlib._Hash',
           block_bytes: int) -> Iterator[Block]:
    """Blocks of a file in order.

    Args:
      path: of the file.
      header: its first line is not data.
      quote: character between whose pairs a line end is part of a value, or None.
      checksum: updated with every byte of the file, unpacked.
      block_bytes: read at once; a longer line is kept whole.

    Raises UsageError where a quote is not closed, or the file cannot be unpacked.
    """
    first_line, rest = 1, b''
    with opened(path) as file:
        stored = file.fileobj if isinstance(file, gzip.GzipFile) else file
        while True:
            start = stored.tell()
            read = _read(file, block_bytes, quote)
            checksum.update(read)
            text, size = rest + read if rest else read, stored.tell() - start
            if read and (quote is not None or not text.endswith(NEWLINE)):
                end = _last_line_end(text, quote)
                text, rest = text[:end], text[end:]
                if quote is not None and len(rest) > 8 * block_bytes and quote.encode() in rest:
                    raise UsageError(f'{path} line {first_line + text.count(NEWLINE)} opens a quote {quote} that is not closed '
                                     f'within {8 * block_bytes:,} bytes')
            else:
                rest = b''
            lines = occurrences(text, NEWLINE)
            if first_line == 1 and text:
                text = text.removeprefix(_BOM)
                if header:
                    text = text[text.index(NEWLINE) + 1:] if lines else b''
            if b'\r' in text:
                text = text.replace(b'\r\n', NEWLINE).removesuffix(b'\r')
            if text:
                yield Block(path, first_line + (header and first_line == 1), text, size)
            first_line += lines
            if not read:
                return


def occurrences(text: bytes, character: bytes) -> int:
    """`text.count(character)`, which goes byte by byte and keeps other threads waiting, some times faster."""
    characters = np.frombuffer(text, np.uint8)
    return sum(int(np.count_nonzero(characters[start:start + _CACHED] == ord(character)))
               for start in range(0, len(characters), _CACHED))


def _read(file: BinaryIO, size: int, quote: str | None) -> bytes:
    """About `size` bytes; where quotes cannot hide line ends, up to the end of a line, so that no text is copied."""
    if quote is not None:
        return file.read(size)
    if isinstance(file, gzip.GzipFile):  # would unpack all of it again to go back
        return file.read(size) + file.readline()
    start = file.tell()
    file.seek(start + size - 1)
    end = file.seek(0, 1) + len(file.readline())
    file.seek(start)
    return file.read(end - start)


def _last_line_end(text: bytes, quote: str | None) -> int:
    """The length of the whole lines at the beginning of a text."""
    if quote is None or quote.encode() not in text:
        return text.rfind(NEWLINE) + 1
    ends = line_ends(text, quote)
    return int(ends[-1]) + 1 if len(ends) else 0


def outside_quotes(text: np.ndarray, places: np.ndarray, quote: str | None) -> np.ndarray:
    """Those of some places, ascending, before which the quotes are paired."""
    if quote is None:
        return places
    quotes = np.flatnonzero(text == ord(quote))
    return places[np.searchsorted(quotes, places) % 2 == 0]


def line_ends(text: bytes, quote: str | None) -> np.ndarray:
    """Places of the newlines that end a line."""
    characters = np.frombuffer(text, np.uint8)
    return outside_quotes(characters, np.flatnonzero(characters == ord('\n')), quote)
