"""The lines that a benchmark prints, and the record that it writes."""

import dataclasses
import os
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from autoint_jax import stored
from autoint_jax.cores import usable_cores
from autoint_jax.training.run_folder.provenance import processor, provenance, without_paths


class Outcome(NamedTuple):
    """The outcome of a benchmark.

    Attributes:
      lines: the lines to print.
      figures: the JSON values to record.
    """

    lines: list[str]
    figures: dict[str, Any]


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """Aligns a table as lines of text: numbers to the right, other cells to the left.

    Floats have three significant digits.
    """
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


def machine() -> dict[str, Any]:
    """Describes the computer: processor, usable cores, memory in bytes, and load of the last minute."""
    return {
        'cpu': processor(),
        'cores': usable_cores(),
        'memory_bytes': os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES'),
        'load_of_last_minute': os.getloadavg()[0],
    }


def write_record(path: pathlib.Path, title: str, figures: dict[str, Any], command: list[str]) -> None:
    """Writes figures and how they were measured. The record holds no absolute path of this machine.

    Args:
      path: the JSON file.
      title: the name of the benchmark.
      figures: the figures, as JSON values.
      command: the command line.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    stored.write_json(
        path,
        {
            'benchmark': title,
            **figures,
            **dataclasses.asdict(provenance()),
            'command': [without_paths(part) for part in command],
            'machine': machine(),
            'xla_flags': os.environ.get('XLA_FLAGS', ''),
        },
    )
