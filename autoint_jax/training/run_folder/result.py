"""The result of a complete run, as result.json holds it."""

import dataclasses
import pathlib
from typing import ClassVar

from autoint_jax import stored
from autoint_jax.evaluation.metrics import ALWAYS

Figures = dict[str, float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """The result of a complete run.

    Attributes:
      fingerprint: of the run's configuration.
      data_hash: of the data that it was trained on.
      seed: of the run.
      test: metrics of the test split, of the best state.
      valid: metrics of the validation split, of the best state.
      best_step, best_epoch: when the best state was evaluated.
      steps, epochs: when training ended.
      parameters: of the model, without its embeddings.
      embedding_parameters: of the embeddings.
      first_step_seconds: from the last start to its first step; None where no step was left.
      train_seconds: of training, over all starts.
      train_rows_per_second: over `train_seconds`.
      version: of this record.
    """

    VERSION: ClassVar[int] = 2  # 1 had no number; the fields are the same

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
    version: int = VERSION


# Keys of metrics that every result has, with their form.
FIGURES = dict.fromkeys(ALWAYS, float)


def read_result_file(path: pathlib.Path, *, mend: str) -> Result:
    """Reads a result. Raises UsageError where it is none, or lacks a metric of FIGURES."""
    found = stored.read_record(path, Result, mend=mend)
    stored.checked(
        {'test': found.test, 'valid': found.valid}, {'test': FIGURES, 'valid': FIGURES}, str(path), mend=mend
    )
    return found
