"""The metrics that an evaluation measures, and their computation from the scores of a split."""

import dataclasses
import math
from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np

from autoint_jax.errors import UsageError, nearest
from autoint_jax.evaluation import metrics
from autoint_jax.evaluation.metric import GROUPS, NOTHING, TOTALS, Scored, Totals
from autoint_jax.evaluation.sums import Scores, totals
from autoint_jax.evaluation.weighted import WEIGHTED
from autoint_jax.schema import CATEGORICAL, ROW_WEIGHTS, SOFT_LABELS, Schema


class Rows(Protocol):
    """The columns of a split that an evaluation reads on the host: ids int32 [n, slots], the others [n] or None."""

    @property
    def ids(self) -> np.ndarray: ...

    @property
    def labels(self) -> np.ndarray: ...

    @property
    def row_weights(self) -> Any: ...

    @property
    def soft_labels(self) -> Any: ...


@dataclasses.dataclass(frozen=True)
class Measures:
    """The metrics of an evaluation.

    Attributes:
      names: the names of the metrics.
      slot: the id slot of the field that groups rows; None if no metric needs groups.
    """

    names: tuple[str, ...]
    slot: int | None

    @property
    def keep_logits(self) -> bool:
        """Whether the logits must be copied to the host, because a metric needs more than the sums of the devices."""
        return metrics.needed(self.names) != TOTALS

    def check_defined(self, name: str, rows: Rows, asked: str) -> None:
        """Checks that a metric has a value on some rows, whatever their scores are.

        Args:
          name: the name of the metric, which is one of `names`.
          rows: the rows of the validation split.
          asked: what asks for the metric, for the sentence, such as 'training.monitor=auc'.

        Raises:
          UsageError: it has none, as the AUC of rows of one class.
        """
        metric, positives = metrics.metric(name), int((rows.labels > 0.5).sum())
        unscored = Totals(len(rows.labels) - positives, positives, 0, 0.0)
        logits = np.zeros(len(rows.labels), np.float32) if metric.needs != TOTALS else None
        if math.isnan(metric.of(self._scored(unscored, logits, rows))):
            raise UsageError(
                f'{asked} is not defined on the validation split ({metric.undefined}): choose another metric, or '
                'prepare the data with another split'
            )

    def figures(self, scores: Scores, rows: Rows) -> dict[str, float]:
        """Returns {name: value} of a split. It waits for the devices to compute the scores.

        Args:
          scores: the scores of the split, with logits if `keep_logits`.
          rows: the rows of the split, in the order of the logits.
        """
        return metrics.figures(self.names, self._scored(totals(scores.sums), scores.logits, rows))

    def _scored(self, of_split: Totals, logits: Any, rows: Rows) -> Scored:
        """Returns the rows of a split with their totals and their logits, if any."""
        return Scored(
            of_split,
            rows.labels,
            NOTHING if logits is None else np.asarray(logits),
            NOTHING if self.slot is None else np.asarray(rows.ids[:, self.slot]),
            NOTHING if rows.row_weights is None else rows.row_weights,
            NOTHING if rows.soft_labels is None else rows.soft_labels,
        )


def measures(names: Iterable[str], group_by: str, schema: Schema) -> Measures:
    """Returns the measures of an evaluation: the metrics that every evaluation has, and further ones.

    If rows have weights, weighted metrics are always among them.

    Args:
      names: the names of further metrics.
      group_by: the name of the categorical field whose value groups rows; '' for none.
      schema: the schema of the data.

    Raises:
      UsageError: there is no such metric or no such field, or a metric needs groups, weights or labels 0 and 1, which
        are lacking.
    """
    chosen = metrics.chosen(names)
    for metric in map(metrics.metric, chosen):
        if metric.weighted and ROW_WEIGHTS not in schema.row_columns:
            raise UsageError(
                f'the metric {metric.name!r} needs weights of rows, and this data has none: choose another metric, or '
                'prepare the data by a declaration with the key weight'
            )
        if metric.of_shares and SOFT_LABELS in schema.row_columns:
            raise UsageError(
                f'the metric {metric.name!r} compares predictions with the share of positive rows, and the labels of '
                'this data are soft: choose another metric'
            )
    if ROW_WEIGHTS in schema.row_columns:
        chosen = tuple(dict.fromkeys([*chosen, *(metric.name for metric in WEIGHTED)]))
    if metrics.needed(chosen) != GROUPS:
        return Measures(chosen, None)
    return Measures(chosen, _slot(group_by, schema, next(name for name in chosen if metrics.needed([name]) == GROUPS)))


def _slot(group_by: str, schema: Schema, needing: str) -> int:
    """Returns the id slot of a categorical field. Raises UsageError if the data has no such field."""
    known = [field.name for field in schema.id_fields if field.kind == CATEGORICAL]
    if group_by not in known:
        said = f'{group_by!r} is not one{nearest(group_by, known)}' if group_by else 'none is named'
        raise UsageError(
            f'the metric {needing!r} groups rows by a categorical field of the data, and {said}: '
            f'choose one of {", ".join(known) or "no field: this data has none"}'
        )
    return schema.slots[group_by].start
