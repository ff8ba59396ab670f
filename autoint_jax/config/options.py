"""Options of a configuration: how a dataclass declares one with its help, and how a wrong value is refused."""

import dataclasses
from typing import Any

from autoint_jax.errors import UsageError

# Steps, rows and places are 32-bit numbers in compiled programs.
MOST_PLACES = 2**30


def option(default: Any, help_text: str) -> Any:
    """A field of a configuration's dataclass."""
    return dataclasses.field(default=default, metadata={'help': help_text})


def is_on(value: Any) -> bool:
    """Whether an option that is off at 0 is on. One in which copies of a run differ is an array by then, and on."""
    return not isinstance(value, (int, float)) or value != 0


def check(condition: bool, path: str, value: Any, wanted: str) -> None:
    """Raises UsageError that names the option, its value and what it must be, unless `condition` holds."""
    if not condition:
        raise UsageError(f'option {path!r} is {value!r}, but must be {wanted}')
