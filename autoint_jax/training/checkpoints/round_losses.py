"""The training losses of a round, which are the steps since the last evaluation."""

import numpy as np

from autoint_jax.training.step import order
from autoint_jax.training.step.schedule import Schedule


class RoundLosses:
    """The losses of the steps since the last evaluation.

    A checkpoint between evaluations holds them, so that the mean training logloss of a resumed round has the bits of a
    round that was not interrupted.
    """

    def __init__(self, saved: str = ''):
        """Takes the losses as `saved` returns them; none by default."""
        self._parts = [np.frombuffer(bytes.fromhex(saved), '<f4')]

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def add(self, losses: np.ndarray) -> None:
        """Adds the losses of the next steps, float32 [steps], in nats."""
        self._parts.append(losses)

    def mean(self, schedule: Schedule, first: int) -> float:
        """Returns the mean over the rows of all batches, in nats.

        Args:
          schedule: the schedule of the run.
          first: the step of the run before the round.
        """
        return order.mean_over_rows(
            np.concatenate(self._parts),
            first % schedule.epoch_steps,
            rows=schedule.rows,
            batch_size=schedule.batch_size,
        )

    @property
    def skipped(self) -> int:
        """The number of steps whose loss is not finite."""
        return int((~np.isfinite(np.concatenate(self._parts))).sum())

    def saved(self) -> str:
        """Returns all losses as text: eight hexadecimal digits for each, the bytes of a little-endian float32."""
        return np.concatenate(self._parts).astype('<f4').tobytes().hex()
