"""One line of a diagnosis."""

from collections.abc import Iterable
from typing import NamedTuple

OK, NOTE, BAD = 'ok', 'note', 'bad'


class Check(NamedTuple):
    """What one check found.

    Attributes:
      verdict: OK; NOTE, worth knowing, nothing fails of it; or BAD.
      text: one line: what was looked at, what was found and, where it is not OK, what to do.
    """

    verdict: str
    text: str


def lines(found: Iterable[Check]) -> str:
    """One line a check, its verdict first."""
    return '\n'.join(f'  {check.verdict:<4}  {check.text}' for check in found)
