"""Tables of results/, written as JSON and as CSV."""

import csv
import dataclasses
import io
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from autoint_jax import stored
from autoint_jax.errors import UsageError
from autoint_jax.training.run_folder.provenance import provenance, without_paths


def seeds_of(path: pathlib.Path) -> int:
    """Returns the number of seeds of the table at PATH.json, 0 if there is none or it does not say."""
    found = stored.read_json_if_there(path.with_name(f'{path.name}.json'), mend='restore it, or remove it')
    return _count({} if found is None else found)


def check_seeds(path: pathlib.Path, seeds: int) -> None:
    """Raises UsageError if the table at PATH.json has more seeds than one that would replace it."""
    if (theirs := seeds_of(path)) > seeds:
        raise UsageError(
            f'{path}.json shows {theirs} seeds, and a table of {seeds} does not replace it: give --seeds={theirs}, or '
            'name another --results_dir'
        )


def write_table(
    path: pathlib.Path,
    rows: Sequence[dict[str, Any]],
    about: dict[str, Any],
    libraries: Mapping[str, str] | None = None,
) -> None:
    """Writes PATH.json (rows, further values and their provenance, without this machine's paths) and PATH.csv (rows).

    Args:
      path: the path of both files, without suffix.
      rows: one dictionary for each row, all with the same keys; the CSV file has the items of a list with spaces
        between.
      about: {name: JSON value} about all rows; 'seeds' is the number of seeds, or their list.
      libraries: {name: version} of further libraries that take part.

    Raises:
      UsageError: there is a table with more seeds at the path.
    """
    if 'seeds' in about:
        check_seeds(path, _count(about))
    path.parent.mkdir(parents=True, exist_ok=True)
    made = dataclasses.asdict(provenance(libraries=libraries))
    made['command'] = [without_paths(part) for part in made['command']]
    stored.write_json(path.with_name(f'{path.name}.json'), {**about, **made, 'rows': list(rows)})
    text = io.StringIO(newline='')
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(
        {key: ' '.join(value) if isinstance(value, list) else value for key, value in row.items()} for row in rows
    )
    stored.write_text(path.with_name(f'{path.name}.csv'), text.getvalue())


def _count(about: Mapping[str, Any]) -> int:
    seeds = about.get('seeds', 0)
    return len(seeds) if isinstance(seeds, list) else seeds
