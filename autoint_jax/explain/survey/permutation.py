"""What the AUC loses if the values of fields are permuted over the rows."""

from collections.abc import Sequence

import numpy as np

from autoint_jax.data.store.columns import Columns
from autoint_jax.evaluation.intervals import auc_loss
from autoint_jax.explain.counterfactuals import Explained, Score, pieces, scored, taken
from autoint_jax.explain.findings import Permuted
from autoint_jax.schema import Schema


def permuted(
    score: Score, schema: Schema, rows: Columns, groups: Sequence[tuple[int, ...]], seed: int
) -> list[Permuted]:
    """Returns the loss of AUC if each group of fields is permuted, its fields together.

    One permutation is used for all groups, so that their losses can be compared.

    Args:
      score: scores rows.
      schema: the fields.
      rows: the rows, [n], with labels.
      groups: by numbers of fields.
      seed: of the permutation.
    """
    order = np.random.default_rng((2001, seed)).permutation(len(rows))
    explained = Explained(schema, rows, taken(rows, order))
    base = score(rows)
    singles = sorted({field for group in groups for field in group})
    alone = {field: auc_loss(base, _changed(score, explained, (field,)), rows.labels).value for field in singles}
    found = []
    for group in groups:
        loss = auc_loss(base, _changed(score, explained, group), rows.labels)
        names = tuple(schema.names[field] for field in group)
        found.append(Permuted(names, *loss, sum(alone[field] for field in group)))
    return found


def _changed(score: Score, explained: Explained, group: tuple[int, ...]) -> np.ndarray:
    """Returns the logits of rows in which the fields of a group have the values of the background rows."""
    found = []
    for piece in pieces(explained, 1):
        kept = np.ones((len(piece.rows), len(piece.schema.fields)), bool)
        kept[:, list(group)] = False
        found.append(scored(score, piece, np.arange(len(piece.rows)), kept))
    return np.concatenate(found)
