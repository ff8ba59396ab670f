"""Functions that are told sentences for the user while data is prepared or checked."""

from collections.abc import Callable

Say = Callable[[str], None]


def silent(sentence: str) -> None:
    """Ignores a sentence."""
