"""Deletion and insertion curves: how fast the logit changes if fields are replaced in an order of importance.

A row is changed into a background row, field by field. Deletion replaces the most important field of the row first;
insertion begins with the background row and takes over the most important field of the row first. An order that finds
what matters for this row changes the logit early in both.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from autoint_jax.data.store.columns import Columns
from autoint_jax.evaluation.quality import Curve
from autoint_jax.explain import evidence
from autoint_jax.explain.counterfactuals import Score, pieces, scored, with_background
from autoint_jax.explain.strengths import Asked, by_row, score_of
from autoint_jax.explain.survey.request import Choice, Surveyed, rows_for
from autoint_jax.schema import Schema

RANDOM = 'random'
MOST_STEPS = 40  # points of a curve after its first
LEAST_ROWS, MOST_ROWS = 50, 1000


class Replaced(NamedTuple):
    """What replacing fields in one order does.

    Attributes:
      deletion, insertion: the curves, means over the rows.
      gain: how much more the order changes the logit than replacing fields in random order does, in each row: the
        difference of the areas under deletion, plus that of the areas above insertion, as a mean over steps, in logits,
        float64 [n].
    """

    deletion: Curve
    insertion: Curve
    gain: np.ndarray


def replaced(surveyed: Surveyed, rows: Columns, kinds: Sequence[str], choice: Choice) -> dict[str, Replaced]:
    """Returns {kind of evidence: what replacing fields in its order does}, with RANDOM as a further kind.

    Args:
      surveyed: the run.
      rows: the rows, in memory and in random order, two at least.
      kinds: of evidence.
      choice: how many scores may be computed, and the seed.
    """
    schema = surveyed.run.setup.schema
    of_row = 2 * (len(kinds) + 1) * min(len(schema.fields), MOST_STEPS)
    some = rows.part(slice(rows_for(choice.scores // 4, of_row, LEAST_ROWS, min(len(rows), MOST_ROWS))))
    importance = {kind: _importance(surveyed, some, kind, choice) for kind in kinds}
    importance[RANDOM] = np.random.default_rng((2018, choice.seed)).random((len(some), len(schema.fields)))
    return curves(score_of(surveyed.run, surveyed.scorer), schema, some, importance, choice.seed + 7)


def curves(
    score: Score, schema: Schema, rows: Columns, importance: Mapping[str, np.ndarray], seed: int
) -> dict[str, Replaced]:
    """Returns {kind: what replacing fields in an order does}.

    Args:
      score: scores rows.
      schema: the fields.
      rows: the rows, [n].
      importance: {kind: importance of each field in each row, [n, f]}, RANDOM among them.
      seed: of the draws of background rows, which other rows are.
    """
    fields = len(schema.fields)
    steps = np.unique(np.linspace(0, fields, min(fields, MOST_STEPS) + 1).round().astype(int))
    (explained,) = with_background(schema, rows, None, 1, seed)
    found = {}
    for kind, values in importance.items():
        # The place of each field, 0 for the most important one; [n, f].
        places = np.argsort(np.argsort(-values, axis=1, kind='stable'), axis=1, kind='stable')
        parts, first = [], 0
        for piece in pieces(explained, 2 * len(steps)):
            own = places[first : first + len(piece.rows)]
            numbers = np.repeat(np.arange(len(own)), len(steps))
            chosen = (own[:, None] < steps[:, None]).reshape(-1, fields)
            logits = scored(score, piece, np.tile(numbers, 2), np.concatenate([~chosen, chosen]))
            parts.append(logits.reshape(2, len(own), len(steps)).astype(np.float64))
            first += len(piece.rows)
        whole = np.concatenate(parts, 1)
        found[kind] = np.abs(whole - whole[0, :, :1])  # the distance to the row's own logit
    base = found[RANDOM]
    return {
        kind: Replaced(
            Curve(steps.astype(np.float64), changed[0].mean(0)),
            Curve(steps.astype(np.float64), changed[1].mean(0)),
            ((changed[0] - base[0]) + (base[1] - changed[1])).mean(1),
        )
        for kind, changed in found.items()
    }


def _importance(surveyed: Surveyed, rows: Columns, kind: str, choice: Choice) -> np.ndarray:
    """Returns how important each field is in each row, float64 [n, f].

    In a map of attention it is how much all fields take from the field; else the strength of the field alone.
    """
    run = surveyed.run
    if kind in evidence.KINDS:
        return np.concatenate([maps.mean(1) for maps in evidence.maps(run.setup, run.state, rows, kind)])
    singles = [(field,) for field in range(len(run.setup.schema.fields))]
    asked = Asked(order=1, kind=kind, seed=choice.seed)
    return np.concatenate([piece.strengths for piece in by_row(run, surveyed.scorer, rows, None, asked, singles)])
