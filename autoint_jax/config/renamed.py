"""Options that were renamed. Stored configurations with the old names can still be read."""

from typing import Any

# {old name: name}
RENAMED = {
    'model.form': 'execution.form',
    'optimizer.tables_form': 'execution.tables_form',
    'training.slice_rows': 'execution.slice_rows',
    'data.streaming': 'execution.streaming',
}
OLD_NAMES = {name: old for old, name in RENAMED.items()}


def renamed(values: dict[str, Any]) -> dict[str, Any]:
    """Returns values of options, such as {'model.form': 'heads'}, with each option under its present name."""
    return {RENAMED.get(path, path): value for path, value in values.items()}


def hint(path: str) -> str:
    """Returns a clause for an error about an unknown option: its new name if it was renamed, else an empty text."""
    return f'; it was renamed to {RENAMED[path]!r}' if path in RENAMED else ''
