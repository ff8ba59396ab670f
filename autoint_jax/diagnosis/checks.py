"""A check of a diagnosis and its line of text."""

from collections.abc import Iterable
from typing import NamedTuple

OK, NOTE, BAD = 'ok', 'note', 'bad'


class Check(NamedTuple):
    """The result of one check.

    Attributes:
      verdict: OK, NOTE (worth knowing, but nothing fails) or BAD.
      text: one line that names the subject, the finding and, if it is not OK, what to do.
    """

    verdict: str
    text: str


def lines(found: Iterable[Check]) -> str:
    """Returns one line for each check, with its verdict first."""
    return '\n'.join(f'  {check.verdict:<4}  {check.text}' for check in found)
