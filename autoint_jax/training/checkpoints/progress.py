"""The progress of a run that a checkpoint holds beside the state: its last step, and the seal against wrong bytes."""

import hashlib
import json
from typing import Any

from autoint_jax.training.checkpoints.round_losses import RoundLosses


def last_step(progress: dict[str, Any]) -> int:
    """Returns the step of a checkpoint: that of the last evaluation, and the steps taken since."""
    evaluations = progress['evaluations']
    return (evaluations[-1]['step'] if evaluations else 0) + len(RoundLosses(progress.get('losses', '')))


def seal_of(progress: dict[str, Any], sums: dict[str, int]) -> str:
    """Returns the seal of a checkpoint: the hash of its progress and of the checksums of its state."""
    return hashlib.sha256(json.dumps([progress, sums], sort_keys=True).encode()).hexdigest()
