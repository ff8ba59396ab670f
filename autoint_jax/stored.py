"""Reads small text files, JSON and TOML, that a user, another version or a killed process may have changed.

A file that cannot be used raises a UsageError: one sentence with the file, the reason, and what to do. The expected
content is given as a form: {key: type}. Instead of a type there may be another form, a tuple of alternatives (None is
one), or a list with the form of its items. `finite` is the form of a number that is neither NaN nor infinite. A file
may have more keys.

A record is a frozen dataclass with a number `VERSION`. `read_record` reads a file of one, and `to_json` returns the
JSON to write.
"""

import contextlib
import dataclasses
import json
import math
import pathlib
import tomllib
import types
import typing
from collections.abc import Iterator
from typing import Any, ClassVar, Protocol, TypeVar

from autoint_jax.errors import UsageError, nearest, system_sentence

MEND = 'restore it from a copy, or move it away and run what makes it again'
# No file that is read here is larger; a larger one would take memory and time before it is refused.
MOST_BYTES = 1 << 28


class finite:
    """The form of a number that is neither NaN nor infinite."""


Form = Any  # a type, finite, None, {key: Form}, (Form, ...) or [Form]
_CALLED = {
    str: 'a text',
    int: 'a whole number',
    float: 'a number',
    bool: 'true or false',
    list: 'a list',
    dict: 'an object',
    finite: 'a finite number',
    None: 'null',
}


def read_text(path: pathlib.Path, *, mend: str = MEND) -> str:
    """Returns the text of a file in UTF-8.

    Raises UsageError if the file is missing or cannot be read, as all functions here do.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UsageError(f'{path} has {path.stat().st_size:,} bytes, far more than such a file needs: {mend}')
        return path.read_text(encoding='utf-8')
    except UnicodeDecodeError as error:
        raise UsageError(
            f'{path} is not a text in UTF-8 (byte {error.start} is {error.object[error.start]:#04x}): {mend}'
        ) from None
    except ValueError as error:  # a path with NUL
        raise UsageError(f'{str(path)!r} is not a path ({error}): {mend}') from None
    except OSError as error:
        raise UsageError(system_sentence(error)) from None


def read_json(path: pathlib.Path, form: Form = dict, *, mend: str = MEND) -> Any:
    """Returns the content of a JSON file.

    Args:
      path: of the file.
      form: expected form; by default an object with any keys.
      mend: what the user can do if the file is damaged, as the end of the sentence.

    Raises:
      UsageError: the file is missing, cannot be read, is not JSON, or has another form.
    """
    return checked(parsed_json(read_text(path, mend=mend), str(path), mend=mend), form, str(path), mend=mend)


def read_json_if_there(path: pathlib.Path, form: Form = dict, *, mend: str = MEND) -> Any | None:
    """Returns the content as `read_json` does, but None if there is no such file."""
    return read_json(path, form, mend=mend) if _there(path) else None


def parsed_json(text: str, where: str, *, mend: str = MEND) -> Any:
    """Returns the value of a JSON text that stands in `where`. Raises UsageError if it is not JSON."""
    try:
        return json.loads(text)
    except RecursionError:
        raise UsageError(f'{where} is damaged (it is nested too deeply): {mend}') from None
    except ValueError as error:
        raise UsageError(f'{where} is damaged ({error}): {mend}') from None


def read_toml(path: pathlib.Path, what: str) -> dict[str, Any]:
    """Returns the content of a TOML file that a user wrote.

    Args:
      path: of the file.
      what: kind of its content, such as 'configuration'.

    Raises:
      UsageError: the file is not TOML, or it is missing; then the sentence names the files in its folder.
    """
    if not _there(path):
        known = sorted(file.stem for file in path.parent.glob('*.toml'))
        raise UsageError(
            f'there is no {what} {str(path)!r}{nearest(path.stem, known)}; in that folder: {", ".join(known) or "none"}'
        )
    return parsed_toml(read_text(path, mend=f'name a TOML file that holds a {what}'), str(path))


def parsed_toml(text: str, where: str) -> dict[str, Any]:
    """Returns the content of a TOML text that stands in `where`. Raises UsageError, also if a key is given twice."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise UsageError(f'{where} is not a TOML file: it is nested too deeply') from None
    except ValueError as error:
        raise UsageError(f'{where} is not a TOML file: {error}: correct that line') from None


def checked(value: Any, form: Form, where: str, *, mend: str = MEND) -> Any:
    """Returns `value`, if it has the form. Raises UsageError that names `where`, the key and the expected form."""
    if problem := _problem(value, form, ''):
        raise UsageError(f'{where} has another form than expected ({problem}): {mend}')
    return value


@contextlib.contextmanager
def of_form(path: pathlib.Path, *, mend: str = MEND) -> Iterator[None]:
    """A context in which errors mean that a record has another form; they become a UsageError that names `path`."""
    try:
        yield
    except KeyError as error:
        raise UsageError(f'{path} has another form than expected (it has no key {error}): {mend}') from None
    except (TypeError, ValueError, IndexError, AttributeError, ZeroDivisionError) as error:
        raise UsageError(f'{path} has another form than expected ({error}): {mend}') from None


class Versioned(Protocol):
    """The type of a record: a dataclass with a version number of its form."""

    VERSION: ClassVar[int]


Record = TypeVar('Record', bound=Versioned)


def read_record(path: pathlib.Path, kind: type[Record], *, mend: str = MEND) -> Record:
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
    return record_of(read_json(path, mend=mend), kind, str(path), mend=mend)


def record_of(value: Any, kind: type[Record], where: str, *, mend: str = MEND) -> Record:
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
            raise _Mismatch(_no(value, dict, key))
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
            raise _Mismatch(_no(value, dict, key))
        return {name: _built(parts[1], item, f'{key}.{name}') for name, item in value.items()}
    if origin is tuple:
        if not isinstance(value, list):
            raise _Mismatch(_no(value, list, key))
        return tuple(_built(parts[0], item, f'{key}[{number}]') for number, item in enumerate(value))
    if problem := _problem(value, kind, key):
        raise _Mismatch(problem)
    return value


def _there(path: pathlib.Path) -> bool:
    """Whether there is such a file. True also if this cannot be determined; then `read_text` raises the reason."""
    try:
        path.stat()
        return True
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError):
        return True


def _problem(value: Any, form: Form, key: str) -> str:
    """Returns the first difference between a value and a form, or ''."""
    if isinstance(form, tuple):
        problems = [_problem(value, one, key) for one in form]
        return '' if '' in problems else problems[0]
    if isinstance(form, dict):
        if not isinstance(value, dict):
            return _no(value, dict, key)
        return next(
            (
                problem
                for name, of in form.items()
                if (
                    problem := _problem(value[name], of, f'{key}.{name}' if key else name)
                    if name in value
                    else f'it has no key {f"{key}.{name}" if key else name!r}'
                )
            ),
            '',
        )
    if isinstance(form, list):
        if not isinstance(value, list):
            return _no(value, list, key)
        return next(
            (problem for number, item in enumerate(value) if (problem := _problem(item, form[0], f'{key}[{number}]'))),
            '',
        )
    if form is None:
        return '' if value is None else _no(value, None, key)
    if form in (float, finite):
        number = type(value) in (int, float)
        return '' if number and (form is float or math.isfinite(value)) else _no(value, form, key)
    return '' if type(value) is form else _no(value, form, key)


def _no(value: Any, form: Form, key: str) -> str:
    """Returns the sentence that the value of a key has another form."""
    said = repr(value)
    return f'{key or "the file"} is {said if len(said) <= 60 else said[:60] + "..."}, not {_CALLED[form]}'
