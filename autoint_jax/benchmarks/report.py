"""What a benchmark prints, and the record it leaves."""

import dataclasses
import os
import pathlib
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from autoint_jax.training.run_folder import records
from autoint_jax.training.run_folder.provenance import processor, provenance
from autoint_jax.training.step.placement import usable_cores

# An absolute path at the start of a word or of an option's value; a URL's double slash is none.
ABSOLUTE_PATH = re.compile(r'(?:(?<=[\s=\'":,])|^)/(?!/)[^\s=\'":,]*')


class Outcome(NamedTuple):
    """Attributes:
    lines: what to print.
    figures: what to record, JSON values.
    """

    lines: list[str]
    figures: dict[str, Any]


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """Aligned text: numbers to the right, the rest to the left; floats as they matter."""
    shown = [list(header)] + [[_shown(cell) for cell in row] for row in rows]
    widths = [max(len(line[column]) for line in shown) for column in range(len(header))]
    right = [bool(rows) and all(isinstance(row[column], (int, float)) for row in rows) for column in range(len(header))]
    return [
        '  '.join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in shown
    ]


def _shown(cell: Any) -> str:
    if isinstance(cell, float):
        return f'{cell:,.0f}' if abs(cell) >= 100 else f'{cell:.3g}'
    return f'{cell:,}' if isinstance(cell, int) else str(cell)


def without_paths(text: str) -> str:
    """The text with absolute paths made relative to the working directory where below it, else to their last name."""

    def shortened(match: re.Match) -> str:
        path = pathlib.Path(match[0])
        below = path.is_relative_to(pathlib.Path.cwd()) and path != pathlib.Path.cwd()
        return str(path.relative_to(pathlib.Path.cwd())) if below else path.name

    return ABSOLUTE_PATH.sub(shortened, text)


def machine() -> dict[str, Any]:
    """The computer: processor, cores this process may use, memory, and how busy it was."""
    return {
        'cpu': processor(),
        'cores': usable_cores(),
        'memory_bytes': os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES'),
        'load_of_last_minute': os.getloadavg()[0],
    }


def write_record(path: pathlib.Path, title: str, figures: dict[str, Any], command: list[str]) -> None:
    """Writes figures with all that tells how they came about. No absolute path of this machine is kept."""
    path.parent.mkdir(parents=True, exist_ok=True)
    records.write_json(
        path,
        {
            'benchmark': title,
            **figures,
            **dataclasses.asdict(provenance()),
            'command': [without_paths(part) for part in command],
            'machine': machine(),
        },
    )
