"""The prolongation of a run: it is given more epochs, or another early stop, and goes on as if asked so at first."""

import json
import pathlib

from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config, replace, value
from autoint_jax.config.fingerprint import identity
from autoint_jax.config.training_config import TrainingConfig
from autoint_jax.errors import UsageError
from autoint_jax.evaluation.evaluation import Evaluation, of_line
from autoint_jax.evaluation.stopping import should_stop

# The options that only say when a run ends.
LENGTH = ('training.epochs', 'training.stop_after_increases', 'training.stop_patience')


def differs_in_length(theirs: Config, ours: Config) -> bool:
    """Returns whether two configurations are those of runs that differ only in when they end."""
    theirs, ours = identity(theirs), identity(ours)
    return theirs != ours and replace(theirs, {path: value(ours, path) for path in LENGTH}) == ours


def shown_difference(theirs: Config, ours: Config) -> str:
    """Returns the options in which two configurations differ, such as 'training.epochs: 8 / 12'."""
    return '; '.join(configuration.difference(identity(theirs), identity(ours)))


def ended_before(folder: pathlib.Path, ours: TrainingConfig) -> float | None:
    """Returns the epoch at which a run would have ended by some options, if it has been trained further; else None.

    Args:
      folder: the run folder.
      ours: the options.

    Raises UsageError if metrics.jsonl of the folder cannot be read.
    """
    evaluations = read_evaluations(folder)
    for count, evaluation in enumerate(evaluations[:-1], start=1):
        values = [one.valid[ours.monitor] for one in evaluations[:count]]
        stops = should_stop(values, ours.monitor, ours.stop_after_increases, ours.stop_patience)
        if stops or evaluation.epoch >= ours.epochs:
            return evaluation.epoch
    return None


def read_evaluations(folder: pathlib.Path) -> list[Evaluation]:
    """Returns the evaluations in metrics.jsonl of a run folder; [] if there is no such file. Raises UsageError."""
    path = folder / 'metrics.jsonl'
    try:
        return [of_line(json.loads(line)) for line in path.read_text().splitlines()]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f'{path} cannot be read ({error}), so it is not known how far the run has come: choose another run folder'
        ) from None
