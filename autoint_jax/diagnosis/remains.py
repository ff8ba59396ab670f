"""Compares what a run has left in its folder with what a run that was never killed has left."""

import json
import pathlib
from typing import Any

from autoint_jax.errors import UsageError
from autoint_jax.training.checkpoints.checkpoint_reader import CheckpointReader

# Folders that a complete run does not have.
LEFT_OVER = 'checkpoints_set_aside', 'checkpoints_between_set_aside', 'checkpoints_between'


def remains(folder: pathlib.Path) -> dict[str, Any]:
    """Returns what a complete run has left, but for times: result, lines of evaluations, checksums of its states."""
    if not (folder / 'result.json').exists():
        return {}
    result = json.loads((folder / 'result.json').read_text())
    reader = CheckpointReader(folder / 'checkpoints')
    return {
        'result': {name: value for name, value in result.items() if not name.startswith(('train_', 'first_step_'))},
        'lines': (folder / 'metrics.jsonl').read_text().splitlines(),
        'sums': {str(step): _sums(reader, step) for step in reader.steps()},
        'left_over': any((folder / name).exists() for name in LEFT_OVER),
    }


def _sums(reader: CheckpointReader, step: int) -> dict[str, int] | str | None:
    """Returns the checksums of a checkpoint, or a sentence if it is damaged."""
    try:
        return reader.sums(step)
    except UsageError as error:
        return str(error)


def ending(found: dict[str, Any], whole: dict[str, Any]) -> str:
    """Returns how a run ended, beside one that was never killed: 'same', 'different', 'repeated' or 'lost'.

    Args:
      found: the remains of the run.
      whole: the remains of the run that was never killed.
    """
    steps = [json.loads(line)['step'] for line in found.get('lines', [])]
    wanted = [json.loads(line)['step'] for line in whole['lines']]
    if not set(wanted) <= set(steps):
        return 'lost'
    if len(steps) > len(wanted):
        return 'repeated'
    return 'same' if found == whole else 'different'
