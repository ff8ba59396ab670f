"""Options of a configuration: how a dataclass declares an option with its help, and how it refuses a wrong value."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from autoint_jax.errors import UsageError, nearest

# Steps, rows and places are 32-bit numbers in compiled programs.
MOST_PLACES = 2**30


def option(default: Any, help_text: str) -> Any:
    """Returns a field of a configuration's dataclass, with its default and its help text."""
    return dataclasses.field(default=default, metadata={'help': help_text})


def is_on(value: Any) -> bool:
    """Returns whether an option that is off at 0 is on. An array is on: copies of a run differ in that option."""
    return not isinstance(value, (int, float)) or value != 0


def check(condition: bool, path: str, value: Any, wanted: str) -> None:
    """Raises UsageError that names the option, its value and what it must be, unless `condition` holds."""
    if not condition:
        raise UsageError(f'option {path!r} is {value!r}, but must be {wanted}')


def check_choice(path: str, value: Any, choices: Iterable[str]) -> None:
    """Raises UsageError that names the option, its value, all choices and the most similar one, unless it is one."""
    known = list(choices)
    check(value in known, path, value, f'one of {", ".join(map(repr, known))}{nearest(str(value), known)}')
