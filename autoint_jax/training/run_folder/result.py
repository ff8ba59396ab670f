"""The result of a complete run, which result.json holds."""

import dataclasses
import pathlib
from typing import ClassVar

from autoint_jax import stored, stored_records
from autoint_jax.evaluation.metrics import ALWAYS

Figures = dict[str, float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """The result of a complete run.

    Attributes:
      fingerprint: the fingerprint of the run's configuration.
      data_hash: the hash of the data that it was trained on.
      seed: the seed of the run.
      test: {name: value} of the metrics of the best state on the test split.
      valid: {name: value} of the metrics of the best state on the validation split.
      best_step, best_epoch: steps and epochs before the evaluation of the best state.
      steps, epochs: steps and epochs of the whole training.
      parameters: the number of parameters of the model, without its embeddings.
      embedding_parameters: the number of parameters of the embeddings.
      first_step_seconds: seconds from the last start to its first step; None if no step was left.
      train_seconds: seconds of training, over all starts.
      train_rows_per_second: the mean rows/s over `train_seconds`.
      skipped_steps: steps that were skipped because they were not finite; None if the run does not skip steps.
      version: the version of this record.
    """

    VERSION: ClassVar[int] = 2  # records of version 1 have no version; their fields are the same

    fingerprint: str
    data_hash: str
    seed: int
    test: Figures
    valid: Figures
    best_step: int
    best_epoch: float
    steps: int
    epochs: float
    parameters: int
    embedding_parameters: int
    first_step_seconds: float | None
    train_seconds: float
    train_rows_per_second: float
    skipped_steps: int | None = None
    version: int = VERSION


# {metric that every result has: its type}
FIGURES = dict.fromkeys(ALWAYS, float)


def read_result_file(path: pathlib.Path, *, mend: str) -> Result:
    """Reads a result. Raises UsageError if the file holds no result, or lacks a metric of FIGURES."""
    found = stored_records.read_record(path, Result, mend=mend)
    stored.checked(
        {'test': found.test, 'valid': found.valid}, {'test': FIGURES, 'valid': FIGURES}, str(path), mend=mend
    )
    return found
