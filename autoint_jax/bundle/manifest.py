"""The manifest of a bundle: what the bundle is, and size and SHA-256 of every file, itself included.

A bundle is used only after `verified` has compared all files with the manifest. That finds damage; whoever can change
the manifest can also change its checksums, so a bundle from a stranger needs a signature of its own.
"""

import dataclasses
import hashlib
import json
import os
import pathlib
from typing import ClassVar

from autoint_jax import stored
from autoint_jax.bundle.weights import Tensor
from autoint_jax.errors import UsageError
from autoint_jax.stored_records import record_of, to_json

MANIFEST, WEIGHTS, GOLDEN, CARD, ENCODING = 'manifest.json', 'weights.bin', 'golden.json', 'README.md', 'encoding'
FORMAT = 'autoint_jax bundle'
# {name of a format: its file}
FORMATS = {'stablehlo': 'model.stablehlo', 'onnx': 'model.onnx', 'onnx_raw': 'raw.onnx', 'onnx_request': 'request.onnx'}
MEND = 'export the run again'
_UNSEALED = '0' * 64  # stands for the checksum of the manifest while that is computed


@dataclasses.dataclass(frozen=True)
class File:
    """The content of a file of the bundle.

    Attributes:
      sha256: of its bytes, in hexadecimal digits.
      bytes: its size.
    """

    sha256: str
    bytes: int


@dataclasses.dataclass(frozen=True)
class Field:
    """A field of the model.

    Attributes:
      name: of the field.
      kind: 'categorical', 'multivalued' or 'numeric'.
      first: its first column of `ids`, or, if it is numeric, its column of `numeric`.
      count: the number of its columns.
      cardinality: number of its ids, id 0 included; 0 for a numeric field.
    """

    name: str
    kind: str
    first: int
    count: int
    cardinality: int


@dataclasses.dataclass(frozen=True)
class RawInput:
    """A raw column that scoring needs.

    Attributes:
      name: of the column.
      kind: 'text', 'number' or 'texts', a text of several values.
      separator: between the values of a column of kind 'texts'.
    """

    name: str
    kind: str
    separator: str = ''


@dataclasses.dataclass(frozen=True)
class Manifest:
    """The manifest of a bundle.

    Attributes:
      version: of the form of bundles.
      created_by: name and version of the program that wrote it.
      formats: names of the exported formats, of FORMATS.
      model: name of the model.
      precision: of the tables: 'float32', 'bfloat16' or 'int8'.
      fingerprint: of the configuration of the run.
      data_hash: the hash of the data that the run was trained on.
      step: of the checkpoint.
      slots: number of columns of `ids`.
      fields: the fields of the model, in their order.
      raw_inputs: the raw columns.
      context: raw columns that all candidates of a request share; None if none were named.
      unknown_values: what becomes of values that training did not see.
      tensors: places in weights.bin by the names of tensors.
      files: all other files, by their paths within the bundle.
      agreement: how near the logits of programs are to those of golden.json; '' in bundles of earlier versions.
      format: FORMAT.
      sha256: of the manifest itself, in which 64 zeros take the place of this value.
    """

    VERSION: ClassVar[int] = 1

    created_by: str
    formats: tuple[str, ...]
    model: str
    precision: str
    fingerprint: str
    data_hash: str
    step: int
    slots: int
    fields: tuple[Field, ...]
    raw_inputs: tuple[RawInput, ...]
    context: tuple[str, ...] | None
    unknown_values: str
    tensors: dict[str, Tensor]
    files: dict[str, File]
    agreement: str = ''
    version: int = 1
    format: str = FORMAT
    sha256: str = _UNSEALED

    @property
    def numeric(self) -> tuple[str, ...]:
        """Names of the numeric fields, in the order of the columns of `numeric`."""
        return tuple(field.name for field in self.fields if field.kind == 'numeric')


def write_manifest(folder: pathlib.Path, manifest: Manifest) -> Manifest:
    """Writes the manifest of a bundle, whose other files must be there, and returns it with sizes and checksums."""
    files = {name: _content(folder / name) for name in sorted(_files(folder)) if name != MANIFEST}
    manifest = dataclasses.replace(manifest, files=files, sha256=_UNSEALED)
    text = json.dumps(to_json(manifest), indent=1) + '\n'
    seal = hashlib.sha256(text.encode()).hexdigest()
    stored.write_text(folder / MANIFEST, text.replace(f'"{_UNSEALED}"', f'"{seal}"'))
    return dataclasses.replace(manifest, sha256=seal)


def read_manifest(folder: pathlib.Path) -> Manifest:
    """Reads the manifest of a bundle, and compares its own checksum. Other files are not looked at.

    Raises:
      UsageError: the folder is no bundle, or the manifest is damaged or of a later version.
    """
    path = folder / MANIFEST
    if not folder.is_dir() or not os.path.lexists(path):
        what = 'does not exist' if not os.path.lexists(folder) else f'is no bundle (it has no {MANIFEST})'
        raise UsageError(f'{folder} {what}: name a folder that scripts/export.py wrote')
    if path.is_symlink():
        raise UsageError(f'{path} is a symbolic link, which no bundle holds: {MEND}')
    text = stored.read_text(path, mend=MEND)
    value = stored.parsed_json(text, str(path), mend=MEND)
    if not isinstance(value, dict) or value.get('format') != FORMAT:
        raise UsageError(f'{path} is not the manifest of a bundle: name a folder that scripts/export.py wrote')
    manifest = record_of(value, Manifest, str(path), mend=MEND)
    unsealed = text.replace(f'"{manifest.sha256}"', f'"{_UNSEALED}"')
    if hashlib.sha256(unsealed.encode()).hexdigest() != manifest.sha256:
        raise UsageError(f'{path} was changed after the export (its SHA-256 is another one): {MEND}')
    return manifest


def verified(folder: pathlib.Path) -> Manifest:
    """Reads the manifest of a bundle, and compares all files with it.

    Args:
      folder: the bundle.

    Returns:
      The manifest.

    Raises:
      UsageError: the folder is no bundle, a file was changed, is missing or surplus, the manifest names a path outside
        of the bundle or is of a later version, or a link is in the bundle.
    """
    manifest = read_manifest(folder)
    for name in manifest.files:
        if not _is_inside(name):
            raise UsageError(f'{folder / MANIFEST} names the path {name!r}, which is not in the bundle: {MEND}')
    found = _files(folder) - {MANIFEST}
    if missing := sorted(set(manifest.files) - found):
        raise UsageError(f'{folder / missing[0]} is missing, but the manifest names it: {MEND}')
    if surplus := sorted(found - set(manifest.files)):
        raise UsageError(f'{folder / surplus[0]} is not in the manifest of the bundle: remove it, or {MEND}')
    for name, expected in manifest.files.items():
        if _content(folder / name) != expected:
            raise UsageError(f'{folder / name} was changed after the export (its SHA-256 is another one): {MEND}')
    for name in (WEIGHTS, *(FORMATS.get(name, name) for name in manifest.formats)):
        if name not in manifest.files:
            raise UsageError(f'{folder / MANIFEST} names no file {name!r}, which such a bundle has: {MEND}')
    return manifest


def _is_inside(name: str) -> bool:
    """Returns whether a name is a plain path of a file within the bundle."""
    parts = name.split('/')
    return '\\' not in name and '\0' not in name and not {'', '.', '..'} & set(parts) and ':' not in parts[0]


def _files(folder: pathlib.Path) -> set[str]:
    """Returns the paths of all files in a bundle. Raises UsageError if one is a link or no ordinary file."""
    found = set()
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                path = pathlib.Path(entry.path)
                if entry.is_symlink():
                    raise UsageError(f'{path} is a symbolic link, which no bundle holds: {MEND}')
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(path)
                elif entry.is_file(follow_symlinks=False):
                    found.add(path.relative_to(folder).as_posix())
                else:
                    raise UsageError(f'{path} is no ordinary file, which no bundle holds: {MEND}')
    return found


def _content(path: pathlib.Path) -> File:
    """Returns checksum and size of a file."""
    with open(path, 'rb') as file:
        return File(hashlib.file_digest(file, 'sha256').hexdigest(), os.fstat(file.fileno()).st_size)
