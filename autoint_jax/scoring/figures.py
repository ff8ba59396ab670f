"""AUC and logloss of rows that are scored block by block."""

import array

import numpy as np

from autoint_jax.evaluation import metrics
from autoint_jax.evaluation.metric import Scored, Totals

_AT_ONCE = 1 << 16


class RunningFigures:
    """The figures of scored rows, in four bytes a row.

    Attributes:
      rows: number of rows with a label.
    """

    def __init__(self):
        self._logits = array.array('f'), array.array('f')  # of negatives and of positives
        self._loss = 0.0

    @property
    def rows(self) -> int:
        return sum(map(len, self._logits))

    def add(self, logits: np.ndarray, labels: np.ndarray, soft_labels: np.ndarray | None = None) -> None:
        """Adds rows: logits float32 [n], labels [n], 0 or 1; rows whose label is NaN do not count.

        The logloss takes `soft_labels`, [n] from 0 to 1, in place of labels if there are any.
        """
        for label, kept in enumerate(self._logits):
            own = logits[labels == label]
            kept.frombytes(own.tobytes())
            if soft_labels is None:
                wrong = (-own if label else own).astype(np.float64)  # how far a logit leans to the other label
                self._loss += float(np.logaddexp(0.0, wrong).sum())
            else:
                logit, soft = own.astype(np.float64), soft_labels[labels == label].astype(np.float64)
                self._loss += float(soft @ np.logaddexp(0.0, -logit) + (1 - soft) @ np.logaddexp(0.0, logit))

    def figures(self) -> dict[str, float]:
        """Returns {name: value} of the metrics that every evaluation has; NaN if one is not defined."""
        negatives, positives = (np.frombuffer(kept, np.float32) for kept in self._logits)
        negatives.sort()
        won = 0
        for start in range(0, len(positives), _AT_ONCE):
            part = positives[start : start + _AT_ONCE]
            won += sum(int(np.searchsorted(negatives, part, side).sum()) for side in ('left', 'right'))
        totals = Totals(len(negatives), len(positives), won, self._loss)
        return metrics.figures(metrics.ALWAYS, Scored(totals, np.zeros(0)))
