"""The checks of each kind of evidence, and what follows from them."""

from collections.abc import Sequence

import numpy as np

from autoint_jax.data.store.columns import Columns
from autoint_jax.explain.counterfactuals import taken
from autoint_jax.explain.findings import AttentionFindings, Belief, Interactions, Permuted
from autoint_jax.explain.pairs import rank_matrix
from autoint_jax.explain.strengths import score_of
from autoint_jax.explain.survey import verdicts
from autoint_jax.explain.survey.comparison import Compared
from autoint_jax.explain.survey.permutation import permuted
from autoint_jax.explain.survey.replacement_curves import replaced
from autoint_jax.explain.survey.request import Choice, Surveyed, drawn, rows_for

# Rows whose values are permuted, at least and at most; the strongest pairs of each kind of evidence that are permuted.
LEAST_ROWS, MOST_ROWS, PAIRS_OF_EACH = 500, 20_000, 2


def belief_of(
    surveyed: Surveyed,
    columns: Columns,
    numbers: np.ndarray,
    rows: Columns,
    interactions: Interactions,
    attention: AttentionFindings | None,
    kinds: Sequence[str],
    runs: Sequence[Compared],
    choice: Choice,
) -> Belief:
    """Returns how far each kind of evidence can be trusted.

    Args:
      surveyed: the run.
      columns, numbers: the rows that were chosen from some columns.
      rows: those that were explained, in memory and in random order.
      interactions: which fields interact.
      attention: what attention shows; None if the model has none.
      kinds: of evidence.
      runs: what this run and others show.
      choice: how many scores may be computed, and the seed.
    """
    pairs = interactions.pairs
    curves = replaced(surveyed, rows, kinds, choice)
    losses = _permuted(surveyed, columns, numbers, interactions, choice)
    measured = list(pairs)
    correlations = rank_matrix(np.array([pairs[kind].strength for kind in measured])) if pairs else np.zeros((0, 0))
    seeds = None
    if len(runs) > 1:
        seeds = {kind: _agreed(np.array([one.strengths[kind] for one in runs])) for kind in measured}
    return Belief(
        {kind: own.deletion for kind, own in curves.items()},
        {kind: own.insertion for kind, own in curves.items()},
        losses,
        measured,
        correlations,
        seeds,
        [
            *(verdicts.of_maps(attention) if attention else []),
            *verdicts.of_correlations(measured, correlations),
            *verdicts.of_curves(curves),
            *verdicts.of_permuted(pairs, losses),
            *verdicts.of_seeds(seeds, len(runs)),
        ],
    )


def _agreed(strengths: np.ndarray) -> float:
    """Returns the mean rank correlation over every two runs of strengths, [runs, pairs]."""
    return float(rank_matrix(strengths)[np.triu_indices(len(strengths), 1)].mean())


def _permuted(
    surveyed: Surveyed, columns: Columns, numbers: np.ndarray, interactions: Interactions, choice: Choice
) -> list[Permuted]:
    """Returns the loss of AUC for the strongest pairs of each kind of evidence; [] if labels of a class are missing.

    Pairs are ranked by the lower end of the interval of their strength, so that none is chosen for its noise.
    """
    labels, names = np.asarray(columns.labels)[numbers], surveyed.run.setup.schema.names
    known = numbers[~np.isnan(labels)]
    chosen: dict[tuple[int, ...], None] = {}
    for effects in interactions.pairs.values():
        for place in np.argsort(-effects.low, kind='stable')[:PAIRS_OF_EACH]:
            chosen[tuple(names.index(name) for name in effects.groups[place])] = None
    if not chosen or len({*(labels[~np.isnan(labels)] > 0.5)}) < 2:
        return []
    most = rows_for(choice.scores, 3 * len(chosen), LEAST_ROWS, MOST_ROWS)
    rows = taken(columns, drawn(known, most, choice.seed))
    found = permuted(
        score_of(surveyed.run, surveyed.scorer), surveyed.run.setup.schema, rows, list(chosen), choice.seed
    )
    return sorted((one for one in found if not np.isnan(one.loss)), key=lambda one: -one.loss)
