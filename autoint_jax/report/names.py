"""Names of fields and values as pictures show them: short, printable, and all different."""

import collections
from collections.abc import Sequence

from autoint_jax.terminal import shown

LONGEST = 20  # the most characters of a label


def labels(names: Sequence[str]) -> list[str]:
    """Returns a label for each name, in order.

    Control characters are written as escapes. A label of more than LONGEST characters loses its middle. One that lost
    something, or would equal another, ends with its number, counted from 1: ' #17'.
    """
    whole = [shown(name) if name.strip() else repr(name) for name in names]
    found = [label if len(label) <= LONGEST else _shortened(label, number) for number, label in enumerate(whole, 1)]
    taken = collections.Counter(found)
    return [
        label if taken[label] == 1 else _shortened(of, number)
        for number, (label, of) in enumerate(zip(found, whole, strict=True), 1)
    ]


def shortened(text: str, most: int = 40) -> str:
    """Returns a printable text of at most `most` characters, without its middle if it is longer."""
    text = shown(text)
    if len(text) <= most:
        return text
    return f'{text[: 2 * most // 3 - 1]}…{text[len(text) - most + 2 * most // 3 :]}'


def _shortened(label: str, number: int) -> str:
    end = f' #{number}'
    return shortened(label, LONGEST - len(end)) + end
