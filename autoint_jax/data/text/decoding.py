"""Decodes text files of any encoding and any line ends into UTF-8 with lines that end in '\\n' or '\\r\\n'."""

import codecs
import io
import pathlib
import re
from collections.abc import Callable
from typing import BinaryIO

from autoint_jax.errors import UsageError

_BEGIN = 1 << 18  # number of bytes that are looked at to find the byte-order mark and the line ends
_LONG = 1 << 28  # most bytes of a line that are read at once
_MARKS = (
    (codecs.BOM_UTF8, 'utf-8'),
    (codecs.BOM_UTF32_LE, 'utf-32-le'),
    (codecs.BOM_UTF32_BE, 'utf-32-be'),
    (codecs.BOM_UTF16_LE, 'utf-16-le'),
    (codecs.BOM_UTF16_BE, 'utf-16-be'),
)
_LONE_RETURN = re.compile(r'\r(?=[^\r\n])')


class Direct:
    """A reader of UTF-8 with Unix or Windows line ends. It returns bytes unchanged, in whole lines if that is cheap."""

    def __init__(self, file: BinaryIO, mark: bytes, seen: Callable[[bytes], None]):
        self._file, self._mark, self._seen = file, mark, seen
        self._plain = isinstance(file, io.BufferedReader)

    def read(self, size: int) -> bytes:
        """Returns about `size` bytes, and b'' at the end of the file."""
        text = self._whole_lines(size) if self._plain else self._file.read(size) + self._file.readline(_LONG)
        self._seen(text)
        mark, self._mark = self._mark, b''
        return text.removeprefix(mark)

    def _whole_lines(self, size: int) -> bytes:
        """Returns at least `size` bytes, up to the end of a line, read in one piece so that no text is copied."""
        start = self._file.tell()
        self._file.seek(start + size - 1)
        end = self._file.seek(0, 1) + len(self._file.readline(_LONG))
        self._file.seek(start)
        return self._file.read(end - start)


class Converted:
    """A reader of text in another encoding, or with line ends '\\r' as on old Macs. It returns UTF-8 with '\\n'."""

    def __init__(
        self,
        path: pathlib.Path,
        file: BinaryIO,
        mark: bytes,
        seen: Callable[[bytes], None],
        encoding: str,
        *,
        only_returns: bool,
    ):
        self._path, self._file, self._mark, self._seen = path, file, mark, seen
        self._encoding, self._decoder = encoding, codecs.getincrementaldecoder(encoding)()
        self._only_returns, self._pending, self._line, self._ended = only_returns, '', 1, False

    def read(self, size: int) -> bytes:
        """Returns about `size` bytes, and b'' at the end. Raises UsageError if bytes are not of the encoding."""
        while not self._ended:
            stored = self._file.read(max(size, len(self._mark)))
            self._seen(stored)
            self._ended = not stored
            mark, self._mark = self._mark, b''
            stored = stored.removeprefix(mark)
            try:
                text = self._pending + self._decoder.decode(stored, final=self._ended)
            except UnicodeDecodeError as error:
                before = self._pending + error.object[: error.start].decode(self._encoding, 'ignore')
                raise not_of_encoding(
                    self._path, self._line + len(self._line_ends(before)), error, self._encoding
                ) from None
            except UnicodeError as error:
                raise _unreadable(self._path, self._encoding, error) from None
            self._pending = '\r' if text.endswith('\r') and not self._ended else ''
            text = text.removesuffix(self._pending).replace('\r\n', '\n')
            if self._only_returns:
                text = text.replace('\r', '\n')
            self._line += text.count('\n')
            if text:
                return self._in_utf_8(text)
        return b''

    def _in_utf_8(self, text: str) -> bytes:
        """Encodes text. Raises UsageError if it holds halves of characters."""
        try:
            return text.encode()
        except UnicodeEncodeError as error:  # some codecs let halves of characters pass
            raise _unreadable(self._path, self._encoding, error) from None

    def _line_ends(self, text: str) -> list[str]:
        """Returns the line ends in a text, for the number of a line."""
        return re.findall('\r\n|\n|\r' if self._only_returns else '\n', text)


def _nothing(stored: bytes) -> None: ...


def decoded(
    path: pathlib.Path, file: BinaryIO, encoding: str, seen: Callable[[bytes], None] = _nothing
) -> Direct | Converted:
    """Returns a reader of a file's text in UTF-8.

    A byte-order mark is no part of the text. If there is one, it decides the encoding.

    Args:
      path: the file's path, for error messages.
      file: the unpacked bytes, open at the beginning.
      encoding: name of a Python codec, used if there is no byte-order mark.
      seen: called with all bytes of the file, piece by piece, before they are decoded.

    Raises UsageError if there is no such encoding, or if the text is clearly in another one.
    """
    begin = file.read(_BEGIN)
    file.seek(0)
    name = codec(path, encoding)
    mark = next((mark for mark, _ in _MARKS if begin.startswith(mark)), b'')
    if mark:
        name = dict(_MARKS)[mark]
    else:
        _refuse_unmarked(path, begin, name)
    try:
        text = begin.removeprefix(mark).decode(name, 'ignore')
    except UnicodeError as error:
        raise _unreadable(path, encoding, error) from None
    only_returns = len(_LONE_RETURN.findall(text)) > text.count('\n')
    if name == 'utf-8' and not only_returns:
        return Direct(file, mark, seen)
    return Converted(path, file, mark, seen, name, only_returns=only_returns)


def codec(path: pathlib.Path, encoding: str) -> str:
    """Returns Python's own name of a codec. Raises UsageError if no codec of that name decodes text."""
    try:
        found = codecs.lookup(encoding)
        codecs.getincrementaldecoder(encoding)()
        if not found._is_text_encoding:
            raise LookupError(encoding)
    except (LookupError, ValueError):
        raise UsageError(
            f'{path} cannot be read, because there is no encoding {encoding!r}: write utf-8, latin-1, cp1252, utf-16 '
            f'or the name of another codec of Python'
        ) from None
    return 'utf-8' if found.name == 'utf-8-sig' else found.name


def as_text(path: pathlib.Path, text: bytes, first_line: int) -> str:
    """Decodes UTF-8 whose first line has the number `first_line`.

    Raises UsageError that names a line of other bytes.
    """
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise not_of_encoding(path, first_line + text.count(b'\n', 0, error.start), error, 'utf-8') from None


def not_of_encoding(path: pathlib.Path, line: int, error: UnicodeDecodeError, encoding: str) -> UsageError:
    """Returns the error about a line with bytes that are not of the encoding."""
    held = (
        ' '.join(f'0x{byte:02x}' for byte in error.object[error.start : max(error.end, error.start + 1)][:4])
        or 'half a character'
    )
    if encoding.startswith(('utf-16', 'utf-32')):
        return UsageError(
            f'{path} line {line} holds {held}, which is not {encoding.upper()}: the file is damaged there, or in '
            f'another encoding: name that one under encoding: in the declaration'
        )
    other = 'encoding: latin-1 (or cp1252)' if encoding.startswith('utf') else 'another encoding'
    return UsageError(
        f'{path} line {line} holds {held}, which is not {encoding.upper()}: write {other} in the declaration if the '
        f'file is in that encoding, or correct the line'
    )


def _unreadable(path: pathlib.Path, encoding: str, error: UnicodeError) -> UsageError:
    """Returns the error about a text that the codec cannot decode."""
    return UsageError(
        f'{path} cannot be read with encoding {encoding!r} ({error}): write another encoding in the declaration'
    )


def _refuse_unmarked(path: pathlib.Path, begin: bytes, name: str) -> None:
    """Raises UsageError if a text without a byte-order mark looks like UTF-16: it would be read with NUL characters."""
    head = begin[:64]
    if len(head) < 8 or '16' in name or '32' in name:
        return
    for zeros, order in ((head[1::2], 'le'), (head[0::2], 'be')):
        if not any(zeros) and all(head[0::2] if order == 'le' else head[1::2]):
            raise UsageError(
                f'{path} has a NUL character beside each letter, as UTF-16 has: write encoding: utf-16-{order}'
            )
