"""Reads small text files, JSON and TOML, that a user, another version or a killed process may have changed, and
writes them.

A file that cannot be used raises a UsageError: one sentence with the file, the reason, and what to do. The expected
content is given as a form: {key: type}. Instead of a type there may be another form, a tuple of alternatives (None is
one), or a list with the form of its items. {str: form} is an object of any keys whose values all have this form.
`finite` is the form of a number that is neither NaN nor infinite. A file may have more keys.
"""

import contextlib
import json
import math
import os
import pathlib
import tomllib
from collections.abc import Iterator
from typing import Any

from autoint_jax.errors import UsageError, nearest, system_sentence, writing
from autoint_jax.unfinished import unfinished

MEND = 'restore it from a copy, or move it away and run what makes it again'
# No file that is read here is larger; a larger one would take memory and time before it is refused.
MOST_BYTES = 1 << 28


class finite:
    """The form of a number that is neither NaN nor infinite."""


Form = Any  # a type, finite, None, {key: Form}, {str: Form}, (Form, ...) or [Form]
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
            f'there is no {what} {str(path)!r}{nearest(path.stem, known)}: name one that exists; its folder has '
            f'{", ".join(known) or "no TOML file"}'
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
    if problem := difference(value, form, ''):
        raise UsageError(f'{where} has another form than expected ({problem}): {mend}')
    return value


def difference(value: Any, form: Form, key: str) -> str:
    """Returns the first difference between a value, which is that of `key`, and a form; '' if there is none."""
    if isinstance(form, tuple):
        problems = [difference(value, one, key) for one in form]
        return '' if '' in problems else problems[0]
    if isinstance(form, dict):
        if not isinstance(value, dict):
            return mismatch(value, dict, key)
        for name, of in (dict.fromkeys(value, form[str]) if str in form else form).items():
            named = f'{key}.{name}' if key else name
            problem = difference(value[name], of, named) if name in value else f'it has no key {named!r}'
            if problem:
                return problem
        return ''
    if isinstance(form, list):
        if not isinstance(value, list):
            return mismatch(value, list, key)
        for number, item in enumerate(value):
            if problem := difference(item, form[0], f'{key}[{number}]'):
                return problem
        return ''
    if form is None:
        return '' if value is None else mismatch(value, None, key)
    if form in (float, finite):
        number = type(value) in (int, float)
        return '' if number and (form is float or math.isfinite(value)) else mismatch(value, form, key)
    return '' if type(value) is form else mismatch(value, form, key)


def mismatch(value: Any, form: Form, key: str) -> str:
    """Returns the sentence that the value of a key has another form."""
    said = repr(value)
    return f'{key or "the file"} is {said if len(said) <= 60 else said[:60] + "..."}, not {_CALLED[form]}'


@contextlib.contextmanager
def of_form(path: pathlib.Path, *, mend: str = MEND) -> Iterator[None]:
    """A context in which errors mean that a record has another form; they become a UsageError that names `path`."""
    try:
        yield
    except KeyError as error:
        raise UsageError(f'{path} has another form than expected (it has no key {error}): {mend}') from None
    except (TypeError, ValueError, IndexError, AttributeError, ZeroDivisionError) as error:
        raise UsageError(f'{path} has another form than expected ({error}): {mend}') from None


def write_json(path: pathlib.Path, value: dict[str, Any]) -> None:
    """Writes JSON to a file. A reader never sees a half-written file."""
    write_text(path, json.dumps(value, indent=2) + '\n')


@contextlib.contextmanager
def replacing(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A context that yields another name for a file, which is written there and renamed at the end.

    No other writer has that name, so of several that write the same file at once the last one replaces the others'.
    After an error the file stays as it was, and an OSError names it.
    """
    with writing(path), unfinished(path) as scratch:
        yield scratch
        os.replace(scratch, path)


def write_text(path: pathlib.Path, text: str) -> None:
    """Writes a text to a file in UTF-8. A reader never sees a half-written file. Raises OSError that names the file."""
    with replacing(path) as scratch, open(scratch, 'w', encoding='utf-8') as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    folder = os.open(path.parent, os.O_RDONLY)
    with contextlib.suppress(OSError):  # some file systems cannot do this
        os.fsync(folder)  # so that the name is on disk too
    os.close(folder)


def _there(path: pathlib.Path) -> bool:
    """Returns whether there is such a file. It is true if that is unknown; `read_text` then raises the reason."""
    try:
        path.stat()
        return True
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError):
        return True
