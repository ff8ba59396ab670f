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


def shown_bytes(count: float) -> str:
    """A number of bytes for a person, in decimal units: '1.92 GB'."""
    for unit in ('bytes', 'kB', 'MB', 'GB'):
        if count < 1000:
            return f'{count:.3g} {unit}' if count < 999.5 else f'{count:.0f} {unit}'
        count /= 1000
    return f'{count:.3g} TB' if count < 999.5 else f'{count:,.0f} TB'
