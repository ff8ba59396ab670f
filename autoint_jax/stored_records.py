"""Records in JSON files: frozen dataclasses with a number `VERSION`.

`read_record` reads a file of one, and `to_json` returns the JSON to write.
"""

import dataclasses
import json
import pathlib
import types
import typing
from typing import Any, ClassVar, Protocol, TypeVar

from autoint_jax import stored
from autoint_jax.errors import UsageError


class Versioned(Protocol):
    """The type of a record: a dataclass with a version number of its form."""

    VERSION: ClassVar[int]


Record = TypeVar('Record', bound=Versioned)


def read_record(path: pathlib.Path, kind: type[Record], *, mend: str = stored.MEND) -> Record:
    """Reads a record from a JSON file.

    Args:
      path: of the file.
      kind: a dataclass with the present version of its form, VERSION, and a field `version`.
      mend: what the user can do if the file is damaged, as the end of the sentence.

    Returns:
      The record. Its `version` is the file's, or 1 if the file has none.

    Raises:
      UsageError: the file cannot be read, lacks a key, has a value of another type, or is of a later version.
    """
    return record_of(stored.read_json(path, mend=mend), kind, str(path), mend=mend)


def record_of(value: Any, kind: type[Record], where: str, *, mend: str = stored.MEND) -> Record:
    """Returns the record that a JSON value, which stands in `where`, holds. Raises UsageError as `read_record` does."""
    version = value.get('version', 1) if isinstance(value, dict) else 1
    if type(version) is not int or not 1 <= version <= kind.VERSION:
        raise UsageError(
            f'{where} is a record of version {version!r}, but this program reads versions 1 to {kind.VERSION} only: '
            f'use a newer version of this program, or {mend}'
        )
    try:
        return _built(kind, value | {'version': version} if isinstance(value, dict) else value, '')
    except _Mismatch as problem:
        raise UsageError(f'{where} has another form than expected ({problem}): {mend}') from None


def to_json(record: Any) -> dict[str, Any]:
    """Returns a dataclass as nested dictionaries and lists of JSON values."""
    return json.loads(json.dumps(dataclasses.asdict(record)))


class _Mismatch(Exception):
    """A value does not have the expected type."""


def _built(kind: Any, value: Any, key: str) -> Any:
    """Returns a JSON value as an object of type `kind`.

    That is a dataclass, a union, dict, tuple, Any, or a type that a form may have. Raises _Mismatch if it is not one.
    """
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        if not isinstance(value, dict):
            raise _Mismatch(stored.mismatch(value, dict, key))
        hints, made = typing.get_type_hints(kind), {}
        for field in dataclasses.fields(kind):
            name = f'{key}.{field.name}' if key else field.name
            if field.name in value:
                made[field.name] = _built(hints[field.name], value[field.name], name)
            elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
                raise _Mismatch(f'it has no key {name!r}')
        return kind(**made)
    if kind is Any:
        return value
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in parts:
            return None
        return _built(next(part for part in parts if part is not type(None)), value, key)
    if origin is dict:
        if not isinstance(value, dict):
            raise _Mismatch(stored.mismatch(value, dict, key))
        return {name: _built(parts[1], item, f'{key}.{name}') for name, item in value.items()}
    if origin is tuple:
        if not isinstance(value, list):
            raise _Mismatch(stored.mismatch(value, list, key))
        return tuple(_built(parts[0], item, f'{key}[{number}]') for number, item in enumerate(value))
    if problem := stored.difference(value, kind, key):
        raise _Mismatch(problem)
    return value
