"""Opens files that are plain, or packed by gzip, Zstandard or zip."""

import contextlib
import gzip
import io
import lzma
import pathlib
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, cast

from backports import zstd

from autoint_jax.errors import UsageError

PACKED = ('.gz', '.zst', '.zip')
_DAMAGED = (
    EOFError,
    zlib.error,
    gzip.BadGzipFile,
    zstd.ZstdError,
    zipfile.BadZipFile,
    lzma.LZMAError,
    NotImplementedError,
)
# The first bytes of files that are not text, whatever their names say: (bytes, kind, suffix that is read or None).
_BEGINNINGS = (
    (b'\x1f\x8b', 'gzip', '.gz'),
    (b'\x28\xb5\x2f\xfd', 'Zstandard', '.zst'),
    (b'PK\x03\x04', 'zip', '.zip'),
    (b'PAR1', 'Parquet', '.parquet'),
    (b'BZh', 'bzip2', None),
    (b'\xfd7zXZ', 'xz', None),
)


class Unpacked(NamedTuple):
    """An open file whose bytes are read unpacked.

    Attributes:
      file: the unpacked bytes.
      stored: the bytes as stored; their position tells how much of the file has been read.
    """

    file: BinaryIO
    stored: BinaryIO


def unpacked_name(path: pathlib.Path) -> str:
    """Returns the name of a file without the suffix of its packing."""
    return path.name.removesuffix(path.suffix) if path.suffix.lower() in PACKED else path.name


@contextlib.contextmanager
def opened(path: pathlib.Path) -> Iterator[Unpacked]:
    """Opens a file, and unpacks it if its name ends in one of PACKED.

    Raises UsageError if the file cannot be unpacked, at once or while it is read, or if it is plain but not text.
    """
    suffix = path.suffix.lower()
    with open(path, 'rb') as stored:
        try:
            if suffix == '.gz':
                yield Unpacked(cast(BinaryIO, gzip.GzipFile(fileobj=stored)), stored)
            elif suffix == '.zst':
                yield Unpacked(cast(BinaryIO, zstd.ZstdFile(stored)), stored)
            elif suffix == '.zip':
                with zipfile.ZipFile(stored) as archive, archive.open(_member(path, archive)) as file:
                    yield Unpacked(cast(BinaryIO, file), stored)
            else:
                _check_text(path, stored)
                yield Unpacked(stored, stored)
        except _DAMAGED as error:
            kind = {'.gz': 'gzip', '.zst': 'Zstandard', '.zip': 'zip'}[suffix]
            raise UsageError(f'{path} is damaged or not a {kind} file ({error}): download or pack it again') from None


def _member(path: pathlib.Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """Returns the only file of an archive. Raises UsageError if there are several, or a password."""
    members = [
        member for member in archive.infolist() if not member.is_dir() and not member.filename.startswith('__MACOSX/')
    ]
    if len(members) != 1:
        names = ', '.join(repr(member.filename) for member in members[:5]) + (', ...' if len(members) > 5 else '')
        raise UsageError(
            f'{path} holds {len(members)} files{names and f" ({names})"}: it must hold exactly one, so unpack it and '
            f'name the files themselves'
        )
    if members[0].flag_bits & 1:
        raise UsageError(f'{path} is locked by a password: unpack it')
    return members[0]


def _check_text(path: pathlib.Path, stored: io.BufferedReader) -> None:
    """Raises UsageError if the first bytes are those of a packed file or of a Parquet file."""
    begin = stored.peek(8)[:8]
    for mark, kind, suffix in _BEGINNINGS:
        if begin.startswith(mark):
            how = f'give it a name that ends in {suffix}' if suffix else 'unpack it'
            raise UsageError(f'{path} is not text but a file of the kind {kind}: {how}')
