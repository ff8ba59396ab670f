"""Bytes of text files in any encoding and with any line ends -> UTF-8 with lines that end in '\\n' or '\\r\\n'."""

import codecs
import pathlib
import re
from typing import BinaryIO

from autoint_jax.errors import UsageError

_BEGIN = 1 << 18  # bytes that tell the encoding and the line ends
_MARKS = ((codecs.BOM_UTF8, 'utf-8'), (codecs.BOM_UTF32_LE, 'utf-32-le'), (codecs.BOM_UTF32_BE, 'utf-32-be'),
          (codecs.BOM_UTF16_LE, 'utf-16-le'), (codecs.BOM_UTF16_BE, 'utf-16-be'))
_LINE_END = re.compile(rb'\r\n|\n|\r')


class Direct:
    """UTF-8 with Unix or Windows line ends: bytes are passed on as they are."""

    def __init__(self, file: BinaryIO, begin: bytes):
        self._file, self._begin = file, begin

    def read(self, size: int) -> bytes:
        """About `size` bytes; b'' at the end."""
        begin, self._begin = self._begin, b''
        return begin or self._file.read(size)


class Converted:
    """Text in another encoding, or with the line ends of old Macs; both become UTF-8 with '\\n'."""

    def __init__(self, path: pathlib.Path, file: BinaryIO, begin: bytes, encoding: str, *, only_returns: bool):
        self._path, self._file, self._begin, self._encoding = path, file, begin, encoding
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._only_returns, self._pending, self._line, self._ended = only_returns, '', 1, False

    def read(self, size: int) -> bytes:
        """About `size` bytes; b'' at the end. Raises UsageError where bytes are not of the encoding."""
        while not self._ended:
            begin, self._begin = self._begin, b''
            stored = begin or self._file.read(size)
            self._ended = not stored
            try:
                text = self._pending + self._decoder.decode(stored, final=self._ended)
            except UnicodeDecodeError as error:
                before = error.object[:error.start].decode(self._encoding, 'ignore')
                line = self._line + len(re.findall('\r\n|\n|\r' if self._only_returns else '\n', before))
                raise not_of_encoding(self._path, line, error, self._encoding) from None
            self._pending = '\r' if text.endswith('\r') and not self._ended else ''
            text = text.removesuffix('\r') if self._pending else text
            text = text.replace('\r\n', '\n')
            if self._only_returns:
                text = text.replace('\r', '\n')
            self._line += text.count('\n')
            if text:
                return text.encode()
        return b''


def decoded(path: pathlib.Path, file: BinaryIO, encoding: str) -> Direct | Converted:
    """The text of a file that is open at its beginning, without its byte-order mark, which also says the encoding.

    Raises UsageError where there is no such encoding, or the text is evidently of another.
    """
    begin = file.read(_BEGIN)
    name = codec(path, encoding)
    for mark, of_mark in _MARKS:
        if begin.startswith(mark):
            begin, name = begin[len(mark):], of_mark
            break
    else:
        _refuse_unmarked(path, begin, name)
    first = _LINE_END.search(begin.replace(b'\0', b''))
    only_returns = first is not None and first.group() == b'\r'
    if name == 'utf-8' and not only_returns:
        return Direct(file, begin)
    return Converted(path, file, begin, name, only_returns=only_returns)


def codec(path: pathlib.Path, encoding: str) -> str:
    """The name of a codec as Python writes it. Raises UsageError where there is none that decodes text."""
    try:
        found = codecs.lookup(encoding)
        codecs.getincrementaldecoder(encoding)()
        if not isinstance(codecs.decode(b'', encoding), str):
            raise LookupError
    except (LookupError, ValueError, UnicodeError):
        raise UsageError(f'{path} cannot be read with encoding {encoding!r}, which is none: write utf-8, latin-1, cp1252, utf-16 or '
                         f'the name of another codec of Python') from None
    return 'utf-8' if found.name == 'utf-8-sig' else found.name


def as_text(path: pathlib.Path, text: bytes, first_line: int) -> str:
    """UTF-8, whose first line has the number `first_line`, as text. Raises UsageError that names the line which is not."""
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise not_of_encoding(path, first_line + text.count(b'\n', 0, error.start), error, 'utf-8') from None


def not_of_encoding(path: pathlib.Path, line: int, error: UnicodeDecodeError, encoding: str) -> UsageError:
    """What to say about bytes of a line that are not of the encoding."""
    held = ' '.join(f'0x{byte:02x}' for byte in error.object[error.start:max(error.end, error.start + 1)][:4]) or 'half a character'
    other = 'encoding: latin-1 (or cp1252)' if encoding.startswith('utf') else 'another encoding'
    return UsageError(f'{path} line {line} holds {held}, which is not {encoding.upper()}: write {other} in the declaration if the file '
                      f'is in that encoding, or mend the line')


def _refuse_unmarked(path: pathlib.Path, begin: bytes, name: str) -> None:
    """UTF-16 without a mark is read as letters with NUL characters between them."""
    head = begin[:64]
    if len(head) < 8 or '16' in name or '32' in name:
        return
    for zeros, order in ((head[1::2], 'le'), (head[0::2], 'be')):
        if not any(zeros) and all(head[0::2] if order == 'le' else head[1::2]):
            raise UsageError(f'{path} has a NUL character beside each letter, as UTF-16 has: write encoding: utf-16-{order}')
