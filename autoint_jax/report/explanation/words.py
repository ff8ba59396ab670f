"""Numbers and groups as sentences have them."""

import math
from collections.abc import Sequence

from autoint_jax.evaluation.quality import Interval

MINUS, TIMES = '\u2212', ' \u00d7 '


def number(value: float, digits: int = 3) -> str:
    """Returns a number with so many significant digits, with a true minus sign; 'unknown' if it is not finite."""
    if not math.isfinite(value):
        return 'unknown'
    return (
        f'{value:,.{digits}g}'.replace('-', MINUS) if abs(value) < 10**digits else f'{value:,.0f}'.replace('-', MINUS)
    )


def interval(found: Interval, digits: int = 4) -> str:
    """Returns a figure with its interval, such as '0.8123 (0.8011 to 0.8234)'."""
    if not math.isfinite(found.value):
        return 'unknown'
    if not (math.isfinite(found.low) and math.isfinite(found.high)):
        return f'{found.value:.{digits}f}'
    return f'{found.value:.{digits}f} ({found.low:.{digits}f} to {found.high:.{digits}f})'


def group(names: Sequence[str]) -> str:
    """Returns the names of a group of fields, joined by TIMES."""
    return TIMES.join(names)


def listed(names: Sequence[str]) -> str:
    """Returns names as a list in a sentence: 'a', 'a and b', 'a, b and c'."""
    return ' and '.join([', '.join(names[:-1]), names[-1]] if len(names) > 1 else names)
